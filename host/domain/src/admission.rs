//! Whether this source may run this job with this payload: the last checks at the door.
//!
//! The order is fixed, and the first check that fails is the one reported: size, syntax, shape ([`Envelope::parse`](crate::envelope::Envelope::parse)), job
//! known ([`crate::catalog::Catalog::resolve`]), then here source, payload against schema, configuration. Each step takes
//! the type that the one before gave, so that a skipped check does not compile; [`Admitted`] has no other maker.

use crate::catalog::{KnownJob, Revision};
use crate::configuration::{self, Granted};
use crate::digest::Digest;
use crate::envelope::Envelope;
use crate::rejection::{JsonProblem, Rejection};
use secrecy::SecretString;
use serde_json::Value;
use std::sync::Arc;

/// An envelope that passed every check at the door, with what its attempts are given.
#[derive(Debug)]
pub struct Admitted {
    revision: Arc<Revision>,
    source: String,
    payload: String,
    configuration: Granted,
    kept: Option<SecretString>,
}

impl Admitted {
    /// The revision pinned for it.
    pub fn revision(&self) -> &Arc<Revision> {
        &self.revision
    }

    /// Who asked.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The payload as written.
    pub fn payload(&self) -> &str {
        &self.payload
    }

    /// The granted part of the configuration.
    pub fn configuration(&self) -> &Granted {
        &self.configuration
    }

    /// What of the envelope's configuration is to be kept with the task, see [`configuration::kept`]. The host's own values
    /// are not in it: each attempt gets those that hold when it begins.
    pub fn kept(&self) -> Option<&SecretString> {
        self.kept.as_ref()
    }

    /// The parts that an attempt takes: payload and configuration.
    pub fn into_parts(self) -> (String, Granted) {
        (self.payload, self.configuration)
    }
}

/// A task that was admitted before and begins now.
#[derive(Debug)]
pub struct Returning {
    /// The revision that is to run.
    pub revision: Arc<Revision>,
    /// The revision with which it was accepted.
    pub accepted_with: Digest,
    /// Who asked.
    pub source: String,
    /// The payload as written.
    pub payload: String,
    /// What [`Admitted::kept`] gave.
    pub kept: Option<SecretString>,
}

/// Checks a task again as its attempt begins: the policy of the revision that runs, and what the host has to give now. Its
/// payload is checked again only if another revision runs than it was accepted with.
///
/// # Errors
/// As [`admit`]. There is nobody left to mend the envelope: the attempt is refused.
pub fn readmit(task: Returning, host: &dyn Fn(&str) -> Option<SecretString>) -> Result<Admitted, Rejection> {
    let Returning { revision, accepted_with, source, payload, kept } = task;
    let is_same = revision.digest() == accepted_with;
    let envelope = Envelope::returning(revision.manifest().job.name.as_str(), source, payload, kept);
    let allowed = check_source(KnownJob { envelope, revision })?;
    let valid = if is_same { PayloadValid(allowed.0) } else { check_payload(allowed)? };
    configure(valid, host)
}

struct SourceAllowed(KnownJob);
struct PayloadValid(KnownJob);

/// Checks source, payload and configuration. `host` gives the host's value of a configuration key.
///
/// # Errors
/// `source_not_allowed`, `payload_invalid` or `missing_configuration`, whichever comes first.
pub fn admit(known: KnownJob, host: &dyn Fn(&str) -> Option<SecretString>) -> Result<Admitted, Rejection> {
    check_source(known).and_then(check_payload).and_then(|valid| configure(valid, host))
}

fn check_source(known: KnownJob) -> Result<SourceAllowed, Rejection> {
    let manifest = known.revision.manifest();
    if manifest.schedulable_by.iter().any(|allowed| allowed == known.envelope.source()) {
        return Ok(SourceAllowed(known));
    }
    Err(Rejection::SourceNotAllowed {
        job: manifest.job.name.to_string(),
        source_name: known.envelope.source().chars().take(80).collect(),
        allowed: manifest.schedulable_by.clone(),
    })
}

fn check_payload(SourceAllowed(known): SourceAllowed) -> Result<PayloadValid, Rejection> {
    let Some(schema) = known.revision.payload_schema() else { return Ok(PayloadValid(known)) };
    // The envelope's syntax was checked; what can still fail is a number no reader can hold.
    let payload: Value = serde_json::from_str(known.envelope.job_payload()).map_err(|error| {
        let problem = JsonProblem::Syntax(error.to_string());
        Rejection::MalformedJson { problem, line: error.line(), column: error.column() }
    })?;
    match schema.misfit(&payload) {
        None => Ok(PayloadValid(known)),
        Some(misfit) => Err(Rejection::PayloadInvalid {
            job: known.revision.manifest().job.name.to_string(),
            pointer: format!("/jobPayload{}", misfit.pointer),
            expected: misfit.expected,
            found: misfit.found,
        }),
    }
}

fn configure(
    PayloadValid(KnownJob { envelope, revision }): PayloadValid,
    host: &dyn Fn(&str) -> Option<SecretString>,
) -> Result<Admitted, Rejection> {
    let keys = &revision.manifest().configuration;
    let configuration = configuration::grant(keys, &envelope, host).map_err(|key| {
        let (from, secret) = keys.get(&key).map(|grant| (grant.from, grant.secret)).unwrap_or_default();
        Rejection::MissingConfiguration { job: revision.manifest().job.name.to_string(), key, from, secret }
    })?;
    let kept = configuration::kept(keys, &envelope);
    let (source, payload) = envelope.into_source_and_payload();
    Ok(Admitted { revision, source, payload, configuration, kept })
}
