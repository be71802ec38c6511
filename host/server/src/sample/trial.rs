//! A sample run: the same steps as any envelope's, with everything that a host gives coming from the sample.

use super::Sample;
use super::compare;
use super::contradiction::{self, Contradiction};
use super::difference::Difference;
use super::mounts::TemporaryMounts;
use mainworker_domain::admission::{Admitted, admit};
use mainworker_domain::catalog::Catalog;
use mainworker_domain::configuration::{Granted as Configuration, as_text, look_up};
use mainworker_domain::egress::Egress;
use mainworker_domain::envelope::Envelope;
use mainworker_domain::event::LogLine;
use mainworker_domain::limits::LimitValues;
use mainworker_domain::manifest::{Destination, Manifest};
use mainworker_domain::origin::{BaseUrl, OriginPattern};
use mainworker_domain::outcome::{AttemptEnd, Outcome};
use mainworker_domain::rejection::Rejection;
use mainworker_sandbox::attempt::{AttemptRequest, AttemptTask, Stop};
use mainworker_sandbox::capabilities::clock::Clock;
use mainworker_sandbox::capabilities::http::{HttpOffer, Recorded};
use mainworker_sandbox::capabilities::random::Seed;
use mainworker_sandbox::capabilities::schedule::Intake;
use mainworker_sandbox::capabilities::{self, Granted, Offer};
use mainworker_sandbox::module::{Module, Sandbox};
use mainworker_sandbox::refusal::GrantRefusal;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Nanoseconds by which monotonic time goes on each time that a job looks at it: a job that waits in a loop comes to an end,
/// after the same number of looks each time.
const STEP_NS: u64 = 1_000_000;

/// What came of a sample.
#[derive(Debug)]
pub struct Trial {
    /// How it ended, in one word; none where the envelope was rejected at the door.
    pub outcome: Option<Outcome>,
    /// The job's result, if it completed: JSON text.
    pub result: Option<String>,
    /// Where it is not what the sample expects; empty for a sample that holds.
    pub differences: Vec<Difference>,
    /// The job's log.
    pub log: Vec<LogLine>,
}

/// How a run ended.
#[derive(Debug)]
pub(super) enum End {
    /// At the door.
    Rejected(Rejection),
    /// At the grants.
    Refused(GrantRefusal),
    /// With an attempt.
    Attempt(AttemptEnd),
}

/// Time as the sample gives it.
#[derive(Debug)]
struct FixedClock {
    wall: Duration,
    monotonic_ns: AtomicU64,
}

impl Clock for FixedClock {
    fn wall(&self) -> Duration {
        self.wall
    }

    fn monotonic_ns(&self) -> u64 {
        self.monotonic_ns.fetch_add(STEP_NS, Ordering::Relaxed)
    }
}

/// Why a sample was not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum NotRun {
    /// It contradicts the manifest in what only shows once its envelope is admitted.
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
    /// Its mounts cannot be made or read.
    #[error("the mounts of the sample: {0}")]
    Mounts(#[from] io::Error),
}

