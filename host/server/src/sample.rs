//! Samples: what a job does with one envelope, written down beside the job and checked by `mainworker module check`.
//!
//! ```json
//! { "about": "one line, optional",
//!   "envelope": { "configuration": {}, "jobName": "echo", "source": "api", "jobPayload": {} },
//!   "given": { "configuration": {}, "files": {}, "http": [], "clock": "2000-01-01T00:00:00Z", "random": 0,
//!              "attempt": 1, "taskId": "01900000-0000-7000-8000-000000000000" },
//!   "expect": { "outcome": "completed", "result": {} } }
//! ```
//!
//! `guest-sdk/SAMPLES.md` says what each key means. A sample brings everything that a host would give ([`given`]) and says what has to come of it ([`expect`]). It is read
//! strictly, held against the manifest ([`contradiction`]) and then run by the very steps of any envelope ([`trial`]).
//! Nothing of this machine goes in: no settings, no environment, no clock.

mod compare;
pub mod contradiction;
pub mod difference;
pub mod expect;
pub mod file_content;
pub mod folder;
pub mod given;
pub mod json;
pub mod mounts;
pub mod trial;

use crate::failure::Failure;
use crate::hints;
use cap_std::fs::Dir;
use contradiction::Contradiction;
use expect::Expect;
use given::Given;
use json::Json;
use mainworker_domain::json::{Malformed, check};
use mainworker_domain::rejection::JsonProblem;
use mainworker_domain::table::{Table, TableError, TableProblem, type_name};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::Path;

/// Bytes of a sample file: an envelope, some recorded answers, some small files. Larger files are copied in.
pub const SAMPLE_BYTES_MAX: u64 = 8 << 20;

/// The fields of a sample, none of which an envelope has.
pub const FIELDS: [&str; 4] = ["about", "envelope", "given", "expect"];

/// One sample, valid in itself.
#[derive(Debug)]
pub struct Sample {
    /// What it shows, in one line.
    pub about: Option<String>,
    /// The envelope, as written.
    pub envelope: String,
    /// What the host gives.
    pub given: Given,
    /// What has to come of it.
    pub expect: Expect,
}

/// Why a sample is not run.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// It is not JSON, or JSON that two readers could understand differently.
    #[error("line {line}, column {column}: {problem}")]
    Malformed {
        /// What is wrong.
        problem: JsonProblem,
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes.
        column: usize,
    },
    /// A key or a value that is not of the grammar.
    #[error(transparent)]
    Table(#[from] TableError),
    /// It says what the module's manifest excludes.
    #[error("{0}")]
    Contradiction(#[from] Contradiction),
}

impl SampleError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "sample_unreadable",
            Self::Malformed { .. } | Self::Table(_) => "sample_invalid",
            Self::Contradiction(_) => "sample_contradicts_manifest",
        }
    }

    /// The failure of the sample in this file.
    pub fn into_failure(self, file: &Path) -> Failure {
        let file = file.display();
        let (message, pointer) = match &self {
            Self::Contradiction(contradiction) => {
                let message = format!("the sample `{file}` contradicts the manifest: {contradiction}");
                (message, Some(contradiction.pointer()))
            }
            _ => (format!("reading the sample `{file}`: {self}"), None),
        };
        Failure { pointer, ..Failure::usage(self.code(), message, hints::of_sample(&self)) }
    }
}

impl From<Malformed> for SampleError {
    fn from(Malformed { problem, line, column }: Malformed) -> Self {
        Self::Malformed { problem, line, column }
    }
}

/// The one part that is kept as it was written.
#[derive(Deserialize)]
struct AsWritten<'a> {
    #[serde(borrow)]
    envelope: &'a RawValue,
}

impl Sample {
    /// Reads a sample; files that it copies are read from `folder`, the samples folder.
    ///
    /// # Errors
    /// Bytes that are not JSON; a key or value that is not of the grammar; a file that cannot be copied.
    pub fn parse(bytes: &[u8], folder: &Dir) -> Result<Self, SampleError> {
        check(bytes)?;
        let syntax = |error: serde_json::Error| SampleError::Malformed {
            problem: JsonProblem::Syntax(error.to_string()),
            line: error.line(),
            column: error.column(),
        };
        let value: Value = serde_json::from_slice(bytes).map_err(syntax)?;
        if !value.is_object() {
            let problem = TableProblem::WrongType { expected: "an object", found: type_name(&value) };
            return Err(TableError { path: "/".to_owned(), problem }.into());
        }
        let root = Table::open(&value, "", &FIELDS)?;
        let required = |key: &str| root.value(key).ok_or_else(|| root.error(key, TableProblem::MissingKey));
        let envelope = required("envelope")?;
        if !envelope.is_object() {
            let problem = TableProblem::WrongType { expected: "an object", found: type_name(envelope) };
            return Err(root.error("envelope", problem).into());
        }
        let as_written: AsWritten<'_> = serde_json::from_slice(bytes).map_err(syntax)?;
        let text: &RawValue = serde_json::from_slice(bytes).map_err(syntax)?;
        let exact = Json::parse(text.get()).map_err(syntax)?;
        Ok(Self {
            about: root.line("about", 200)?,
            envelope: as_written.envelope.get().to_owned(),
            given: Given::read(root.value("given"), &exact, folder)?,
            expect: Expect::read(required("expect")?, &exact, folder)?,
        })
    }
}

/// The files of mounts, by mount and path.
pub type MountFiles = BTreeMap<String, BTreeMap<String, file_content::FileContent>>;

#[cfg(test)]
mod tests {
    use super::*;
    use cap_std::ambient_authority;
    use mainworker_sandbox::capabilities::http::RecordedError;

    /// What authors read about samples.
    const PAGE: &str = include_str!("../../../guest-sdk/SAMPLES.md");

    #[test]
    fn the_sample_on_the_page_is_one() {
        let world = tempfile::tempdir().unwrap();
        std::fs::create_dir(world.path().join("files")).unwrap();
        std::fs::write(world.path().join("files/c.log"), "copied").unwrap();
        let folder = Dir::open_ambient_dir(world.path(), ambient_authority()).unwrap();
        let text = PAGE.split("```json").nth(1).unwrap().split("```").next().unwrap();
        let sample = Sample::parse(text.as_bytes(), &folder).unwrap();
        assert_eq!(sample.given.http.len(), 2);
        assert_eq!(sample.given.files["edge-logs"]["c.log"].to_bytes(), b"copied");
        for key in given::KEYS {
            assert!(text.contains(&format!("\"{key}\": ")), "the sample has no `{key}`");
        }
    }

    #[test]
    fn the_page_names_every_word() {
        let words = given::KEYS.iter().chain(&expect::KEYS).copied();
        let words = words.chain(RecordedError::ALL.map(RecordedError::as_str));
        for word in words.chain(expect::OUTCOMES.map(|outcome| outcome.as_str())) {
            assert!(PAGE.contains(&format!("`{word}`")), "the page does not name `{word}`");
        }
    }
}
