//! What has to be done to a store now and then: tasks whose time is over expire, tasks that ended long ago are deleted.
//!
//! Both in small steps with pauses, so that no claim waits for them. Nothing else depends on either: a claim lets no task
//! begin whose time is over, and what is kept too long is only kept too long.

use crate::dispatch::core::error_code;
use crate::dispatch::{Clock, OnEvent};
use crate::store::{Store, StoreError};
use crate::verbs::audit::PruneAudit;
use crate::verbs::expire::Expire;
use crate::verbs::prune::{Prune, Retention};
use mainworker_domain::event::Event;
use mainworker_domain::lifecycle::{Reason, State, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// Tasks in one step of either kind: about a millisecond of writing.
const STEP_TASKS_MAX: usize = 200;
/// A round of deleting is followed by a rest of at least so many times its own length, so that with many tasks it does not
/// go on all the time.
const REST_FACTOR: u32 = 5;

/// How often what is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpkeepOptions {
    /// What is kept.
    pub retention: Retention,
    /// Milliseconds between two looks for tasks whose time is over.
    pub expire_ms: u64,
    /// Milliseconds between two rounds through all tasks to delete some, at least.
    pub round_ms: u64,
    /// Milliseconds between two steps of a round.
    pub pause_ms: u64,
}

impl UpkeepOptions {
    /// Tasks expire within a second; those that are kept too long are looked for each minute, with 10 ms for others between
    /// two steps.
    pub fn new(retention: Retention) -> Self {
        Self { retention, expire_ms: 1_000, round_ms: 60_000, pause_ms: 10 }
    }
}

/// The upkeep of a store. Ends when it is dropped.
#[derive(Debug)]
pub struct Upkeep {
    stop: watch::Sender<bool>,
    work: [JoinHandle<()>; 2],
}

impl Upkeep {
    /// Begins at once.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn start<S: Store>(
        store: Arc<S>,
        options: UpkeepOptions,
        clock: Arc<dyn Clock>,
        on_event: OnEvent,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let worker = Worker { store, options, clock, on_event, stopped, troubled: false };
        let work = [tokio::spawn(worker.clone().expire()), tokio::spawn(worker.prune())];
        Self { stop, work }
    }

    /// Finishes the steps that are under way, and ends.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        for work in &mut self.work {
            // An error says that it has ended otherwise, which is just as well.
            let _ = work.await;
        }
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.work.iter().for_each(JoinHandle::abort);
    }
}

struct Worker<S> {
    store: Arc<S>,
    options: UpkeepOptions,
    clock: Arc<dyn Clock>,
    on_event: OnEvent,
    stopped: watch::Receiver<bool>,
    /// The store failed when it was asked last; somebody was told.
    troubled: bool,
}

impl<S: Store> Worker<S> {
    async fn expire(mut self) {
        loop {
            let expire = Expire { now: self.clock.now(), tasks_max: STEP_TASKS_MAX };
            let answer = self.store.expire(expire).await;
            let expired = self.tell_trouble(answer).unwrap_or_default();
            let full = expired.len() >= STEP_TASKS_MAX;
            for expired in expired {
                (self.on_event)(Event::TaskChanged {
                    task_id: expired.id,
                    job: expired.job,
                    state: State::Expired,
                    reason: Reason::Expired,
                });
            }
            let wait_ms = if full { self.options.pause_ms } else { self.options.expire_ms };
            if self.is_stopped_within(Duration::from_millis(wait_ms)).await {
                return;
            }
        }
    }

    async fn prune(mut self) {
        loop {
            let began = Instant::now();
            let mut after = Some(0);
            while let Some(place) = after {
                let prune = Prune {
                    retention: self.options.retention,
                    now: self.clock.now(),
                    tasks_max: STEP_TASKS_MAX,
                    after: place,
                };
                let answer = self.store.prune(prune).await;
                after = self.tell_trouble(answer).and_then(|pruned| pruned.next);
                let pause = Duration::from_millis(self.options.pause_ms);
                if after.is_some() && self.is_stopped_within(pause).await {
                    return;
                }
            }
            if self.prune_audit().await {
                return;
            }
            let rest = Duration::from_millis(self.options.round_ms).max(began.elapsed() * REST_FACTOR);
            if self.is_stopped_within(rest).await {
                return;
            }
        }
    }

    /// Deletes the entries of the audit that are too old. True if nothing more is to be done.
    async fn prune_audit(&mut self) -> bool {
        loop {
            let audit_ms = i64::try_from(self.options.retention.audit_ms).unwrap_or(i64::MAX);
            let before = Timestamp::from_ms(self.clock.now().as_ms().saturating_sub(audit_ms));
            let prune = PruneAudit { before, entries_max: STEP_TASKS_MAX };
            let answer = self.store.prune_audit(prune).await;
            let deleted = self.tell_trouble(answer).unwrap_or(0);
            if usize::try_from(deleted).is_ok_and(|deleted| deleted < STEP_TASKS_MAX) {
                return false;
            }
            if self.is_stopped_within(Duration::from_millis(self.options.pause_ms)).await {
                return true;
            }
        }
    }

    /// The answer, if there is one. Of several failures in a row the first is told.
    fn tell_trouble<T>(&mut self, answer: Result<T, StoreError>) -> Option<T> {
        match answer {
            Ok(answer) => {
                self.troubled = false;
                Some(answer)
            }
            Err(error) => {
                if !self.troubled {
                    self.troubled = true;
                    let code = error_code(&error).to_owned();
                    (self.on_event)(Event::HostError { code, message: error.to_string() });
                }
                None
            }
        }
    }

    /// Waits. True as soon as nothing more is to be done.
    async fn is_stopped_within(&mut self, wait: Duration) -> bool {
        tokio::select! {
            biased;
            // An error says that the handle is gone.
            _ = self.stopped.wait_for(|&stopped| stopped) => true,
            () = sleep(wait) => false,
        }
    }
}

impl<S> Clone for Worker<S> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            options: self.options,
            clock: Arc::clone(&self.clock),
            on_event: Arc::clone(&self.on_event),
            stopped: self.stopped.clone(),
            troubled: self.troubled,
        }
    }
}
