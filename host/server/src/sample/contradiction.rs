//! What a sample says and its module's manifest excludes.
//!
//! A sample that contradicts the manifest would fail with a message about something else, or pass for the wrong reason. So
//! it is not run at all.

use super::difference::pointer;
use super::expect::ExpectedEnd;
use super::{MountFiles, Sample};
use mainworker_domain::configuration::{From as KeySource, look_up};
use mainworker_domain::denial::Denial;
use mainworker_domain::egress::Egress;
use mainworker_domain::job_name::JobName;
use mainworker_domain::manifest::{Access, FileGrant, Manifest};
use mainworker_domain::nearest::nearest;
use mainworker_domain::outcome::Outcome;
use serde_json::Value;

/// What is contradicted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// Another job's envelope.
    #[error("its envelope is for the job `{found}`, the module is `{expected}`")]
    OtherJob {
        /// The envelope's `jobName`.
        found: String,
        /// The module's job.
        expected: String,
    },
    /// A key that the job cannot see.
    #[error("it gives the configuration key `{key}`, which the manifest does not name")]
    KeyNotNamed {
        /// The key.
        key: String,
        /// The named key most like it.
        nearest: Option<String>,
    },
    /// A value from the host for a key that takes none from there.
    #[error(
        "it gives the configuration key `{key}` from the host, the manifest takes it from the envelope alone"
    )]
    KeyFromEnvelope {
        /// The key.
        key: String,
    },
    /// A value in the envelope for a key that takes none from there.
    #[error("its envelope has the configuration key `{key}`, the manifest takes it from the host alone")]
    KeyFromHost {
        /// The key.
        key: String,
    },
    /// A mount that the job does not ask for.
    #[error("it gives the mount `{mount}`, which the manifest does not ask for")]
    MountNotAsked {
        /// The mount.
        mount: String,
        /// The mount of the manifest most like it.
        nearest: Option<String>,
    },
    /// A mount that the job cannot do without.
    #[error("it gives no mount `{mount}`, which the manifest requires")]
    MountMissing {
        /// The mount.
        mount: String,
    },
    /// Files expected in a mount that is not there.
    #[error("it expects files in the mount `{mount}` and does not give that mount")]
    MountNotGiven {
        /// The mount.
        mount: String,
    },
    /// Files expected in a mount that the job cannot write to.
    #[error(
        "it expects files in the mount `{mount}`, which the manifest asks for to read: nothing changes there"
    )]
    MountReadOnly {
        /// The mount.
        mount: String,
    },
    /// A request that the job would be denied.
    #[error("it records an answer to a request that cannot be sent: {denial}")]
    RequestDenied {
        /// Which of the requests.
        index: usize,
        /// The rule.
        denial: Box<Denial>,
    },
    /// A task of a job that this one may not ask for.
    #[error(
        "it expects a task of the job `{job}`, which the manifest does not name under `[grants] schedule`"
    )]
    ScheduleNotGranted {
        /// Which of the expected tasks.
        index: usize,
        /// The job.
        job: String,
        /// The job of the manifest most like it.
        nearest: Option<String>,
    },
    /// An attempt that there cannot be.
    #[error("it is attempt {attempt}, the manifest gives a task {max_attempts} attempts")]
    AttemptBeyond {
        /// Which attempt.
        attempt: u32,
        /// How many there are.
        max_attempts: u32,
    },
}

impl Contradiction {
    /// Where in the sample, as a JSON pointer.
    pub fn pointer(&self) -> String {
        match self {
            Self::OtherJob { .. } => pointer(&["envelope", "jobName"]),
            Self::KeyNotNamed { key, .. } | Self::KeyFromEnvelope { key } => {
                pointer(&["given", "configuration", key])
            }
            Self::KeyFromHost { key } => pointer(&["envelope", "configuration", key]),
            Self::MountNotAsked { mount, .. } => pointer(&["given", "files", mount]),
            Self::MountMissing { .. } => pointer(&["given", "files"]),
            Self::MountNotGiven { mount } | Self::MountReadOnly { mount } => {
                pointer(&["expect", "files", mount])
            }
            Self::RequestDenied { index, .. } => pointer(&["given", "http", &index.to_string(), "request"]),
            Self::ScheduleNotGranted { index, .. } => {
                pointer(&["expect", "scheduled", &index.to_string(), "job"])
            }
            Self::AttemptBeyond { .. } => pointer(&["given", "attempt"]),
        }
    }
}

/// Looks for a contradiction in what is known before the sample is run.
///
/// # Errors
/// The first one, from the envelope to what is expected.
pub fn check(sample: &Sample, manifest: &Manifest) -> Result<(), Contradiction> {
    // A sample can show an envelope that is not even one: then there is nothing to compare.
    let envelope: Value = serde_json::from_str(&sample.envelope).unwrap_or_default();
    if let Some(found) = envelope["jobName"].as_str()
        && found != manifest.job.name.as_str()
    {
        let expected = manifest.job.name.to_string();
        return Err(Contradiction::OtherJob { found: found.chars().take(80).collect(), expected });
    }
    check_keys(&envelope["configuration"], &sample.given.configuration, manifest)?;
    let max_attempts = manifest.retry.max_attempts;
    if sample.given.attempt > max_attempts {
        return Err(Contradiction::AttemptBeyond { attempt: sample.given.attempt, max_attempts });
    }
    check_given_mounts(sample, manifest)?;
    check_expected_mounts(&sample.expect.files, &sample.given.files, manifest)?;
    check_scheduled(sample, manifest)
}

