//! Figures for Prometheus, in the OpenMetrics text format.
//!
//! What is counted is fed from events, where they happen; what stands somewhere is read from the store when somebody asks.
//! Labels are bounded: names of jobs are those of tasks that were admitted, up to [`JOBS_MAX`]; the others are `other`.

use crate::events::Observer;
use mainworker_domain::event::Event;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{Reason, State, Timestamp};
use mainworker_domain::outcome::Outcome;
use mainworker_queue::verbs::overview::Overview;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// What [`Metrics::encode`] writes, as a media type.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Jobs that have figures of their own. Each has some fifty rows; a label with endless values is how monitoring falls over.
pub const JOBS_MAX: usize = 200;
/// Codes of rejections that have a figure of their own. There are about twenty.
const CODES_MAX: usize = 64;
/// The label of all that has none of its own.
const OTHER: &str = "other";

/// Upper ends of the classes of waits and runs, in seconds: from a task that begins at once to one that waits for a night.
const SECONDS: [f64; 16] =
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 28_800.0];

/// All that is counted.
pub struct Metrics {
    registry: Registry,
    jobs: RwLock<HashMap<JobName, Arc<JobFigures>>>,
    others: Arc<JobFigures>,
    families: Families,
    rejections: Family<CodeLabel, Counter>,
    codes: RwLock<HashMap<String, Counter>>,
    requests: Family<RequestLabels, Counter>,
    runs_missed: Counter,
    modules_refused: Family<CodeLabel, Counter>,
    credentials: Family<WhyLabel, Counter>,
    handshakes: Family<WhyLabel, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabel {
    job: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    job: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    job: String,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabel {
    code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WhyLabel {
    why: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: &'static str,
    status: u16,
}

/// What is counted by job.
#[derive(Clone)]
struct Families {
    enqueued: Family<JobLabel, Counter>,
    dropped: Family<JobLabel, Counter>,
    ended: Family<StateLabels, Counter>,
    attempts: Family<OutcomeLabels, Counter>,
    wait: Family<JobLabel, Histogram, fn() -> Histogram>,
    run: Family<JobLabel, Histogram, fn() -> Histogram>,
}

/// The rows of one job, looked up once. Rows of what never happened are not there.
struct JobFigures {
    name: String,
    families: Families,
    enqueued: OnceLock<Counter>,
    ended: [OnceLock<Counter>; State::ALL.len()],
    attempts: [OnceLock<Counter>; Outcome::ALL.len()],
    wait: OnceLock<Histogram>,
    run: OnceLock<Histogram>,
}

/// What stands somewhere when somebody asks.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Tasks by job and state; none if the store does not answer.
    pub overview: Option<Overview>,
    /// Attempts that run here.
    pub running: usize,
    /// Attempts that may.
    pub slots: usize,
    /// Connections of clients.
    pub connections: usize,
    /// Streams of events and logs among them.
    pub streams: usize,
    /// Since when this host serves.
    pub started_at: Timestamp,
}

impl Metrics {
    /// Nothing has happened yet.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let families = Families::new();
        let rejections = Family::default();
        let requests = Family::default();
        registry.register("mainworker_tasks_enqueued", "Tasks accepted", families.enqueued.clone());
        registry.register(
            "mainworker_tasks_dropped",
            "Tasks that an attempt asked for and that are not there though it completed, by the job that asked",
            families.dropped.clone(),
        );
        registry.register("mainworker_tasks_ended", "Tasks that came to an end", families.ended.clone());
        registry.register("mainworker_attempts_ended", "Attempts that ended", families.attempts.clone());
        registry.register_with_unit(
            "mainworker_attempt_wait",
            "From when an attempt could have begun until it did",
            Unit::Seconds,
            families.wait.clone(),
        );
        registry.register_with_unit(
            "mainworker_attempt_run",
            "From the beginning of an attempt to its end",
            Unit::Seconds,
            families.run.clone(),
        );
        registry.register(
            "mainworker_rejections",
            "Envelopes that were not taken",
            Family::clone(&rejections),
        );
        registry.register(
            "mainworker_http_requests",
            "Requests that were answered",
            Family::clone(&requests),
        );
        let runs_missed = Counter::default();
        registry.register(
            "mainworker_schedule_runs_missed",
            "Runs of schedules that fell due while nobody looked, and were left out",
            runs_missed.clone(),
        );
        let modules_refused = Family::default();
        registry.register(
            "mainworker_modules_refused",
            "Modules that are not what somebody vouches for, by code",
            Family::clone(&modules_refused),
        );
        let credentials = Family::default();
        registry.register(
            "mainworker_credentials_refused",
            "Credentials that were shown and are not good, by why",
            Family::clone(&credentials),
        );
        let handshakes = Family::default();
        registry.register(
            "mainworker_tls_handshakes_failed",
            "Connections on which TLS was not agreed on, by why",
            Family::clone(&handshakes),
        );
        let others = Arc::new(JobFigures::of(OTHER.to_owned(), &families));
        let (jobs, codes) = (RwLock::default(), RwLock::default());
        Self {
            registry,
            jobs,
            others,
            families,
            rejections,
            codes,
            requests,
            runs_missed,
            modules_refused,
            credentials,
            handshakes,
        }
    }

    /// Sees each event and counts it.
    pub fn observer(self: &Arc<Self>) -> Observer {
        let metrics = Arc::clone(self);
        Box::new(move |stamped| metrics.observe(&stamped.event))
    }

    /// Counts what happened. Does not wait for anything.
    pub fn observe(&self, event: &Event) {
        match event {
            Event::EnvelopeRejected { code, .. } => self.rejected(code),
            Event::TaskEnqueued { job, .. } => {
                self.job(job).enqueued().inc();
            }
            Event::TaskDropped { parent_job, .. } => {
                let label = JobLabel { job: self.job(parent_job).name.clone() };
                self.families.dropped.get_or_create(&label).inc();
            }
            Event::AttemptEnded { job, outcome, wait_ms, run_ms, state, .. } => {
                let job = self.job(job);
                job.attempt(*outcome).inc();
                job.wait().observe(seconds(*wait_ms));
                job.run().observe(seconds(*run_ms));
                job.stands(*state);
            }
            Event::TaskChanged { job, state, reason, .. } => {
                let job = self.job(job);
                if matches!(reason, Reason::Lost | Reason::LostAlone) {
                    job.attempt(Outcome::Lost).inc();
                }
                job.stands(*state);
            }
            Event::AttemptStarted { .. }
            | Event::AttemptSaid { .. }
            | Event::Paused { .. }
            | Event::ScheduleChanged { .. }
            | Event::DeploymentChanged { .. }
            | Event::HostError { .. } => {}
            Event::ModuleRefused { code, .. } => {
                self.modules_refused.get_or_create(&CodeLabel { code: code.clone() }).inc();
            }
            Event::RunsMissed { count, .. } => {
                self.runs_missed.inc_by(*count);
            }
            Event::CredentialRefused { why, .. } => {
                self.credentials.get_or_create(&WhyLabel { why }).inc();
            }
        }
    }

    /// Counts a request that was answered. `route` is the path with the names of its parts, never the path itself.
    pub fn answered(&self, method: &'static str, route: &'static str, status: u16) {
        self.requests.get_or_create(&RequestLabels { method, route, status }).inc();
    }

    /// Counts a connection on which TLS was not agreed on. `why` is one of a few words.
    pub fn handshake_failed(&self, why: &'static str) {
        self.handshakes.get_or_create(&WhyLabel { why }).inc();
    }

    /// All figures as text.
    ///
    /// # Errors
    /// None in practice: a text takes whatever is written.
    pub fn encode(&self, standing: &Standing) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode_registry(&mut text, &self.registry)?;
        encode_registry(&mut text, &standing.registry())?;
        encode_eof(&mut text)?;
        Ok(text)
    }

