//! The threads on which guests run, one per core, apart from those that drive timers, sockets and the store.
//!
//! A guest that computes holds its thread until the next epoch tick. On threads of their own, guests can delay only each
//! other: whoever watches their deadlines is never behind them in a queue.

use std::future::Future;
use std::io;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

#[derive(Debug)]
pub(crate) struct AttemptThreads {
    /// Taken only when dropped.
    runtime: Option<Runtime>,
}

impl AttemptThreads {
    pub(crate) fn start(threads: usize) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("attempt")
            // A guest's own timers are driven by these threads; guests that compute yield at each tick.
            .enable_time()
            .build()?;
        Ok(Self { runtime: Some(runtime) })
    }

    pub(crate) fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        match &self.runtime {
            Some(runtime) => runtime.spawn(future),
            None => unreachable!("the runtime is there until it is dropped"),
        }
    }
}

/// A sandbox may be dropped inside another runtime, where waiting for this one is not allowed.
impl Drop for AttemptThreads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
