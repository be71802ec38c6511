//! The handle of a dispatch.

use super::core::{Core, Moment};
use super::dispatcher::Dispatcher;
use super::driver::drive;
use super::exchange::Exchange;
use super::{Clock, DispatchOptions, OnEvent, Random};
use crate::runner::Runner;
use crate::store::Store;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::task_id::TaskId;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::task::AbortHandle;

/// A dispatch that goes on until it is drained.
///
/// Dropping it ends it as a crash would: attempts are told to stop, and nothing is written down any more.
#[derive(Debug)]
pub struct Dispatch {
    exchange: Arc<Exchange>,
    drained: watch::Receiver<bool>,
    dispatcher: AbortHandle,
}

/// An attempt that runs, or is about to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningAttempt {
    /// Its task.
    pub task_id: TaskId,
    /// Its job.
    pub job: JobName,
    /// Its number, from 1.
    pub attempt: u32,
    /// When it was claimed.
    pub claimed_at: Timestamp,
}

impl Dispatch {
    /// Begins to claim and run tasks at once. What an earlier host left in the store must have been rescued.
    ///
    /// # Panics
    /// Outside of a Tokio runtime: the dispatcher runs on the one that this is called in. Drivers run where the runner wants.
    pub fn start<S: Store, R: Runner>(
        store: Arc<S>,
        runner: Arc<R>,
        options: DispatchOptions,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        on_event: OnEvent,
    ) -> Self {
        let drivers = options.slots.max(1);
        let exchange = Arc::new(Exchange::new(drivers, options.memory_bytes_max));
        for driver in 0..drivers {
            let (exchange, runner_of_it) = (Arc::clone(&exchange), Arc::clone(&runner));
            let (clock, on_event) = (Arc::clone(&clock), Arc::clone(&on_event));
            runner.spawn(drive(driver, exchange, runner_of_it, clock, on_event));
        }
        let moment = Moment { now: clock.now(), steady: clock.steady(), bits: random.bits() };
        let (drained_sender, drained) = watch::channel(false);
        let dispatcher = Dispatcher {
            store,
            exchange: Arc::clone(&exchange),
            clock,
            random,
            on_event,
            core: Core::new(options, moment),
            requests: Vec::new(),
            asks: Vec::new(),
            drained: drained_sender,
        };
        let dispatcher = tokio::spawn(dispatcher.run()).abort_handle();
        Self { exchange, drained, dispatcher }
    }

    /// Something may be claimable: a task came or was retried, something was resumed, or a queued task was cancelled that may
    /// have stood before others. Costs next to nothing; without it, tasks are found some time later.
    pub fn wake(&self) {
        self.exchange.tell(|inbox| inbox.wake = true);
    }

    /// A cancel of this attempt was written down: it is told to stop, or does not begin.
    pub fn stop_attempt(&self, task: TaskId, attempt: u32) {
        self.exchange.tell(|inbox| inbox.stops.push((task, attempt)));
    }

    /// The attempts that run or are about to, the oldest first. What was told to this dispatch before is known by then.
    pub async fn running(&self) -> Vec<RunningAttempt> {
        let (answer, asked) = oneshot::channel();
        if !self.exchange.tell(|inbox| inbox.asks.push(answer)) {
            return Vec::new();
        }
        let open = asked.await.unwrap_or_default();
        let running = |attempt: super::core::OpenAttempt| RunningAttempt {
            task_id: attempt.held.task,
            job: attempt.job,
            attempt: attempt.held.attempt,
            claimed_at: attempt.claimed_at,
        };
        open.into_iter().map(running).collect()
    }

    /// Claims no more, waits for what runs up to `grace`, interrupts the rest, and returns when all ends are written down. If
    /// an attempt does not stop, or the store does not work, it gives up one lease after the grace.
    ///
    /// Can be called again, also while another call waits: the shortest grace counts.
    pub async fn drain(&self, grace: Duration) {
        let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        self.exchange.tell(|inbox| {
            inbox.drain_ms = Some(inbox.drain_ms.map_or(grace_ms, |other| other.min(grace_ms)));
        });
        // An error says that the dispatcher is gone, which is just as well.
        let _ = self.drained.clone().wait_for(|&drained| drained).await;
    }
}

impl Drop for Dispatch {
    fn drop(&mut self) {
        self.dispatcher.abort();
    }
}
