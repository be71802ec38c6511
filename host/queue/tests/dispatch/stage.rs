//! What a test plays on: a store, a clock, a runner, dispatches, and what they say.

use crate::runner::{Begun, TestRunner};
use crate::store::WatchedStore;
use mainworker_domain::digest::Digest;
use mainworker_domain::event::Event;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::manifest::Retry;
use mainworker_domain::outcome::Outcome;
use mainworker_domain::task_id::TaskId;
use mainworker_queue::dispatch::{Clock, Dispatch, DispatchOptions, OnEvent, Random};
use mainworker_queue::store::Store;
use mainworker_queue::verbs::enqueue::{Enqueue, NewTask};
use mainworker_queue::verbs::task::TaskView;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// When a test begins.
pub(crate) const NOW: Timestamp = Timestamp::from_ms(1_700_000_000_000);
/// Memory that a host has.
pub(crate) const MEMORY_BYTES: u64 = 1_000;
/// After so long, what a test waits for does not come.
const NEVER: Duration = Duration::from_secs(20);

/// A clock that stands still until it is moved.
#[derive(Default)]
pub(crate) struct TestClock {
    passed_ms: AtomicI64,
}

impl TestClock {
    pub(crate) fn advance(&self, ms: i64) {
        self.passed_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.steady()
    }

    fn steady(&self) -> Timestamp {
        Timestamp::from_ms(NOW.as_ms() + self.passed_ms.load(Ordering::SeqCst))
    }
}

/// Numbers that were not there before.
pub(crate) struct Count(AtomicU64);

impl Random for Count {
    fn bits(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

/// See the [module](self).
pub(crate) struct Stage {
    pub(crate) store: Arc<WatchedStore>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) runner: Arc<TestRunner>,
    pub(crate) on_event: OnEvent,
    begins: mpsc::UnboundedReceiver<Begun>,
    events: mpsc::UnboundedReceiver<Event>,
    random: Arc<Count>,
    next_task: u64,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let (runner, begins) = TestRunner::new();
        let (sender, events) = mpsc::unbounded_channel();
        // A test that is over hears nothing more.
        let on_event: OnEvent = Arc::new(move |event| drop(sender.send(event)));
        Self {
            store: Arc::new(WatchedStore::new()),
            clock: Arc::default(),
            runner,
            on_event,
            begins,
            events,
            random: Arc::new(Count(AtomicU64::new(1))),
            next_task: 0,
        }
    }

    pub(crate) fn dispatch(&self, slots: usize) -> Dispatch {
        let options = DispatchOptions::new("test", slots, MEMORY_BYTES);
        let (store, runner, clock) =
            (Arc::clone(&self.store), Arc::clone(&self.runner), Arc::clone(&self.clock));
        Dispatch::start(store, runner, options, clock, self.random.clone(), Arc::clone(&self.on_event))
    }

    /// A task that nobody enqueued yet.
    pub(crate) fn task(&mut self, payload: &str) -> NewTask {
        self.next_task += 1;
        let mut id = [0; 16];
        id[8..].copy_from_slice(&self.next_task.to_be_bytes());
        NewTask {
            id: TaskId::from_bytes(id),
            job: JobName::parse("job").unwrap(),
            source: "api".to_owned(),
            revision: Digest::from_sha256([1; 32]),
            payload: payload.to_owned(),
            configuration: None,
            priority: 0,
            run_at: NOW,
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
        }
    }

    /// Enqueues a task, without a wake.
    pub(crate) async fn enqueue(&mut self, payload: &str) -> TaskId {
        let task = self.task(payload);
        self.enqueue_task(task).await
    }

    pub(crate) async fn enqueue_task(&self, task: NewTask) -> TaskId {
        let id = task.id;
        let enqueue = Enqueue { tasks: vec![task], now: self.clock.now(), open_max: 1_000_000 };
        self.store.enqueue(enqueue).await.unwrap();
        id
    }

    /// The next attempt that begins.
    pub(crate) async fn begins(&mut self) -> Begun {
        in_time(self.begins.recv()).await.unwrap()
    }

    /// Whether an attempt began that nobody looked at yet.
    pub(crate) fn has_begun(&mut self) -> bool {
        !self.begins.is_empty()
    }

    /// Whether something was said that nobody heard yet.
    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// The next event for which `of_interest` has an answer.
    pub(crate) async fn hears<T>(&mut self, of_interest: impl Fn(&Event) -> Option<T>) -> T {
        loop {
            let event = in_time(self.events.recv()).await.unwrap();
            if let Some(answer) = of_interest(&event) {
                return answer;
            }
        }
    }

    /// How the next attempt ends that does, and where its task stands then.
    pub(crate) async fn hears_end(&mut self) -> (TaskId, Outcome, State) {
        self.hears(|event| match event {
            Event::AttemptEnded { task_id, outcome, state, .. } => Some((*task_id, *outcome, *state)),
            _ => None,
        })
        .await
    }

    pub(crate) async fn view(&self, id: TaskId) -> TaskView {
        self.store.task(id).await.unwrap().unwrap()
    }

    pub(crate) async fn state(&self, id: TaskId) -> State {
        self.view(id).await.summary.state
    }

    /// Moves the clock, and has the dispatch look at it.
    pub(crate) fn advance(&self, dispatch: &Dispatch, ms: i64) {
        self.clock.advance(ms);
        dispatch.wake();
    }

    /// Runs so many attempts that end at once, so that further ones are claimed ahead of their start.
    pub(crate) async fn warm_up(&mut self, dispatch: &Dispatch, count: usize) {
        for _ in 0..count {
            self.enqueue(crate::runner::AT_ONCE).await;
        }
        dispatch.wake();
        for _ in 0..count {
            self.hears_end().await;
        }
    }
}

/// Fails instead of waiting for ever.
pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    timeout(NEVER, future).await.expect("it comes")
}
