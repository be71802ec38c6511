//! The version that a module is compared with before it is published.

use crate::failure::Failure;
use crate::hints;
use crate::terminal;
use crate::vouched::{Judge, NotVouched, vouch};
use mainworker_domain::catalog::ModuleDescription;
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::limits::VERSIONS_COMPARED_MAX;
use mainworker_publishing::key::PublicKey;
use mainworker_publishing::place::{Wanted, WantedRevision};
use mainworker_publishing::publication::versions;
use mainworker_publishing::repository::Repository;
use mainworker_publishing::trust::{Distrust, JobPattern, TrustPolicy, TrustedKey};
use mainworker_sandbox::module_file::ModuleFile;
use semver::Version;
use std::collections::BTreeSet;

/// A version that is published already.
pub(super) struct Former {
    pub(super) version: Version,
    pub(super) manifest: Digest,
    pub(super) description: ModuleDescription,
}

/// Whose versions are compared with: those of the key that signs now, and of the keys of the settings, also when their time is
/// over. What is revoked does not count.
///
/// # Errors
/// `key_revoked` for a key that the settings revoke: no host would take what it signs.
pub(super) fn known(own: &PublicKey, policy: &TrustPolicy) -> Result<TrustPolicy, Failure> {
    let names = policy.keys.iter().filter(|key| key.public_key == *own).map(|key| key.id.clone());
    let mut names = names.chain([own.fingerprint().to_string()]);
    if let Some(key) = names.find(|name| policy.revoked_keys.contains(name)) {
        return Err(NotVouched::Distrust(Distrust::KeyRevoked { key }).into());
    }
    let at_any_time = |key: &TrustedKey| TrustedKey {
        valid_from: Timestamp::MIN,
        valid_until: Timestamp::MAX,
        builders: Vec::new(),
        ..key.clone()
    };
    let own = TrustedKey {
        id: "the signing key".to_owned(),
        public_key: own.clone(),
        valid_from: Timestamp::MIN,
        valid_until: Timestamp::MAX,
        jobs: vec![JobPattern::Any],
        builders: Vec::new(),
    };
    let keys = [own].into_iter().chain(policy.keys.iter().map(at_any_time)).collect();
    Ok(TrustPolicy {
        keys,
        required: BTreeSet::new(),
        revoked_keys: policy.revoked_keys.clone(),
        revoked_digests: policy.revoked_digests.clone(),
        ..TrustPolicy::default()
    })
}

/// The version that a module is compared with: the highest below its own, or else the highest, of those that a known key signed.
/// Whoever can write into the repository could otherwise put one there that may do anything, beside which nothing is wider.
///
/// Where all that there is was revoked, there is none: what the settings say is known.
///
/// # Errors
/// A repository that does not answer; versions of which none is signed by a known key.
pub(super) async fn former(
    repository: &impl Repository,
    known: &TrustPolicy,
    module: &ModuleFile,
) -> Result<Option<Former>, Failure> {
    let job = &module.revision().manifest().job;
    let all = versions(repository, &job.name).await.map_err(super::failed)?;
    let below = all.iter().rev().filter(|version| **version < job.version);
    let above = all.iter().rev().filter(|version| **version > job.version);
    let mut skipped: Vec<(&Version, NotVouched)> = Vec::new();
    for version in below.chain(above).take(VERSIONS_COMPARED_MAX) {
        let wanted = Wanted { job: job.name.clone(), revision: WantedRevision::Version(version.clone()) };
        let judge = Judge { policy: known, deployed: &BTreeSet::new(), at: Timestamp::MIN };
        match vouch(repository, &wanted, judge, &|_, _| ()).await {
            Ok(vouched) => {
                warn(&job.name, &skipped);
                return Ok(Some(Former {
                    version: version.clone(),
                    manifest: vouched.release.facts().manifest,
                    description: vouched.module.revision().description().clone(),
                }));
            }
            Err(error) if error.is_refusal() => skipped.push((version, error)),
            Err(error) => return Err(error.into()),
        }
    }
    match skipped.iter().position(|(_, error)| !is_revoked(error)) {
        None => {
            warn(&job.name, &skipped);
            Ok(None)
        }
        Some(first) => {
            let (version, error) = skipped.swap_remove(first);
            let hint = Some(hints::of_unknown_former());
            let failure = Failure::from(error);
            let message =
                format!("comparing `{}` {} with {version}: {}", job.name, job.version, failure.message);
            Err(Failure { message, hint, ..failure })
        }
    }
}

fn is_revoked(error: &NotVouched) -> bool {
    matches!(error, NotVouched::Distrust(Distrust::KeyRevoked { .. } | Distrust::Revoked { .. }))
}

fn warn(job: &JobName, skipped: &[(&Version, NotVouched)]) {
    for (version, error) in skipped {
        terminal::print_warning(&format!("`{job}` {version} is not compared with: {error}"), None);
    }
}
