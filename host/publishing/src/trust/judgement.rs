//! The verdict about what was pulled.

use super::release::{Believed, Signer, Verified};
use super::{Distrust, TrustPolicy, TrustedKey, imitates};
use crate::bundle::Bundle;
use crate::place::{Wanted, WantedRevision};
use crate::publication::{ModuleParts, Pulled};
use crate::repository::digest_of;
use crate::statement::{Predicate, Provenance, Statement, TestResult, Verdict};
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use std::collections::BTreeSet;

/// What every bundle is held against: digests of the bytes that came, not those that somebody names.
struct Found<'a> {
    wanted: &'a Wanted,
    deployed: &'a BTreeSet<JobName>,
    module: Digest,
    manifest: Digest,
    at: Timestamp,
}

/// A statement that is believed, and whose it is.
struct Good<'a> {
    key: &'a TrustedKey,
    statement: Statement,
    bundle: Vec<u8>,
}

pub(super) fn verify(
    policy: &TrustPolicy,
    pulled: Pulled,
    deployed: &BTreeSet<JobName>,
    at: Timestamp,
) -> Result<Verified, Distrust> {
    let Pulled { wanted, manifest, config, module, bundles } = pulled;
    let found =
        Found { wanted: &wanted, deployed, module: digest_of(&module), manifest: digest_of(&manifest), at };
    policy.check_digests(found.module, found.manifest)?;
    if let WantedRevision::Manifest(expected) = wanted.revision
        && expected != found.manifest
    {
        return Err(Distrust::ManifestMismatch { what: "manifest", found: found.manifest, expected });
    }
    if bundles.is_empty() {
        return Err(Distrust::SignatureMissing { manifest: found.manifest });
    }
    let mut good = Vec::new();
    let mut refused: Option<Distrust> = None;
    for bundle in bundles {
        match judge(policy, &found, bundle) {
            Ok(believed) => good.push(believed),
            Err(distrust) => {
                if refused.as_ref().is_none_or(|other| other.step() < distrust.step()) {
                    refused = Some(distrust);
                }
            }
        }
    }
    let of_kind = |predicate| good.iter().any(|good| good.statement.predicate() == predicate);
    let required = [Predicate::Provenance].into_iter().chain(policy.required.iter().copied());
    if let Some(predicate) = required.into_iter().find(|&predicate| !of_kind(predicate)) {
        return Err(refused.unwrap_or(Distrust::StatementMissing(predicate)));
    }
    check_parts(&manifest, &config, &found)?;
    let tested = policy.required.contains(&Predicate::TestResult);
    let mut believed: Vec<Believed> = Vec::new();
    let mut provenance = None;
    for Good { key, statement, bundle } in good {
        let predicate = statement.predicate();
        match statement {
            // That of another key too: one may be revoked later, and then the other has to be there.
            Statement::Provenance(statement) => {
                provenance.get_or_insert(statement);
            }
            Statement::TestResult(result) if tested => check_tests(&result)?,
            Statement::TestResult(_) => continue,
        }
        let signer = Signer { id: key.id.clone(), fingerprint: key.public_key.fingerprint() };
        believed.push(Believed { predicate, bundle, signer });
    }
    let provenance = provenance.ok_or(Distrust::StatementMissing(Predicate::Provenance))?;
    Ok(Verified { manifest, config, module, provenance, believed })
}

