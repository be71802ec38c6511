//! What a test plays on: a clock, a host that makes tasks and hears what became of them, and schedules.

use jiff::tz::TimeZoneDatabase;
use mainworker_domain::digest::Digest;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::manifest::Retry;
use mainworker_domain::schedule::{Definition, ScheduleName};
use mainworker_domain::task_id::TaskId;
use mainworker_queue::dispatch::Clock;
use mainworker_queue::scheduler::{Looked, NotMade, ScheduleHost, Scheduler};
use mainworker_queue::store::{Store, StoreError};
use mainworker_queue::verbs::enqueue::NewTask;
use mainworker_queue::verbs::list::{Filter, List};
use mainworker_queue::verbs::schedules::{ApplySchedules, PutSchedule, ScheduleRow};
use mainworker_queue::verbs::task::TaskSummary;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

/// When a test begins: 2023-11-14T22:13:20Z.
pub(crate) const NOW: Timestamp = Timestamp::from_ms(1_700_000_000_000);
/// After so long, what a test waits for does not come.
const NEVER: Duration = Duration::from_secs(20);

/// So many seconds after [`NOW`].
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_ms(NOW.as_ms() + seconds * 1_000)
}

pub(crate) fn name(text: &str) -> ScheduleName {
    ScheduleName::parse(text).unwrap()
}

/// Waits for what has to come.
pub(crate) async fn soon<T>(what: &str, waited: impl Future<Output = T>) -> T {
    timeout(NEVER, waited).await.unwrap_or_else(|_| panic!("{what} does not come"))
}

/// Two clocks that stand still until they are moved.
#[derive(Debug, Default)]
pub(crate) struct TestClock {
    wall_ms: AtomicI64,
    steady_ms: AtomicI64,
}

impl TestClock {
    /// Time passes.
    pub(crate) fn pass(&self, seconds: i64) {
        self.steady_ms.fetch_add(seconds * 1_000, Ordering::SeqCst);
        self.set(seconds);
    }

    /// Somebody sets the clock on the wall; back, if it is negative.
    pub(crate) fn set(&self, seconds: i64) {
        self.wall_ms.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(NOW.as_ms() + self.wall_ms.load(Ordering::SeqCst))
    }

    fn steady(&self) -> Timestamp {
        Timestamp::from_ms(NOW.as_ms() + self.steady_ms.load(Ordering::SeqCst))
    }
}

/// What a scheduler said.
#[derive(Debug)]
pub(crate) enum Heard {
    Fired(Looked),
    Hindered(ScheduleName, String),
    StoreFailed,
}

/// Makes a task of each run, unless it is told otherwise.
pub(crate) struct TestHost {
    next_task: Arc<AtomicU64>,
    /// What is answered instead, by schedule.
    pub(crate) answers: Mutex<BTreeMap<ScheduleName, NotMade>>,
    heard: mpsc::UnboundedSender<Heard>,
}

impl ScheduleHost for TestHost {
    async fn task(
        &self,
        name: &ScheduleName,
        definition: &Definition,
        occurrence: Timestamp,
        now: Timestamp,
    ) -> Result<Box<NewTask>, NotMade> {
        if let Some(not_made) = self.answers.lock().unwrap().get(name) {
            return Err(not_made.clone());
        }
        let number = u128::from(self.next_task.fetch_add(1, Ordering::SeqCst));
        Ok(Box::new(NewTask {
            id: TaskId::from_bytes(number.to_be_bytes()),
            job: definition.job.clone(),
            source: "scheduler".to_owned(),
            revision: Digest::from_sha256([7; 32]),
            payload: definition.payload(occurrence),
            configuration: None,
            priority: 0,
            run_at: definition.begins_at(name, occurrence).max(now),
            expires_at: None,
            timeout_ms: None,
            label: None,
            tags: Vec::new(),
            idempotency: None,
            unique: None,
            retry: Retry::default(),
            concurrency_max: 1_000,
            concurrency_key: None,
            memory_bytes_max: 1,
            parent: None,
            depth: 0,
            by: None,
        }))
    }

