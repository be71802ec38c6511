//! Job name → the revision that runs, with its manifest.
//!
//! A [`Revision`] is read from the manifest section of a module file; no guest code runs for it. A [`Catalog`] is an
//! immutable map. Finding an envelope's job in it is the fourth check at the door and the only way to a [`KnownJob`].

use crate::digest::Digest;
use crate::envelope::Envelope;
use crate::job_name::JobName;
use crate::json;
use crate::limits::MANIFEST_SECTION_BYTES_MAX;
use crate::manifest::{Manifest, ManifestError};
use crate::nearest::nearest_few;
use crate::payload_schema::{PayloadSchema, SchemaError};
use crate::rejection::Rejection;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The contract that modules of this host are built against. A module that names another is refused.
pub const CONTRACT: &str = "mainworker:job@0.1.0";

/// What a module says about itself, in its section `mainworker:manifest`.
#[derive(Clone, Debug, PartialEq)]
pub struct ModuleDescription {
    /// The job manifest.
    pub manifest: Manifest,
    /// JSON Schema of the payload, if the job gave one.
    pub payload_schema: Option<Value>,
    /// JSON Schema of the result, if the job gave one.
    pub result_schema: Option<Value>,
}

/// Why a manifest section is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DescriptionError {
    /// Larger than the limit.
    #[error("the manifest section has {observed_bytes} bytes, expected at most {MANIFEST_SECTION_BYTES_MAX}")]
    TooLarge {
        /// Its size.
        observed_bytes: usize,
    },
    /// Not JSON of the expected shape.
    #[error("the manifest section is damaged: {0}")]
    Damaged(String),
    /// Built for another contract.
    #[error("the module was built for contract `{found}`, expected `{CONTRACT}`")]
    OtherContract {
        /// The contract it names, shortened.
        found: String,
    },
    /// A manifest that is not valid.
    #[error("the module's manifest is not valid: {0}")]
    Manifest(#[from] ManifestError),
    /// A schema that is not valid.
    #[error("the module's {which} schema is not taken: {error}")]
    Schema {
        /// `payload` or `result`.
        which: &'static str,
        /// Why.
        error: SchemaError,
    },
}

impl ModuleDescription {
    /// The bytes of the section: the same description gives the same bytes.
    pub fn to_section(&self) -> Vec<u8> {
        json!({
            "contract": CONTRACT,
            "manifest": self.manifest.to_json(),
            "payloadSchema": self.payload_schema,
            "resultSchema": self.result_schema,
        })
        .to_string()
        .into_bytes()
    }

    /// Reads a section and checks all that is in it.
    ///
    /// # Errors
    /// A section that is too large, damaged, of another contract, or with an invalid manifest or schema.
    pub fn from_section(bytes: &[u8]) -> Result<Self, DescriptionError> {
        Self::read(bytes).map(|(description, _)| description)
    }

    /// Reads and checks a section; with the payload schema that was compiled to check it.
    fn read(bytes: &[u8]) -> Result<(Self, Option<PayloadSchema>), DescriptionError> {
        let damaged = |problem: &str| DescriptionError::Damaged(problem.to_owned());
        if bytes.len() as u64 > MANIFEST_SECTION_BYTES_MAX {
            return Err(DescriptionError::TooLarge { observed_bytes: bytes.len() });
        }
        json::check(bytes).map_err(|malformed| damaged(&malformed.problem.to_string()))?;
        let value: Value = serde_json::from_slice(bytes).map_err(|error| damaged(&error.to_string()))?;
        let contract =
            value.get("contract").and_then(Value::as_str).ok_or_else(|| damaged("it names no contract"))?;
        if contract != CONTRACT {
            return Err(DescriptionError::OtherContract { found: contract.chars().take(80).collect() });
        }
        let manifest = value.get("manifest").ok_or_else(|| damaged("it has no manifest"))?;
        let schema = |key: &str| value.get(key).filter(|schema| !schema.is_null()).cloned();
        let description = Self {
            manifest: Manifest::from_json(manifest)?,
            payload_schema: schema("payloadSchema"),
            result_schema: schema("resultSchema"),
        };
        let payload_schema = compile("payload", description.payload_schema.as_ref())?;
        compile("result", description.result_schema.as_ref())?;
        Ok((description, payload_schema))
    }
}

