//! A task that was accepted.

use super::error::ResultError;
use crate::client::Client;
use crate::error::ClientError;
use crate::follow::{Followed, LogFollower};
use crate::wire::{CancelAnswer, Task};
use mainworker_domain::lifecycle::State;
use mainworker_domain::outcome::Outcome;
use serde::de::DeserializeOwned;
use std::fmt;
use std::marker::PhantomData;

/// A task that was accepted. `R` is what its job returns. Dropping it changes nothing: the task is the host's.
pub struct TaskHandle<R> {
    client: Client,
    task_id: String,
    returns: PhantomData<fn() -> R>,
}

impl<R> TaskHandle<R> {
    pub(super) fn new(client: Client, task_id: String) -> Self {
        Self { client, task_id, returns: PhantomData }
    }

    /// Its id, by which [`Scheduler::handle`](super::Scheduler::handle) finds it again.
    pub fn id(&self) -> &str {
        &self.task_id
    }

    /// How it is, with its attempts.
    ///
    /// # Errors
    /// `unknown_task`; or why there is no answer.
    pub async fn status(&self) -> Result<Task, ClientError> {
        self.client.task(&self.task_id).await
    }

    /// Cancels it, or asks the attempt that runs to stop. Doing it twice is as good as once.
    ///
    /// # Errors
    /// `unknown_task`, `not_cancellable`; or why there is no answer.
    pub async fn cancel(&self) -> Result<CancelAnswer, ClientError> {
        self.client.cancel(&self.task_id).await
    }

    /// Its log and its progress from the beginning to the task's end, as they come.
    ///
    /// # Errors
    /// An id that cannot be one. What the host says comes with the first step.
    pub fn follow(&self) -> Result<LogFollower, ClientError> {
        self.client.follow_log(&self.task_id)
    }
}

impl<R: DeserializeOwned> TaskHandle<R> {
    /// Waits until it has ended, and gives its result.
    ///
    /// # Errors
    /// How it ended otherwise, or why that is not known.
    pub async fn result(&self) -> Result<R, ResultError> {
        self.result_with(|_| {}).await
    }

    /// The same, and hands on what the task says meanwhile.
    ///
    /// # Errors
    /// As for [`TaskHandle::result`].
    pub async fn result_with(&self, said: impl FnMut(Followed) + Send) -> Result<R, ResultError> {
        let task = self.client.wait_with(&self.task_id, said).await?;
        read(task)
    }
}

/// The result of a task that has ended.
fn read<R: DeserializeOwned>(task: Task) -> Result<R, ResultError> {
    let Task { task_id, state, outcome, result, error, .. } = task;
    match State::parse(&state) {
        Some(State::Completed) => {
            // A job that returns nothing returns `null`.
            let result = result.as_deref().map_or("null", |result| result.get());
            serde_json::from_str(result)
                .map_err(|error| ResultError::OtherType { task_id, problem: error.to_string() })
        }
        Some(State::Cancelled) => Err(ResultError::Cancelled { task_id }),
        Some(State::Expired) => Err(ResultError::Expired { task_id }),
        _ => {
            let outcome = outcome.as_deref().and_then(Outcome::parse);
            let (code, message, hint) = match error {
                Some(error) => (error.code, error.message, error.hint),
                // A host that died says nothing any more.
                None => {
                    let word = outcome.map_or(state, |outcome| outcome.as_str().to_owned());
                    let message = format!("its last attempt was {word}");
                    (word, message, None)
                }
            };
            Err(ResultError::Failed { task_id, outcome, code, message, hint })
        }
    }
}

impl<R> Clone for TaskHandle<R> {
    fn clone(&self) -> Self {
        Self::new(self.client.clone(), self.task_id.clone())
    }
}

impl<R> fmt::Debug for TaskHandle<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskHandle").field("task_id", &self.task_id).finish_non_exhaustive()
    }
}
