//! Who is trusted to publish which jobs, and whether a release is one of theirs.
//!
//! Three steps, each with a type that only the one before gives: [`Pulled`] is what a repository gave;
//! [`TrustPolicy::verify`] makes it [`Verified`], if trusted keys signed what the policy requires about exactly these bytes;
//! [`Verified::admit`] makes that a [`Release`], if what was signed is what the module says of itself. A policy without keys
//! trusts nothing.
//!
//! The time in which a key is valid counts when a release is deployed, so whoever loads one later verifies it as of then. What is
//! revoked is refused at any time.

mod distrust;
mod imitation;
mod judgement;
mod pattern;
mod release;

pub use distrust::Distrust;
pub use imitation::imitates;
pub use pattern::{JobPattern, NotAJobPattern};
pub use release::{Release, ReleaseFacts, Signer, Verified};

use crate::key::PublicKey;
use crate::publication::Pulled;
use crate::statement::Predicate;
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use semver::Version;
use std::collections::{BTreeMap, BTreeSet};

/// A key that is trusted for some jobs and some time.
#[derive(Clone, Debug)]
pub struct TrustedKey {
    /// What people call it.
    pub id: String,
    /// The key.
    pub public_key: PublicKey,
    /// The first moment at which it can be deployed with.
    pub valid_from: Timestamp,
    /// The first moment at which it can no longer.
    pub valid_until: Timestamp,
    /// The jobs that it is trusted for.
    pub jobs: Vec<JobPattern>,
    /// The builders that it is trusted to speak for; any if there are none.
    pub builders: Vec<String>,
}

/// What must be so for a release to be trusted. By default nothing is.
#[derive(Clone, Debug)]
pub struct TrustPolicy {
    /// The keys.
    pub keys: Vec<TrustedKey>,
    /// The statements that must be signed. The provenance must be in any case: it says what the release is.
    pub required: BTreeSet<Predicate>,
    /// Ids and fingerprints of keys that are no longer trusted, whatever they signed and when.
    pub revoked_keys: BTreeSet<String>,
    /// Modules and manifests that are no longer trusted, whoever signed them.
    pub revoked_digests: BTreeSet<Digest>,
    /// The lowest version of some jobs that is taken.
    pub minimum_versions: BTreeMap<JobName, Version>,
}

impl Default for TrustPolicy {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            required: Predicate::ALL.into(),
            revoked_keys: BTreeSet::new(),
            revoked_digests: BTreeSet::new(),
            minimum_versions: BTreeMap::new(),
        }
    }
}

impl TrustPolicy {
    /// Whether trusted keys signed, about exactly these bytes, what is required, and for the job and the revision that were
    /// asked for. `deployed` are the jobs whose names must not be imitated; `at` is now.
    ///
    /// Hashes all of the module, up to a tenth of a second's work: not for a thread that others wait for.
    ///
    /// Of several bundles of one kind one good one is enough: a release that was signed again with a new key keeps its old ones.
    ///
    /// # Errors
    /// [`Distrust`]; where no bundle of a kind is good, what is wrong with the one that came farthest.
    pub fn verify(
        &self,
        pulled: Pulled,
        deployed: &BTreeSet<JobName>,
        at: Timestamp,
    ) -> Result<Verified, Distrust> {
        judgement::verify(self, pulled, deployed, at)
    }

    fn check_digests(&self, module: Digest, manifest: Digest) -> Result<(), Distrust> {
        for (what, digest) in [("module", module), ("manifest", manifest)] {
            if self.revoked_digests.contains(&digest) {
                return Err(Distrust::Revoked { what, digest });
            }
        }
        Ok(())
    }

    fn check_key(&self, id: &str, fingerprint: Digest) -> Result<(), Distrust> {
        let revoked =
            [id.to_owned(), fingerprint.to_string()].into_iter().find(|key| self.revoked_keys.contains(key));
        revoked.map_or(Ok(()), |key| Err(Distrust::KeyRevoked { key }))
    }

    fn check_version(&self, job: &JobName, version: &Version) -> Result<(), Distrust> {
        match self.minimum_versions.get(job) {
            Some(minimum) if version.cmp_precedence(minimum).is_lt() => Err(Distrust::VersionTooLow {
                job: job.clone(),
                found: version.clone(),
                minimum: minimum.clone(),
            }),
            _ => Ok(()),
        }
    }
}
