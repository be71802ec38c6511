//! A runner whose attempts do what the test says: they come to it when they begin, and end when it ends them.

use crate::stage::NOW;
use mainworker_domain::event::LogLine;
use mainworker_domain::lifecycle::Ending;
use mainworker_domain::outcome::{Outcome, Usage};
use mainworker_queue::runner::{Ended, Live, Runner, StopReason};
use mainworker_queue::verbs::claim::ClaimedTask;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{mpsc, oneshot, watch};

/// A payload whose attempts complete at once, without the test.
pub(crate) const AT_ONCE: &str = "{\"at\":\"once\"}";
/// A payload whose attempts panic.
pub(crate) const PANICS: &str = "{\"at\":\"last\"}";

/// An attempt that runs, in the hands of the test.
pub(crate) struct Begun {
    pub(crate) task: ClaimedTask,
    pub(crate) live: Arc<Live>,
    end: oneshot::Sender<Ended>,
    stop: watch::Receiver<Option<StopReason>>,
}

impl Begun {
    /// Ends it so.
    pub(crate) fn end(self, outcome: Outcome) {
        self.end_with(outcome, Vec::new());
    }

    /// Ends it with a log.
    pub(crate) fn end_with(self, outcome: Outcome, log: Vec<LogLine>) {
        // The dispatch may be gone, as after a crash.
        let _ = self.end.send(ended(outcome, log));
    }

    /// Waits until it is told to stop.
    pub(crate) async fn told(&mut self) -> StopReason {
        self.stop.wait_for(Option::is_some).await.unwrap().unwrap()
    }
}

/// See the [module](self).
pub(crate) struct TestRunner {
    begun: mpsc::UnboundedSender<Begun>,
    running: AtomicUsize,
    pub(crate) most_at_a_time: AtomicUsize,
}

impl TestRunner {
    pub(crate) fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<Begun>) {
        let (begun, begins) = mpsc::unbounded_channel();
        let (running, most_at_a_time) = (AtomicUsize::new(0), AtomicUsize::new(0));
        (Arc::new(Self { begun, running, most_at_a_time }), begins)
    }
}

impl Runner for TestRunner {
    #[expect(clippy::panic, reason = "a test is about it")]
    async fn run(&self, task: ClaimedTask, live: Arc<Live>) -> Ended {
        if task.payload == PANICS {
            panic!("as the payload says");
        }
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_a_time.fetch_max(running, Ordering::SeqCst);
        let ended = if task.payload == AT_ONCE {
            ended(Outcome::Completed, Vec::new())
        } else {
            let (end, ended) = oneshot::channel();
            let (told, stop) = watch::channel(None);
            live.when_stopped(move |reason| {
                told.send_replace(Some(reason));
            });
            self.begun.send(Begun { task, live, end, stop }).unwrap();
            ended.await.unwrap()
        };
        self.running.fetch_sub(1, Ordering::SeqCst);
        ended
    }

    fn spawn(&self, driver: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(driver);
    }
}

fn ended(outcome: Outcome, log: Vec<LogLine>) -> Ended {
    Ended {
        ending: Ending::from(outcome),
        started_at: NOW,
        finished_at: NOW,
        usage: Usage::default(),
        ran: None,
        result: (outcome == Outcome::Completed).then(|| "{}".to_owned()),
        error: None,
        log,
        asked: Vec::new(),
    }
}