    fn rejected(&self, code: &str) {
        let known = self.codes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = known.get(code) {
            counter.inc();
            return;
        }
        let code = if known.len() < CODES_MAX { code } else { OTHER };
        drop(known);
        let mut known = self.codes.write().unwrap_or_else(PoisonError::into_inner);
        let new = || self.rejections.get_or_create_owned(&CodeLabel { code: code.to_owned() });
        known.entry(code.to_owned()).or_insert_with(new).inc();
    }

    fn job(&self, name: &JobName) -> Arc<JobFigures> {
        let known = self.jobs.read().unwrap_or_else(PoisonError::into_inner);
        match known.get(name) {
            Some(job) => return Arc::clone(job),
            None if known.len() >= JOBS_MAX => return Arc::clone(&self.others),
            None => drop(known),
        }
        let mut known = self.jobs.write().unwrap_or_else(PoisonError::into_inner);
        // Two may have come so far at once: one of them can be one too many, which is no harm.
        let new = || Arc::new(JobFigures::of(name.to_string(), &self.families));
        Arc::clone(known.entry(name.clone()).or_insert_with(new))
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Families {
    fn new() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(SECONDS);
        Self {
            enqueued: Family::default(),
            dropped: Family::default(),
            ended: Family::default(),
            attempts: Family::default(),
            wait: Family::new_with_constructor(histogram),
            run: Family::new_with_constructor(histogram),
        }
    }
}

impl JobFigures {
    fn of(name: String, families: &Families) -> Self {
        Self {
            name,
            families: families.clone(),
            enqueued: OnceLock::new(),
            ended: Default::default(),
            attempts: Default::default(),
            wait: OnceLock::new(),
            run: OnceLock::new(),
        }
    }