    fn fired(&self, looked: Looked) {
        // A test that is over hears nothing more.
        let _ = self.heard.send(Heard::Fired(looked));
    }

    fn hindered(&self, name: &ScheduleName, problem: &str) {
        let _ = self.heard.send(Heard::Hindered(name.clone(), problem.to_owned()));
    }

    fn store_failed(&self, _: &StoreError) {
        let _ = self.heard.send(Heard::StoreFailed);
    }
}

/// See the [module](self).
pub(crate) struct Stage<S> {
    pub(crate) store: Arc<S>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) host: Arc<TestHost>,
    pub(crate) wake: Arc<Notify>,
    heard: mpsc::UnboundedReceiver<Heard>,
}

impl<S: Store> Stage<S> {
    pub(crate) fn new(store: Arc<S>) -> Self {
        Self::beside(store, Arc::default(), Arc::new(AtomicU64::new(1)))
    }

    /// One that shares a clock with others; ids come from one place.
    pub(crate) fn beside(store: Arc<S>, clock: Arc<TestClock>, next_task: Arc<AtomicU64>) -> Self {
        let (sender, heard) = mpsc::unbounded_channel();
        let host = Arc::new(TestHost { next_task, answers: Mutex::default(), heard: sender });
        Self { store, clock, host, wake: Arc::default(), heard }
    }

    pub(crate) fn scheduler(&self) -> Scheduler {
        let (store, host) = (Arc::clone(&self.store), Arc::clone(&self.host));
        let zones = TimeZoneDatabase::bundled();
        Scheduler::start(store, host, zones, Arc::clone(&self.clock) as _, Arc::clone(&self.wake))
    }

    /// Applies schedules as the API does: what is new counts from now.
    pub(crate) async fn apply(&self, schedules: impl IntoIterator<Item = (&str, &str)>) {
        let (now, zones) = (self.clock.now(), TimeZoneDatabase::bundled());
        let put = |(name, text): (&str, &str)| {
            let definition = Definition::parse(text, &zones).unwrap();
            PutSchedule {
                name: ScheduleName::parse(name).unwrap(),
                definition: definition.to_json(),
                evaluated_to: now,
                next_at: definition.occurrences(now).next_after(now),
                restarts: true,
                expected_revision: None,
            }
        };
        let puts = schedules.into_iter().map(put).collect();
        let apply = ApplySchedules { set: None, puts, deletes: Vec::new(), now, by: None };
        self.store.apply_schedules(apply).await.unwrap();
        self.wake.notify_one();
    }

    /// Time passes, and the scheduler is told to look.
    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.pass(seconds);
        self.wake.notify_one();
    }

    pub(crate) async fn heard(&mut self) -> Heard {
        soon("what the scheduler says", self.heard.recv()).await.unwrap()
    }

    /// The next look that brought something about, or left something out.
    pub(crate) async fn fired(&mut self) -> Looked {
        loop {
            match self.heard().await {
                Heard::Fired(looked) if looked.wanted.is_empty() && looked.dropped == 0 => {}
                Heard::Fired(looked) => return looked,
                other => panic!("{other:?}, expected a run"),
            }
        }
    }

    /// The moments of the next look that brought something about, in seconds after [`NOW`].
    pub(crate) async fn fired_at(&mut self) -> Vec<i64> {
        let looked = self.fired().await;
        looked.wanted.iter().map(|wanted| (wanted.occurrence.as_ms() - NOW.as_ms()) / 1_000).collect()
    }

    pub(crate) async fn row(&self, schedule: &str) -> ScheduleRow {
        self.store.schedule(name(schedule)).await.unwrap().unwrap().row
    }

    /// All tasks, the oldest first.
    pub(crate) async fn tasks(&self) -> Vec<TaskSummary> {
        let mut tasks = Vec::new();
        let mut before = None;
        loop {
            let list = List {
                filter: Filter::default(),
                before,
                tasks_max: 500,
                examined_max: 1_000,
                now: self.clock.now(),
            };
            let page = self.store.list(list).await.unwrap();
            tasks.extend(page.tasks);
            before = page.next;
            if before.is_none() {
                tasks.reverse();
                return tasks;
            }
        }
    }
}