fn compile(which: &'static str, schema: Option<&Value>) -> Result<Option<PayloadSchema>, DescriptionError> {
    let compiled = schema.map(PayloadSchema::compile).transpose();
    compiled.map_err(|error| DescriptionError::Schema { which, error })
}

/// One module as published: what it is and what it says about itself.
#[derive(Debug)]
pub struct Revision {
    digest: Digest,
    description: ModuleDescription,
    payload_schema: Option<PayloadSchema>,
}

impl Revision {
    /// The revision of a module file with this digest and this manifest section.
    ///
    /// # Errors
    /// As [`ModuleDescription::from_section`].
    pub fn from_section(digest: Digest, section: &[u8]) -> Result<Self, DescriptionError> {
        let (description, payload_schema) = ModuleDescription::read(section)?;
        Ok(Self { digest, description, payload_schema })
    }

    /// Which module file.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The job manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.description.manifest
    }

    /// All that the module says about itself.
    pub fn description(&self) -> &ModuleDescription {
        &self.description
    }

    /// The compiled payload schema, if the job has one.
    pub fn payload_schema(&self) -> Option<&PayloadSchema> {
        self.payload_schema.as_ref()
    }
}

/// The jobs that exist here.
#[derive(Debug, Default)]
pub struct Catalog {
    revisions: BTreeMap<JobName, Arc<Revision>>,
    /// Names that exist but whose modules were not read: only to be proposed.
    other_names: Vec<String>,
}

impl Catalog {
    /// A catalog of these revisions, each under the name in its manifest.
    pub fn of(revisions: impl IntoIterator<Item = Arc<Revision>>) -> Self {
        let revisions =
            revisions.into_iter().map(|revision| (revision.manifest().job.name.clone(), revision)).collect();
        Self { revisions, other_names: Vec::new() }
    }

    /// The same catalog, which also proposes these names to whoever mistypes one.
    #[must_use]
    pub fn proposing(mut self, names: Vec<String>) -> Self {
        self.other_names = names;
        self
    }

    /// The revision that runs for the job of this name.
    ///
    /// # Errors
    /// `unknown_job` with the nearest names; a text that is no job name is unknown too.
    pub fn find(&self, name: &str) -> Result<&Arc<Revision>, Rejection> {
        let parsed = JobName::parse(name);
        parsed.as_ref().ok().and_then(|parsed| self.revisions.get(parsed)).ok_or_else(|| {
            let known = self.revisions.keys().map(JobName::as_str);
            let known = known.chain(self.other_names.iter().map(String::as_str));
            let nearest = nearest_few(name, known, 3);
            Rejection::UnknownJob {
                name: name.chars().take(80).collect(),
                is_a_name: parsed.is_ok(),
                nearest: nearest.into_iter().map(str::to_owned).collect(),
            }
        })
    }

    /// The envelope with its job: the fourth check at the door.
    ///
    /// # Errors
    /// As [`Catalog::find`].
    pub fn resolve(&self, envelope: Envelope) -> Result<KnownJob, Rejection> {
        let revision = Arc::clone(self.find(envelope.job_name())?);
        Ok(KnownJob { envelope, revision })
    }
}

/// An envelope whose job exists, with the revision pinned for it.
#[derive(Debug)]
pub struct KnownJob {
    pub(crate) envelope: Envelope,
    pub(crate) revision: Arc<Revision>,
}

impl KnownJob {
    /// The revision pinned for it.
    pub fn revision(&self) -> &Arc<Revision> {
        &self.revision
    }
}
