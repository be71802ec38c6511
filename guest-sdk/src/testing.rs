//! A stand-in for the host, for native tests of a job.
//!
//! Without one, configuration is empty, log lines and progress go nowhere, requests have no answers and other jobs are not
//! granted, so a job that needs none of them can simply be called. A [`Host`] serves the thread that runs it: threads that the job starts have none, as in the sandbox, where a job
//! has one thread.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::SystemTime;

use crate::Task;
use crate::log::Level;

mod http;
mod schedule;

pub use http::{RecordedAnswer, SentRequest, answer};
pub use schedule::ScheduledTask;

pub(crate) use http::exchange;
pub(crate) use schedule::enqueue;

/// A task of `job` in its only attempt, from the source `api`, without tags. Change its fields to need.
///
/// ```
/// let last_try = mainworker::Task { attempt: 5, max_attempts: 5, ..mainworker::testing::task("edge-logs") };
/// ```
#[must_use]
pub fn task(job: &str) -> Task {
    Task {
        id: String::from("01900000-0000-7000-8000-000000000000"),
        job: job.to_owned(),
        source: String::from("api"),
        attempt: 1,
        max_attempts: 1,
        tags: Vec::new(),
    }
}

/// A host for one test: gives configuration, the time and recorded answers, keeps what the job did.
#[derive(Clone, Debug, Default)]
pub struct Host {
    configuration: BTreeMap<String, Result<String, String>>,
    clock: Option<SystemTime>,
    refused_jobs: BTreeMap<String, crate::schedule::Refused>,
    // Shared between the test's host and the one that serves its thread.
    seen: Rc<RefCell<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    logs: Vec<LogLine>,
    progress: Vec<ProgressReport>,
    /// Those not yet given.
    answers: Vec<RecordedAnswer>,
    requests: Vec<SentRequest>,
    scheduled: Vec<(String, ScheduledTask)>,
}

/// A line that the job logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// Which part of the job spoke.
    pub context: String,
    /// What it said.
    pub message: String,
}

/// Progress that the job reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgressReport {
    /// 0 to 100.
    pub percent: u8,
    /// What was being done.
    pub message: String,
}

impl Host {
    /// A host with no configuration that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the job `value` for the configuration `key`.
    #[must_use]
    pub fn config(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.configuration.insert(key.into(), Ok(value.into()));
        self
    }

    /// Makes reading the configuration `key` fail with `message`.
    #[must_use]
    pub fn unreadable_config(mut self, key: impl Into<String>, message: impl Into<String>) -> Self {
        self.configuration.insert(key.into(), Err(message.into()));
        self
    }

    /// Makes `now` the time for [`clock::now`](crate::clock::now). It stands still.
    #[must_use]
    pub fn clock(mut self, now: SystemTime) -> Self {
        self.clock = Some(now);
        self
    }

    /// Runs `job` with this host, on this thread.
    pub fn run<T>(&self, job: impl FnOnce() -> T) -> T {
        let _serving = Serving::start(self.clone());
        job()
    }

    /// The lines logged so far, in order.
    #[must_use]
    pub fn logs(&self) -> Vec<LogLine> {
        self.seen.borrow().logs.clone()
    }

    /// The progress reported so far, in order.
    #[must_use]
    pub fn progress(&self) -> Vec<ProgressReport> {
        self.seen.borrow().progress.clone()
    }
}

thread_local! {
    static SERVING: RefCell<Option<Host>> = const { RefCell::new(None) };
}

/// Keeps a host in service, and afterwards puts back the one that served before, even if the job panics.
struct Serving {
    before: Option<Host>,
}

impl Serving {
    fn start(host: Host) -> Self {
        Self { before: SERVING.replace(Some(host)) }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        SERVING.set(self.before.take());
    }
}

pub(crate) fn configuration(key: &str) -> Result<Option<String>, String> {
    SERVING
        .with_borrow(|host| host.as_ref().and_then(|host| host.configuration.get(key).cloned()).transpose())
}

pub(crate) fn log(level: Level, context: &str, message: &str) {
    SERVING.with_borrow(|host| {
        if let Some(host) = host {
            let line = LogLine { level, context: context.to_owned(), message: message.to_owned() };
            host.seen.borrow_mut().logs.push(line);
        }
    });
}

pub(crate) fn progress(percent: u8, message: &str) {
    SERVING.with_borrow(|host| {
        if let Some(host) = host {
            let report = ProgressReport { percent, message: message.to_owned() };
            host.seen.borrow_mut().progress.push(report);
        }
    });
}

pub(crate) fn now() -> SystemTime {
    SERVING.with_borrow(|host| host.as_ref().and_then(|host| host.clock)).unwrap_or_else(SystemTime::now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock, config, progress};

    #[test]
    fn a_host_serves_only_while_it_runs_a_job() {
        let host = Host::new().config("region", "eu");
        assert_eq!(host.run(|| config::get("region")), Ok(Some(String::from("eu"))));
        assert_eq!(config::get("region"), Ok(None));
    }

    #[test]
    fn a_host_steps_back_when_the_job_panics() {
        let host = Host::new().config("region", "eu");
        let job = std::panic::AssertUnwindSafe(|| host.run(|| std::panic::resume_unwind(Box::new("job"))));
        assert!(std::panic::catch_unwind(job).is_err());
        assert_eq!(config::get("region"), Ok(None));
    }

    #[test]
    fn the_host_that_served_before_serves_again() {
        let (outer, inner) = (Host::new(), Host::new());
        outer.run(|| {
            inner.run(|| crate::log::info!("inner"));
            crate::log::info!("outer");
        });
        assert_eq!(outer.logs().len(), 1);
        assert_eq!(inner.logs()[0].message, "inner");
    }

    #[test]
    fn more_than_all_of_the_work_counts_as_all() {
        let host = Host::new();
        host.run(|| progress::report(250, "nearly"));
        assert_eq!(host.progress(), [ProgressReport { percent: 100, message: String::from("nearly") }]);
    }

    #[test]
    fn a_clock_that_was_set_stands_still() {
        let host = Host::new().clock(SystemTime::UNIX_EPOCH);
        assert_eq!(host.run(clock::now), SystemTime::UNIX_EPOCH);
        assert!(clock::now() > SystemTime::UNIX_EPOCH, "without a host it is the machine's time");
    }
}