/// Looks for requests that an attempt with this egress could not send. What a grant's key leads to is only known once the
/// envelope is admitted.
///
/// # Errors
/// The first such request.
pub fn check_requests(sample: &Sample, egress: &Egress) -> Result<(), Contradiction> {
    for (index, request) in sample.given.http.iter().enumerate() {
        let allowed = egress.check(&request.exchange.method, &request.origin, &request.path);
        allowed.map_err(|denial| Contradiction::RequestDenied { index, denial })?;
    }
    Ok(())
}

fn check_keys(envelope: &Value, host: &Value, manifest: &Manifest) -> Result<(), Contradiction> {
    let keys = &manifest.configuration;
    for given in leaves(host) {
        // A value can be an object, so what is given may lie below a named key.
        let named = keys.iter().find(|(key, _)| {
            given == **key || given.strip_prefix(key.as_str()).is_some_and(|rest| rest.starts_with('.'))
        });
        match named {
            None => {
                let nearest = nearest(&given, keys.keys().map(String::as_str)).map(str::to_owned);
                return Err(Contradiction::KeyNotNamed { key: given, nearest });
            }
            Some((key, grant)) if grant.from == KeySource::Envelope => {
                return Err(Contradiction::KeyFromEnvelope { key: key.clone() });
            }
            Some(_) => {}
        }
    }
    let from_host = keys.iter().filter(|(_, grant)| grant.from == KeySource::Host);
    match from_host.map(|(key, _)| key).find(|key| look_up(envelope, key).is_some()) {
        Some(key) => Err(Contradiction::KeyFromHost { key: key.clone() }),
        None => Ok(()),
    }
}

/// The keys of all values that are no objects, each joined with dots.
fn leaves(value: &Value) -> Vec<String> {
    let Value::Object(map) = value else { return Vec::new() };
    let below = |(key, value): (&String, &Value)| match value {
        Value::Object(map) if !map.is_empty() => {
            leaves(value).into_iter().map(|leaf| format!("{key}.{leaf}")).collect()
        }
        _ => vec![key.clone()],
    };
    map.iter().flat_map(below).collect()
}

fn asked<'a>(manifest: &'a Manifest, mount: &str) -> Option<&'a FileGrant> {
    manifest.grants.files.iter().find(|grant| grant.mount.as_str() == mount)
}

fn check_given_mounts(sample: &Sample, manifest: &Manifest) -> Result<(), Contradiction> {
    if let Some(mount) = sample.given.files.keys().find(|mount| asked(manifest, mount).is_none()) {
        let names = manifest.grants.files.iter().map(|grant| grant.mount.as_str());
        let nearest = nearest(mount, names).map(str::to_owned);
        return Err(Contradiction::MountNotAsked { mount: mount.clone(), nearest });
    }
    // A sample may show that the job is refused without the mount, or not even reached.
    let runs = !matches!(
        sample.expect.end,
        ExpectedEnd::Rejection { .. } | ExpectedEnd::Outcome { outcome: Outcome::Refused, .. }
    );
    let required = manifest.grants.files.iter().filter(|grant| !grant.optional);
    match required.map(|grant| grant.mount.as_str()).find(|&mount| !sample.given.files.contains_key(mount)) {
        Some(mount) if runs => Err(Contradiction::MountMissing { mount: mount.to_owned() }),
        _ => Ok(()),
    }
}

fn check_expected_mounts(
    expected: &MountFiles,
    given: &MountFiles,
    manifest: &Manifest,
) -> Result<(), Contradiction> {
    for mount in expected.keys() {
        if !given.contains_key(mount) {
            return Err(Contradiction::MountNotGiven { mount: mount.clone() });
        }
        if asked(manifest, mount).is_some_and(|grant| grant.access == Access::Read) {
            return Err(Contradiction::MountReadOnly { mount: mount.clone() });
        }
    }
    Ok(())
}

fn check_scheduled(sample: &Sample, manifest: &Manifest) -> Result<(), Contradiction> {
    let granted = &manifest.grants.schedule;
    let mut tasks = sample.expect.scheduled.iter().enumerate();
    match tasks.find(|(_, task)| !granted.iter().any(|job| job.as_str() == task.job)) {
        Some((index, task)) => {
            let nearest = nearest(&task.job, granted.iter().map(JobName::as_str)).map(str::to_owned);
            Err(Contradiction::ScheduleNotGranted { index, job: task.job.clone(), nearest })
        }
        None => Ok(()),
    }
}
