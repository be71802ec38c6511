//! Processor time of one attempt: the thread's clock, summed over each poll of the attempt's future.
//!
//! Time in which the attempt is parked or has yielded is in nobody's poll and so not counted; neither is file access,
//! which runs on other threads. The future's panics stop here as well: a poll is the boundary where the host's code and
//! the guest's meet the executor.

use crate::control::Control;
use std::any::Any;
use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

thread_local! {
    /// The thread's clock when the poll that it is in began, in nanoseconds: its reading at the end of the poll before.
    /// Reading it costs a system call, a tenth of a small attempt, so each reading serves twice; what the executor itself
    /// does between two polls, about a microsecond, counts with the later one.
    static POLL_STARTED_NS: Cell<Option<u64>> = const { Cell::new(None) };
}

/// A future whose processor time is added to its control and whose panics become an error.
pub(crate) struct Metered<F> {
    future: Pin<Box<F>>,
    control: Arc<Control>,
}

/// A panic of the host inside an attempt, with its text.
#[derive(Debug)]
pub(crate) struct Panicked(pub(crate) String);

impl<F: Future> Metered<F> {
    pub(crate) fn new(future: F, control: Arc<Control>) -> Self {
        Self { future: Box::pin(future), control }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let started = POLL_STARTED_NS.get().unwrap_or_else(|| {
            let now = thread_cpu_ns();
            POLL_STARTED_NS.set(Some(now));
            now
        });
        let future = &mut self.future;
        // The future is not polled again after a panic, so that nothing sees what the panic left behind.
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        let ended = thread_cpu_ns();
        POLL_STARTED_NS.set(Some(ended));
        let used = ended.saturating_sub(started);
        self.control.cpu_ns.fetch_add(used, Ordering::Relaxed);
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => Poll::Ready(Err(Panicked(panic_text(&*panic)))),
        }
    }
}

/// Processor time of the attempt so far, from inside one of its polls.
pub(crate) fn cpu_ns_now(control: &Control) -> u64 {
    let now = thread_cpu_ns();
    let this_poll = now.saturating_sub(POLL_STARTED_NS.get().unwrap_or(now));
    control.cpu_ns.load(Ordering::Relaxed) + this_poll
}

fn thread_cpu_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let part = |value: i64| u64::try_from(value).unwrap_or(0);
    part(now.tv_sec) * 1_000_000_000 + part(now.tv_nsec)
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a text".to_owned())
}