/// Whether one bundle is a statement of a trusted key about what was found.
fn judge<'a>(policy: &'a TrustPolicy, found: &Found<'_>, bytes: Vec<u8>) -> Result<Good<'a>, Distrust> {
    let bundle = Bundle::parse(&bytes)?;
    let key = policy.named(bundle.hint()).ok_or_else(|| Distrust::KeyUnknown {
        hint: bundle.hint().chars().take(80).collect(),
        known: policy.keys.len(),
    })?;
    let payload = bundle.envelope().verified(&key.public_key);
    let payload = payload.ok_or_else(|| Distrust::SignatureInvalid { key: key.id.clone() })?;
    policy.check_key(&key.id, key.public_key.fingerprint())?;
    let Found { at, .. } = *found;
    if at < key.valid_from {
        return Err(Distrust::KeyNotYetValid { key: key.id.clone(), valid_from: key.valid_from, at });
    }
    if at >= key.valid_until {
        return Err(Distrust::KeyExpired { key: key.id.clone(), valid_until: key.valid_until, at });
    }
    let statement = Statement::read(payload)
        .map_err(|error| Distrust::StatementInvalid { key: key.id.clone(), error })?;
    let subjects = statement.subjects();
    let job = &found.wanted.job;
    if subjects.job != *job {
        return Err(Distrust::JobMismatch { found: subjects.job.clone(), expected: job.clone() });
    }
    if !key.jobs.iter().any(|pattern| pattern.matches(job)) {
        return Err(Distrust::key_not_for_job(key, job));
    }
    if subjects.module != found.module {
        return Err(Distrust::ModuleMismatch { found: found.module, expected: subjects.module });
    }
    if subjects.manifest != found.manifest {
        let (found, expected) = (found.manifest, subjects.manifest);
        return Err(Distrust::ManifestMismatch { what: "manifest", found, expected });
    }
    if let Statement::Provenance(provenance) = &statement {
        check_provenance(policy, key, provenance, found)?;
    }
    Ok(Good { key, statement, bundle: bytes })
}

/// The manifest was signed; so must be what came with it.
fn check_parts(manifest: &[u8], config: &[u8], found: &Found<'_>) -> Result<(), Distrust> {
    let parts = ModuleParts::read(manifest).map_err(|error| Distrust::ManifestUnreadable(Box::new(error)))?;
    if parts.module.digest != found.module {
        return Err(Distrust::ModuleMismatch { found: found.module, expected: parts.module.digest });
    }
    let config = digest_of(config);
    if parts.config.digest != config {
        let expected = parts.config.digest;
        return Err(Distrust::ManifestMismatch { what: "config", found: config, expected });
    }
    Ok(())
}

fn check_provenance(
    policy: &TrustPolicy,
    key: &TrustedKey,
    provenance: &Provenance,
    found: &Found<'_>,
) -> Result<(), Distrust> {
    let Provenance { subjects, version, builder, .. } = provenance;
    if let WantedRevision::Version(expected) = &found.wanted.revision
        && expected != version
    {
        return Err(Distrust::VersionMismatch { found: version.clone(), expected: expected.clone() });
    }
    if !key.builders.is_empty() && !key.builders.contains(builder) {
        return Err(Distrust::BuilderNotAllowed { key: key.id.clone(), builder: builder.clone() });
    }
    policy.check_version(&subjects.job, version)?;
    match imitates(&subjects.job, found.deployed) {
        Some(imitated) if !key.jobs.iter().any(|pattern| pattern.names(&subjects.job)) => {
            Err(Distrust::NameImitates { job: subjects.job.clone(), imitated, key: key.id.clone() })
        }
        _ => Ok(()),
    }
}

fn check_tests(result: &TestResult) -> Result<(), Distrust> {
    let found = match result.verdict {
        Verdict::Passed if !result.failed.is_empty() => {
            format!("PASSED with {} tests that failed", result.failed.len())
        }
        Verdict::Passed if result.passed.is_empty() => "PASSED without a test".to_owned(),
        Verdict::Passed => return Ok(()),
        Verdict::Warned => "WARNED".to_owned(),
        Verdict::Failed => "FAILED".to_owned(),
    };
    Err(Distrust::Untested { found })
}

impl TrustPolicy {
    /// The key that a hint picks: by its fingerprint, as it is written here, or by its id.
    fn named(&self, hint: &str) -> Option<&TrustedKey> {
        let by_fingerprint = self.keys.iter().find(|key| key.public_key.fingerprint().to_string() == hint);
        by_fingerprint.or_else(|| self.keys.iter().find(|key| key.id == hint))
    }
}
