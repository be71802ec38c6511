//! A release that is trusted: its content, what was signed about it, and who signed.

use super::Distrust;
use crate::publication::{CONFIG_MEDIA_TYPE, MANIFEST_MEDIA_TYPE, MODULE_MEDIA_TYPE, content};
use crate::repository::Content;
use crate::statement::{Predicate, Provenance, SchemaDigests};
use mainworker_domain::catalog::{CONTRACT, Revision};
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use semver::Version;
use std::collections::BTreeSet;

/// A key that signed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signer {
    /// What the policy called it.
    pub id: String,
    /// Which key.
    pub fingerprint: Digest,
}

/// A bundle that was believed.
#[derive(Clone, Debug)]
pub(super) struct Believed {
    pub(super) predicate: Predicate,
    pub(super) bundle: Vec<u8>,
    pub(super) signer: Signer,
}

/// Content that trusted keys signed. What they said of the module was not compared with the module yet.
#[derive(Clone, Debug)]
pub struct Verified {
    pub(super) manifest: Vec<u8>,
    pub(super) config: Vec<u8>,
    pub(super) module: Vec<u8>,
    pub(super) provenance: Provenance,
    pub(super) believed: Vec<Believed>,
}

impl Verified {
    /// The module, to be read by whoever knows modules.
    pub fn module(&self) -> &[u8] {
        &self.module
    }

    /// What was signed about it.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// The release, if what was signed is what the module says of itself: `revision` is read out of [`Verified::module`], and
    /// `capabilities` are those of that revision.
    ///
    /// # Errors
    /// `module_mismatch` for the revision of another module; `job_mismatch`, `version_mismatch` or `claims_mismatch`.
    pub fn admit(self, revision: &Revision, capabilities: &[String]) -> Result<Release, Distrust> {
        let said = &self.provenance;
        // Verified: the bytes have this digest.
        let module = said.subjects.module;
        if revision.digest() != module {
            return Err(Distrust::ModuleMismatch { found: revision.digest(), expected: module });
        }
        let own = &revision.manifest().job;
        if own.name != said.subjects.job {
            return Err(Distrust::JobMismatch {
                found: own.name.clone(),
                expected: said.subjects.job.clone(),
            });
        }
        if own.version != said.version {
            return Err(Distrust::VersionMismatch {
                found: own.version.clone(),
                expected: said.version.clone(),
            });
        }
        claim("world", &said.world, CONTRACT)?;
        check_capabilities(&said.capabilities, capabilities)?;
        let found = SchemaDigests::of(revision.description());
        let shown = |digest: Option<Digest>| digest.map_or("none".to_owned(), |digest| digest.to_string());
        claim("payload schema", &shown(said.schemas.payload), &shown(found.payload))?;
        claim("result schema", &shown(said.schemas.result), &shown(found.result))?;
        let signers: BTreeSet<Signer> =
            self.believed.iter().map(|believed| believed.signer.clone()).collect();
        let facts = ReleaseFacts {
            job: own.name.clone(),
            version: own.version.clone(),
            module,
            manifest: said.subjects.manifest,
            signers: signers.into_iter().collect(),
        };
        Ok(Release { facts, verified: self })
    }
}

fn claim(claim: &'static str, said: &str, found: &str) -> Result<(), Distrust> {
    if said == found {
        return Ok(());
    }
    Err(Distrust::ClaimsMismatch { claim, said: said.to_owned(), found: found.to_owned() })
}

/// The order of capabilities says nothing.
fn check_capabilities(said: &[String], found: &[String]) -> Result<(), Distrust> {
    let said: BTreeSet<&String> = said.iter().collect();
    let found: BTreeSet<&String> = found.iter().collect();
    let list = |names: Vec<&&String>| {
        let names: Vec<&str> = names.into_iter().map(|name| name.as_str()).collect();
        if names.is_empty() { "nothing beyond".to_owned() } else { names.join(", ") }
    };
    if said == found {
        return Ok(());
    }
    Err(Distrust::ClaimsMismatch {
        claim: "capabilities",
        said: list(said.difference(&found).collect()),
        found: list(found.difference(&said).collect()),
    })
}

/// What stays known of a release after it was deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseFacts {
    /// The job.
    pub job: JobName,
    /// Its version.
    pub version: Version,
    /// The module file.
    pub module: Digest,
    /// The OCI manifest, which names the release.
    pub manifest: Digest,
    /// The keys whose statements were believed, each once.
    pub signers: Vec<Signer>,
}

/// A release that is trusted.
#[derive(Clone, Debug)]
pub struct Release {
    facts: ReleaseFacts,
    verified: Verified,
}

impl Release {
    /// What it is, and who signed.
    pub fn facts(&self) -> &ReleaseFacts {
        &self.facts
    }

    /// What was signed about it.
    pub fn provenance(&self) -> &Provenance {
        &self.verified.provenance
    }

    /// The module.
    pub fn module(&self) -> &[u8] {
        &self.verified.module
    }

    /// The module without the rest.
    pub fn into_module(self) -> Vec<u8> {
        self.verified.module
    }

    /// The bundles that were believed.
    pub fn bundles(&self) -> impl Iterator<Item = (Predicate, &[u8])> {
        self.verified.believed.iter().map(|believed| (believed.predicate, believed.bundle.as_slice()))
    }

    /// Module, config and manifest, as a repository keeps them.
    pub(crate) fn content(&self) -> [Content; 3] {
        let Verified { manifest, config, module, .. } = &self.verified;
        [
            content(MODULE_MEDIA_TYPE, module.clone()),
            content(CONFIG_MEDIA_TYPE, config.clone()),
            content(MANIFEST_MEDIA_TYPE, manifest.clone()),
        ]
    }
}
