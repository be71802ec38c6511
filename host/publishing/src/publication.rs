//! One version of a job as it is published: the module, its OCI manifest after the CNCF layout for WebAssembly, and the signed
//! statements about both.
//!
//! All content is a function of the module, the [`Facts`] and the key, so that a release has one digest in every place.
//! [`publish`] puts it into a repository with the version's tag last: what is half pushed has no version. [`pull`] takes it
//! out again, and nothing of what it takes is believed before [`TrustPolicy::verify`](crate::trust::TrustPolicy::verify).

mod content;
mod publish;
mod pull;
mod referrers;

pub use content::{
    BUNDLE_CONFIG_MEDIA_TYPE, CONFIG_MEDIA_TYPE, INDEX_MEDIA_TYPE, MANIFEST_MEDIA_TYPE, MODULE_MEDIA_TYPE,
};
pub use publish::{Published, keep, publish};
pub use pull::{Pulled, find, pull, versions};
pub use referrers::tag as referrers_tag;

pub(crate) use content::{ModuleParts, content};

use crate::bundle::{Bundle, BundleError};
use crate::dsse::Envelope;
use crate::key::SigningKey;
use crate::place::{TagTooLong, tag_of};
use crate::repository::{Content, RepositoryError};
use crate::statement::{
    Predicate, Provenance, SampleFile, SchemaDigests, Source, Statement, StatementError, Subjects,
    TestResult, Verdict,
};
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::limits::{BUNDLES_MAX, MODULE_BYTES_MAX};
use semver::Version;

