//! The threads on which guests run, one per core, the thread on which their deadlines are kept, and that of the network.
//!
//! A guest that computes holds its thread until the next epoch tick. On threads of their own, guests can delay only each
//! other; and what wakes whoever watches them is a timer on a thread that no guest ever runs on.

use std::future::Future;
use std::io;
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior, Sleep, interval, sleep_until};

#[derive(Debug)]
pub(crate) struct AttemptThreads {
    attempts: StoppedOnDrop,
    deadlines: StoppedOnDrop,
    network: StoppedOnDrop,
}

impl AttemptThreads {
    pub(crate) fn start(threads: usize) -> io::Result<Self> {
        let start = |name: &str, builder: &mut Builder| {
            builder.thread_name(name).enable_time().build().map(|runtime| StoppedOnDrop(Some(runtime)))
        };
        // A guest's own timers are driven by the attempt threads; guests that compute yield at each tick. Its sockets are not.
        let attempts = start("attempt", Builder::new_multi_thread().worker_threads(threads))?;
        let deadlines = start("deadline", Builder::new_multi_thread().worker_threads(1))?;
        // Encrypting for one guest must not delay the deadline of another.
        let network = start("network", Builder::new_multi_thread().worker_threads(1).enable_io())?;
        Ok(Self { attempts, deadlines, network })
    }

    pub(crate) fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.attempts.runtime().spawn(future)
    }

    /// The thread on which requests are sent and responses read.
    pub(crate) fn network(&self) -> Handle {
        self.network.runtime().handle().clone()
    }

    /// A sleep that is driven by the deadline thread, wherever it is awaited.
    pub(crate) fn sleep_until(&self, at: Instant) -> Sleep {
        let _on_the_deadline_thread = self.deadlines.runtime().enter();
        sleep_until(at)
    }

    /// Ticks that are driven by the deadline thread, wherever they are awaited.
    pub(crate) fn ticks(&self, every: Duration) -> Interval {
        let _on_the_deadline_thread = self.deadlines.runtime().enter();
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    }
}

/// A runtime that is stopped without waiting: a sandbox may be dropped inside another runtime, where waiting is not
/// allowed.
#[derive(Debug)]
struct StoppedOnDrop(Option<Runtime>);

impl StoppedOnDrop {
    fn runtime(&self) -> &Runtime {
        match &self.0 {
            Some(runtime) => runtime,
            None => unreachable!("the runtime is there until it is dropped"),
        }
    }
}

impl Drop for StoppedOnDrop {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