/// Runs `sample` with `module`.
///
/// # Errors
/// A contradiction, or a failure of this machine.
pub async fn run(
    sample: &Sample,
    module: &Arc<Module>,
    sandbox: &Sandbox,
    stop: Arc<Stop>,
) -> Result<Trial, NotRun> {
    let admitted = match pass_the_door(sample, module) {
        Ok(admitted) => admitted,
        Err(rejection) => return Ok(Trial::of(sample, &End::Rejected(rejection))),
    };
    let manifest = admitted.revision().manifest();
    let configuration = admitted.configuration();
    let allow = asked_origins(manifest, configuration);
    if let Ok(egress) = Egress::resolve(manifest, Some(configuration), &allow) {
        contradiction::check_requests(sample, &egress)?;
    }
    let mounts = TemporaryMounts::create(&sample.given.files)?;
    let exchanges = sample.given.http.iter().map(|request| request.exchange.clone()).collect();
    let recorded = Arc::new(Recorded::new(exchanges));
    let offer = Offer {
        mounts: mounts.offer(&sample.given.files, manifest),
        http: HttpOffer { allow, transport: recorded.clone() },
        ceilings: ceilings(),
    };
    let granted = match capabilities::check(manifest, Some(configuration), &offer) {
        Ok(granted) => granted,
        Err(refusal) => return Ok(Trial::of(sample, &End::Refused(refusal))),
    };
    let granted = Granted {
        intake: Some(Arc::new(Numbering::default())),
        clock: Arc::new(FixedClock { wall: sample.given.clock, monotonic_ns: AtomicU64::new(STEP_NS) }),
        seed: Seed::Fixed(seed(sample.given.random)),
        ..granted
    };
    let request = AttemptRequest {
        module: Arc::clone(module),
        task: AttemptTask {
            id: sample.given.task_id.clone(),
            source: admitted.source().to_owned(),
            attempt: sample.given.attempt,
            max_attempts: manifest.retry.max_attempts,
            tags: Vec::new(),
        },
        payload: admitted.payload().to_owned(),
        configuration: configuration.clone(),
        granted,
        listener: None,
        stop,
    };
    let report = sandbox.attempt(request).await;
    let mut trial = Trial::of(sample, &End::Attempt(report.end));
    compare::requests(&sample.given.http, &recorded.sent(), &mut trial.differences);
    compare::tasks(&sample.expect.scheduled, &report.scheduled, &mut trial.differences);
    mounts.compare(&sample.expect.files, &mut trial.differences)?;
    Ok(Trial { log: report.log, ..trial })
}

/// All that the manifest could send requests to: the settings of a host that allows it.
fn asked_origins(manifest: &Manifest, configuration: &Configuration) -> Vec<OriginPattern> {
    let asked = manifest.grants.http.iter().filter_map(|grant| match &grant.to {
        Destination::Origin(pattern) => Some(pattern.clone()),
        Destination::Key(key) => {
            let url = BaseUrl::parse(configuration.get(key)?.value.expose_secret()).ok()?;
            Some(OriginPattern::exactly(url.origin))
        }
    });
    asked.collect()
}

/// Takes every task whose envelope is one. Whether the other job would take it is for a sample of that job.
#[derive(Debug, Default)]
struct Numbering(AtomicU64);

impl Intake for Numbering {
    fn admit(&self, envelope: &[u8]) -> Result<String, String> {
        Envelope::parse(envelope).map_err(|rejection| format!("{}: {rejection}", rejection.code()))?;
        let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(format!("01900000-0000-7000-8000-{number:012x}"))
    }
}

fn pass_the_door(sample: &Sample, module: &Module) -> Result<Admitted, Rejection> {
    let envelope = Envelope::parse(sample.envelope.as_bytes())?;
    let known = Catalog::of([Arc::clone(module.revision())]).resolve(envelope)?;
    let host = &sample.given.configuration;
    admit(known, &|key| look_up(host, key).map(|value| SecretString::from(as_text(value))))
}

/// The ceilings of a host that says nothing, whatever this machine's disk has left.
fn ceilings() -> LimitValues {
    LimitValues::read(&json!({ "free-space": "0B" }), "limits", false).unwrap_or_default()
}

fn seed(number: u64) -> [u8; 32] {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    seed
}

impl Trial {
    fn of(sample: &Sample, end: &End) -> Self {
        let outcome = match end {
            End::Rejected(_) => None,
            End::Refused(_) => Some(Outcome::Refused),
            End::Attempt(end) => Some(end.outcome()),
        };
        let mut differences = Vec::new();
        compare::end(&sample.expect.end, end, &mut differences);
        let result = match end {
            End::Attempt(AttemptEnd::Completed { result }) => Some(result.clone()),
            _ => None,
        };
        Self { outcome, result, differences, log: Vec::new() }
    }
}
