//! What is signed about a module: in-toto statements of two kinds, about the same two subjects.
//!
//! **Provenance** (SLSA v1) says what the module is and how it came about; a **test result** says which samples passed. The
//! subjects are the job's module and the OCI manifest that it is published with, in this order. A statement is read only out
//! of bytes whose signature was verified, and strictly: what is not known here is not skipped.

mod wire;

use crate::dsse::SignedPayload;
use crate::repository::digest_of;
use mainworker_domain::catalog::ModuleDescription;
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_domain::limits::{STATEMENT_ENTRIES_MAX, STATEMENT_TEXT_CHARS_MAX};
use semver::Version;
use serde_json::Value;
use std::fmt;

/// What every statement says it is.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// The name of the second subject.
pub const MANIFEST_SUBJECT: &str = "oci-manifest";
/// How the external parameters of a provenance are to be understood.
pub const BUILD_TYPE: &str = "urn:mainworker:job-module:v1";

/// The kinds of statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Predicate {
    /// What the module is and how it came about.
    Provenance,
    /// Which samples passed.
    TestResult,
}

impl Predicate {
    /// Each kind.
    pub const ALL: [Self; 2] = [Self::Provenance, Self::TestResult];

    /// The predicate type in a statement.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Provenance => "https://slsa.dev/provenance/v1",
            Self::TestResult => "https://in-toto.io/attestation/test-result/v0.1",
        }
    }

    /// The word for people and settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Provenance => "provenance",
            Self::TestResult => "test-result",
        }
    }

    /// The kind of that [`Predicate::name`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a signed payload is no statement that is known here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Not JSON with one meaning, or JSON of another shape.
    #[error("the statement cannot be read: {problem}")]
    Malformed {
        /// What is wrong.
        problem: String,
    },
    /// A predicate that is not known here.
    #[error("the statement is a `{found}`, expected `{}` or `{}`", Predicate::Provenance.uri(), Predicate::TestResult.uri())]
    OtherPredicate {
        /// The predicate type it names, shortened.
        found: String,
    },
    /// A value that cannot be meant.
    #[error("`{place}` of the statement is {found}, expected {expected}")]
    Invalid {
        /// Where.
        place: &'static str,
        /// What was found, shortened.
        found: String,
        /// What was expected.
        expected: String,
    },
}

/// What statements are about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subjects {
    /// The job.
    pub job: JobName,
    /// Its module file.
    pub module: Digest,
    /// The OCI manifest that the module is published with.
    pub manifest: Digest,
}

/// Digests of the schemas in a module, of those that it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SchemaDigests {
    /// Of the payload's schema.
    pub payload: Option<Digest>,
    /// Of the result's schema.
    pub result: Option<Digest>,
}

impl SchemaDigests {
    /// Those of a module: the SHA-256 of each schema as it is printed without white space.
    pub fn of(description: &ModuleDescription) -> Self {
        let digest =
            |schema: &Option<Value>| schema.as_ref().map(|schema| digest_of(schema.to_string().as_bytes()));
        Self { payload: digest(&description.payload_schema), result: digest(&description.result_schema) }
    }
}

/// A commit of git: 40 or 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GitCommit(String);

impl GitCommit {
    /// The commit of this text; none for another text.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (matches!(text.len(), 40 | 64) && text.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GitCommit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where the source of a module is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The repository, such as `git+https://git.example/jobs`.
    pub uri: Option<String>,
    /// The commit that was built.
    pub commit: GitCommit,
}

/// What the module is and how it came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// What it is about.
    pub subjects: Subjects,
    /// The job's version.
    pub version: Version,
    /// The contract that the module is built against.
    pub world: String,
    /// What the module may do, one line for each power.
    pub capabilities: Vec<String>,
    /// Its schemas.
    pub schemas: SchemaDigests,
    /// The powers that the one before had not, each approved by whoever published.
    pub approved_widenings: Vec<String>,
    /// The OCI manifest that it was compared with; none for a first one.
    pub previous: Option<Digest>,
    /// What it was built from.
    pub source: Source,
    /// Who built it, as a URI.
    pub builder: String,
}

/// How a test run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// Everything passed.
    Passed,
    /// Everything passed, with doubts.
    Warned,
    /// Something did not.
    Failed,
}

/// A file that a test was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleFile {
    /// Its name.
    pub name: String,
    /// Its content.
    pub digest: Digest,
}

/// Which samples passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestResult {
    /// What it is about.
    pub subjects: Subjects,
    /// How the run ended.
    pub verdict: Verdict,
    /// The names of what passed.
    pub passed: Vec<String>,
    /// The names of what passed with doubts.
    pub warned: Vec<String>,
    /// The names of what did not pass.
    pub failed: Vec<String>,
    /// The files of all of them.
    pub samples: Vec<SampleFile>,
}

/// A statement of either kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// What the module is and how it came about.
    Provenance(Provenance),
    /// Which samples passed.
    TestResult(TestResult),
}

impl Statement {
    /// Which kind.
    pub fn predicate(&self) -> Predicate {
        match self {
            Self::Provenance(_) => Predicate::Provenance,
            Self::TestResult(_) => Predicate::TestResult,
        }
    }

    /// What it is about.
    pub fn subjects(&self) -> &Subjects {
        match self {
            Self::Provenance(provenance) => &provenance.subjects,
            Self::TestResult(result) => &result.subjects,
        }
    }

    /// The bytes to sign: the same statement has the same ones.
    ///
    /// # Errors
    /// A statement that would not be read back, such as one with a text that is too long.
    pub fn to_json(&self) -> Result<Vec<u8>, StatementError> {
        let bytes = wire::write(self)?;
        match wire::read(&bytes)? {
            read if read == *self => Ok(bytes),
            _ => Err(StatementError::Malformed { problem: "it is not what it is read back as".to_owned() }),
        }
    }

    /// Reads what was signed.
    ///
    /// # Errors
    /// [`StatementError`]: anything that [`Statement::to_json`] does not make.
    pub fn read(payload: SignedPayload<'_>) -> Result<Self, StatementError> {
        wire::read(payload.bytes())
    }
}

/// Checks a text of a statement: one line, not empty, not too long.
fn check_text(place: &'static str, text: &str) -> Result<(), StatementError> {
    let chars = text.chars().count();
    let fits = chars > 0 && chars <= STATEMENT_TEXT_CHARS_MAX && !text.chars().any(char::is_control);
    if fits {
        return Ok(());
    }
    let expected = format!("a line of 1 to {STATEMENT_TEXT_CHARS_MAX} characters");
    Err(StatementError::Invalid { place, found: format!("a text of {chars} characters"), expected })
}

/// Checks a list of a statement and each text in it.
fn check_texts(place: &'static str, texts: &[String]) -> Result<(), StatementError> {
    check_count(place, texts.len())?;
    texts.iter().try_for_each(|text| check_text(place, text))
}

fn check_count(place: &'static str, count: usize) -> Result<(), StatementError> {
    if count <= STATEMENT_ENTRIES_MAX {
        return Ok(());
    }
    let expected = format!("at most {STATEMENT_ENTRIES_MAX}");
    Err(StatementError::Invalid { place, found: format!("a list of {count} entries"), expected })
}
