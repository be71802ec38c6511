//! A driver: runs one attempt after the other, for as long as there are any.

use super::backlog::Assignment;
use super::exchange::{Exchange, Report};
use super::{Clock, OnEvent};
use crate::attempt::AttemptError;
use crate::runner::{Ended, Runner};
use mainworker_domain::event::Event;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::outcome::{Outcome, Usage};
use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use tokio::task::coop::consume_budget;

/// Drives until the exchange is closed.
pub(super) async fn drive<R: Runner>(
    driver: usize,
    exchange: Arc<Exchange>,
    runner: Arc<R>,
    clock: Arc<dyn Clock>,
    on_event: OnEvent,
) {
    let mut report = None;
    while let Some(assignment) = poll_fn(|context| exchange.poll_next(driver, &mut report, context)).await {
        // An attempt that is over at its first poll lets nobody else have the thread.
        consume_budget().await;
        let Assignment { ticket, task, live, .. } = assignment;
        let memory_bytes = task.memory_bytes_max;
        let (task_id, attempt) = (task.held.task, task.held.attempt);
        let started_at = clock.now();
        let run = async {
            on_event(Event::AttemptStarted { task_id, job: task.job.clone(), attempt });
            runner.run(task, live).await
        };
        let ended = match stopping_panics(run).await {
            Ok(ended) => ended,
            Err(panic) => broken(panic.as_ref(), started_at, clock.now()),
        };
        report = Some(Report { ticket, memory_bytes, ended });
    }
}

/// A runner that panics does not take the driver with it. Nothing of the attempt is used after that.
async fn stopping_panics<F: Future>(future: F) -> Result<F::Output, Box<dyn Any + Send>> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

fn broken(panic: &(dyn Any + Send), started_at: Timestamp, finished_at: Timestamp) -> Ended {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no text");
    let message = format!("the host panicked while it ran the attempt: {text}");
    Ended {
        ending: Outcome::HostError.into(),
        started_at,
        finished_at,
        usage: Usage::default(),
        ran: None,
        result: None,
        error: Some(AttemptError { code: "host_error".to_owned(), message, hint: None }),
        log: Vec::new(),
        asked: Vec::new(),
    }
}