/// Why something is not published or not taken.
#[derive(Debug, thiserror::Error)]
pub enum PublicationError {
    /// The repository did not do what it was asked.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// There is no such version in it.
    #[error("{place} has no {wanted}")]
    NoSuchVersion {
        /// The repository.
        place: String,
        /// What was wanted.
        wanted: String,
        /// The versions that it has of this job, the lowest first.
        versions: Vec<Version>,
        /// Jobs that it has with a name like this one's, if it has none of this one.
        nearest: Vec<String>,
    },
    /// What is there is not a job module as this crate publishes it.
    #[error("{what} is {found}, expected {expected}")]
    NotAPublication {
        /// Which content.
        what: String,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// More than there may be.
    #[error("{what} has {observed_bytes} bytes, expected at most {allowed_bytes}")]
    TooLarge {
        /// Which content.
        what: &'static str,
        /// How much it has.
        observed_bytes: u64,
        /// How much it may have.
        allowed_bytes: u64,
    },
    /// More signed statements than are looked at.
    #[error("{manifest} has {found} signed statements, expected at most {BUNDLES_MAX}")]
    TooManyBundles {
        /// The manifest that they are about.
        manifest: Digest,
        /// How many.
        found: usize,
    },
    /// A module without a single test that passed.
    #[error("no test of `{job}` passed, expected at least one: nothing untested is published")]
    Untested {
        /// The job.
        job: JobName,
    },
    /// A version that makes no tag.
    #[error(transparent)]
    Tag(#[from] TagTooLong),
    /// Facts that no statement can hold.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// Statements that no bundle can hold.
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

/// What is known of a module when it is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The job.
    pub job: JobName,
    /// Its version.
    pub version: Version,
    /// The contract that the module is built against.
    pub world: String,
    /// The names of what the component exports.
    pub exports: Vec<String>,
    /// The names of what the component imports.
    pub imports: Vec<String>,
    /// What it may do, one line for each power.
    pub capabilities: Vec<String>,
    /// Its schemas.
    pub schemas: SchemaDigests,
    /// The powers that the one before had not.
    pub approved_widenings: Vec<String>,
    /// The OCI manifest that it was compared with; none for a first one.
    pub previous: Option<Digest>,
    /// What it was built from.
    pub source: Source,
    /// Who built it, as a URI.
    pub builder: String,
    /// When, as its content says: the time of the commit, so that the same commit is the same content.
    pub created: Timestamp,
    /// The names of the samples that passed.
    pub passed: Vec<String>,
    /// The files of the samples.
    pub samples: Vec<SampleFile>,
}

/// A publication that nobody signed yet.
#[derive(Clone, Debug)]
pub struct Unsigned {
    tag: String,
    module: Content,
    config: Content,
    manifest: Content,
    statements: [Statement; 2],
}

impl Unsigned {
    /// The content for a module and what is known of it.
    ///
    /// # Errors
    /// A module that is too large, one without a test that passed, and facts that no statement or tag can hold.
    pub fn new(module: Vec<u8>, facts: Facts) -> Result<Self, PublicationError> {
        if module.len() as u64 > MODULE_BYTES_MAX {
            return Err(PublicationError::TooLarge {
                what: "the module",
                observed_bytes: module.len() as u64,
                allowed_bytes: MODULE_BYTES_MAX,
            });
        }
        if facts.passed.is_empty() {
            return Err(PublicationError::Untested { job: facts.job });
        }
        let tag = tag_of(&facts.job, &facts.version)?;
        let module = content::module(module, &facts.job);
        let config = content::config(&facts, &module.descriptor)?;
        let manifest = content::manifest(&facts, &config.descriptor, &module.descriptor)?;
        let subjects = Subjects {
            job: facts.job,
            module: module.descriptor.digest,
            manifest: manifest.descriptor.digest,
        };
        let tested = TestResult {
            subjects: subjects.clone(),
            verdict: Verdict::Passed,
            passed: facts.passed,
            warned: Vec::new(),
            failed: Vec::new(),
            samples: facts.samples,
        };
        let provenance = Provenance {
            subjects,
            version: facts.version,
            world: facts.world,
            capabilities: facts.capabilities,
            schemas: facts.schemas,
            approved_widenings: facts.approved_widenings,
            previous: facts.previous,
            source: facts.source,
            builder: facts.builder,
        };
        let statements = [Statement::Provenance(provenance), Statement::TestResult(tested)];
        for statement in &statements {
            statement.to_json()?;
        }
        Ok(Self { tag, module, config, manifest, statements })
    }

    /// The OCI manifest.
    pub fn manifest(&self) -> &Content {
        &self.manifest
    }

    /// The same with each statement signed by this key. The hint in a bundle is the key's fingerprint.
    ///
    /// # Errors
    /// Statements that are larger than a bundle may be.
    pub fn sign(self, key: &SigningKey) -> Result<Publication, PublicationError> {
        let hint = key.public_key().fingerprint().to_string();
        let attached = self.statements.iter().map(|statement| {
            let bundle = Bundle::new(hint.clone(), Envelope::sign(statement.to_json()?, key));
            Attached::new(statement.predicate(), bundle.to_json()?, &self.manifest)
        });
        let attached = attached.collect::<Result<Vec<_>, PublicationError>>()?;
        let Self { tag, module, config, manifest, .. } = self;
        Ok(Publication { tag, module, config, manifest, attached })
    }
}

/// All content of one version of a job.
#[derive(Clone, Debug)]
pub struct Publication {
    tag: String,
    module: Content,
    config: Content,
    manifest: Content,
    attached: Vec<Attached>,
}

impl Publication {
    /// The tag of the version.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The module.
    pub fn module(&self) -> &Content {
        &self.module
    }

    /// The config of the module.
    pub fn config(&self) -> &Content {
        &self.config
    }

    /// The OCI manifest, whose digest names the release in every place.
    pub fn manifest(&self) -> &Content {
        &self.manifest
    }

    /// The signed statements, as bundles.
    pub fn bundles(&self) -> impl Iterator<Item = (Predicate, &[u8])> {
        self.attached.iter().map(|attached| (attached.predicate, attached.bundle.bytes.as_slice()))
    }
}

/// A bundle, with the manifest that attaches it to another one.
#[derive(Clone, Debug)]
struct Attached {
    predicate: Predicate,
    bundle: Content,
    manifest: Content,
}

impl Attached {
    fn new(predicate: Predicate, bundle: Vec<u8>, subject: &Content) -> Result<Self, PublicationError> {
        let bundle = content(crate::bundle::MEDIA_TYPE, bundle);
        let manifest = content::bundle_manifest(predicate, &bundle.descriptor, &subject.descriptor)?;
        Ok(Self { predicate, bundle, manifest })
    }
}