    fn label(&self) -> JobLabel {
        JobLabel { job: self.name.clone() }
    }

    fn enqueued(&self) -> &Counter {
        self.enqueued.get_or_init(|| self.families.enqueued.get_or_create_owned(&self.label()))
    }

    fn attempt(&self, outcome: Outcome) -> &Counter {
        self.attempts[outcome as usize].get_or_init(|| {
            let labels = OutcomeLabels { job: self.name.clone(), outcome: outcome.as_str() };
            self.families.attempts.get_or_create_owned(&labels)
        })
    }

    fn wait(&self) -> &Histogram {
        self.wait.get_or_init(|| self.families.wait.get_or_create_owned(&self.label()))
    }

    fn run(&self) -> &Histogram {
        self.run.get_or_init(|| self.families.run.get_or_create_owned(&self.label()))
    }

    /// Counts a task that came to an end.
    fn stands(&self, state: State) {
        if state.is_terminal() {
            let ended = self.ended[state as usize].get_or_init(|| {
                let labels = StateLabels { job: self.name.clone(), state: state.as_str() };
                self.families.ended.get_or_create_owned(&labels)
            });
            ended.inc();
        }
    }
}

impl Standing {
    fn registry(&self) -> Registry {
        let mut registry = Registry::default();
        let mut gauge = |name: &str, help: &str, value: u64| registry.register(name, help, gauge_of(value));
        gauge("mainworker_attempts_running", "Attempts that run on this host", self.running as u64);
        gauge("mainworker_slots", "Attempts that may run on this host at a time", self.slots as u64);
        gauge("mainworker_http_connections", "Connections of clients", self.connections as u64);
        gauge("mainworker_http_streams", "Streams of events and followed logs", self.streams as u64);
        gauge("mainworker_store_answers", "Whether the store answers", u64::from(self.overview.is_some()));
        if let Some(overview) = &self.overview {
            gauge("mainworker_store_bytes", "Bytes of all that is stored", overview.store_bytes);
            gauge("mainworker_paused", "Whether no attempt of any job begins", u64::from(overview.paused));
            let (tasks, paused) = by_job(overview);
            registry.register("mainworker_tasks", "Tasks that there are", tasks);
            registry.register("mainworker_job_paused", "Whether no attempt of the job begins", paused);
        }
        if let Some(bytes) = resident_bytes() {
            let help = "Memory that the process occupies, in bytes";
            registry.register("process_resident_memory_bytes", help, gauge_of(bytes));
        }
        let started_at = Gauge::<f64, std::sync::atomic::AtomicU64>::default();
        started_at.set(seconds(self.started_at.ms_since(Timestamp::MIN)));
        registry.register(
            "process_start_time_seconds",
            "When the process began to serve, in seconds since 1970",
            started_at,
        );
        registry
    }
}

/// Tasks by job and state, and what is paused. Jobs without figures of their own are added up.
fn by_job(overview: &Overview) -> (Family<StateLabels, Gauge>, Family<JobLabel, Gauge>) {
    let mut sums: BTreeMap<(&str, &'static str), u64> = BTreeMap::new();
    let paused = Family::<JobLabel, Gauge>::default();
    for (index, (name, job)) in overview.jobs.iter().enumerate() {
        let name = if index < JOBS_MAX { name.as_str() } else { OTHER };
        for state in State::ALL {
            *sums.entry((name, state.as_str())).or_default() += job.count(state);
        }
        if index < JOBS_MAX {
            paused.get_or_create(&JobLabel { job: name.to_owned() }).set(i64::from(job.paused));
        }
    }
    let tasks = Family::<StateLabels, Gauge>::default();
    for ((job, state), count) in sums {
        tasks
            .get_or_create(&StateLabels { job: job.to_owned(), state })
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    (tasks, paused)
}

fn gauge_of(value: u64) -> Gauge {
    let gauge = Gauge::default();
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    gauge
}

#[expect(clippy::cast_precision_loss, reason = "exact up to some hundred thousand years of milliseconds")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

/// Memory that this process occupies, as Linux tells it; none elsewhere.
fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kib.checked_mul(1 << 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainworker_domain::task_id::TaskId;
    use mainworker_queue::verbs::overview::JobOverview;

    const TASK: TaskId = TaskId::from_bytes([7; 16]);

    fn job(name: &str) -> JobName {
        JobName::parse(name).unwrap()
    }

    fn standing(overview: Option<Overview>) -> Standing {
        let started_at = Timestamp::from_ms(1_500);
        Standing { overview, running: 1, slots: 2, connections: 3, streams: 0, started_at }
    }

    fn enqueued(name: &str) -> Event {
        Event::TaskEnqueued { task_id: TASK, job: job(name), source: "api".to_owned() }
    }

    fn ended(name: &str, outcome: Outcome, state: State) -> Event {
        Event::AttemptEnded {
            task_id: TASK,
            job: job(name),
            attempt: 1,
            outcome,
            code: None,
            message: None,
            wait_ms: 3,
            run_ms: 2_000,
            state,
            reason: Reason::Completed,
        }
    }

    #[track_caller]
    fn assert_has(text: &str, lines: &[&str]) {
        for line in lines {
            assert!(text.lines().any(|found| found == *line), "no `{line}` in\n{text}");
        }
    }

    #[test]
    fn what_happens_is_counted_by_job() {
        let metrics = Metrics::new();
        metrics.observe(&enqueued("echo"));
        metrics.observe(&enqueued("echo"));
        metrics.observe(&ended("echo", Outcome::Failed, State::Queued));
        metrics.observe(&ended("echo", Outcome::Completed, State::Completed));
        metrics.observe(&Event::TaskChanged {
            task_id: TASK,
            job: job("echo"),
            state: State::Failed,
            reason: Reason::LostAlone,
        });
        metrics.observe(&Event::EnvelopeRejected {
            code: "unknown_job".to_owned(),
            detail: String::new(),
            job: Some("never a label".to_owned()),
            source: None,
        });
        metrics.answered("POST", "/v1/tasks", 202);
        let text = metrics.encode(&standing(None)).unwrap();
        assert_has(
            &text,
            &[
                "mainworker_tasks_enqueued_total{job=\"echo\"} 2",
                "mainworker_attempts_ended_total{job=\"echo\",outcome=\"failed\"} 1",
                "mainworker_attempts_ended_total{job=\"echo\",outcome=\"completed\"} 1",
                "mainworker_attempts_ended_total{job=\"echo\",outcome=\"lost\"} 1",
                "mainworker_tasks_ended_total{job=\"echo\",state=\"completed\"} 1",
                "mainworker_tasks_ended_total{job=\"echo\",state=\"failed\"} 1",
                "mainworker_attempt_wait_seconds_bucket{le=\"0.001\",job=\"echo\"} 0",
                "mainworker_attempt_wait_seconds_bucket{le=\"0.005\",job=\"echo\"} 2",
                "mainworker_attempt_run_seconds_sum{job=\"echo\"} 4.0",
                "mainworker_rejections_total{code=\"unknown_job\"} 1",
                "mainworker_http_requests_total{method=\"POST\",route=\"/v1/tasks\",status=\"202\"} 1",
                "mainworker_store_answers 0",
                "process_start_time_seconds 1.5",
                "# EOF",
            ],
        );
        assert!(!text.contains("never a label") && !text.contains("state=\"queued\""), "{text}");
    }

    #[test]
    fn jobs_beyond_the_bound_are_added_up() {
        let metrics = Metrics::new();
        let mut overview = Overview::default();
        for index in 0..JOBS_MAX + 3 {
            let name = format!("job-{index:04}");
            metrics.observe(&enqueued(&name));
            let tasks = [(State::Queued, 5)].into();
            overview.jobs.insert(job(&name), JobOverview { tasks, ..JobOverview::default() });
        }
        let text = metrics.encode(&standing(Some(overview))).unwrap();
        assert_has(
            &text,
            &[
                "mainworker_tasks_enqueued_total{job=\"other\"} 3",
                "mainworker_tasks{job=\"other\",state=\"queued\"} 15",
                "mainworker_tasks{job=\"job-0000\",state=\"queued\"} 5",
                "mainworker_store_answers 1",
            ],
        );
        assert!(!text.contains("job-0200"), "{text}");
    }

    #[test]
    fn codes_beyond_the_bound_are_added_up() {
        let metrics = Metrics::new();
        for index in 0..CODES_MAX + 5 {
            metrics.rejected(&format!("code_{index}"));
            metrics.rejected("code_0");
        }
        let text = metrics.encode(&standing(None)).unwrap();
        assert_has(&text, &["mainworker_rejections_total{code=\"other\"} 5"]);
        assert_has(&text, &[&format!("mainworker_rejections_total{{code=\"code_0\"}} {}", CODES_MAX + 6)]);
    }

    #[test]
    fn the_process_says_what_it_occupies() {
        assert!(resident_bytes().unwrap() > 1 << 20);
    }
}
