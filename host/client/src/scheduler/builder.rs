//! A task while it is put together.

use super::Scheduler;
use super::error::ScheduleError;
use super::handle::TaskHandle;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::task_options::{TaskOptions, UniquePolicy};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

/// A task that is not sent yet. `R` is what its job returns.
#[must_use = "it is not sent yet"]
pub struct TaskBuilder<R> {
    pub(super) scheduler: Scheduler,
    pub(super) job: String,
    /// Or why it is no JSON.
    pub(super) payload: Result<Box<RawValue>, String>,
    pub(super) configuration: BTreeMap<String, SecretString>,
    pub(super) options: TaskOptions,
    returns: PhantomData<fn() -> R>,
}

impl<R> TaskBuilder<R> {
    pub(super) fn new<P: Serialize + ?Sized>(scheduler: Scheduler, job: String, payload: &P) -> Self {
        Self {
            scheduler,
            job,
            payload: to_raw_value(payload).map_err(|error| error.to_string()),
            configuration: BTreeMap::new(),
            options: TaskOptions::default(),
            returns: PhantomData,
        }
    }

    /// The same task, of whose job the caller knows that it returns an `S`.
    pub fn returning<S>(self) -> TaskBuilder<S> {
        let Self { scheduler, job, payload, configuration, options, returns: _ } = self;
        TaskBuilder { scheduler, job, payload, configuration, options, returns: PhantomData }
    }

    /// A text for people and filters.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.options.label = Some(label.into());
        self
    }

    /// One more tag, for filters.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.options.tags.push(tag.into());
        self
    }

    /// 0 (last) to 9 (first). Each step is worth a minute in the queue.
    pub fn priority(mut self, priority: u8) -> Self {
        self.options.priority = Some(priority);
        self
    }

    /// Not to be run before so much time has passed.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.options.delay_ms = Some(ms(delay));
        self
    }

    /// Not to be run before. Instead of a delay.
    pub fn run_at(mut self, moment: impl Into<Timestamp>) -> Self {
        self.options.run_at = Some(moment.into());
        self
    }

    /// Not to begin at or after.
    pub fn expires_at(mut self, moment: impl Into<Timestamp>) -> Self {
        self.options.expires_at = Some(moment.into());
        self
    }

    /// The time of each attempt at most; only lowers what the job asks for.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout_ms = Some(ms(timeout));
        self
    }

    /// Attempts at most, instead of what the job says.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.options.max_attempts = Some(attempts);
        self
    }

    /// A second task with this key from the same source is the first one. Without it each builder is a task of its own, also
    /// if it has to be sent several times; a key of one's own is good for a task that is built again, after a crash or by
    /// somebody else.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.options.idempotency_key = Some(key.into());
        self
    }

    /// At most one task of its job with this key is open at a time; the policy says what becomes of another one.
    pub fn unique_key(mut self, key: impl Into<String>, policy: UniquePolicy) -> Self {
        self.options.unique_key = Some(key.into());
        self.options.unique_policy = policy;
        self
    }

    /// The value of a configuration key that the job takes from the envelope. Dots in the key reach into nested ones.
    pub fn configuration(mut self, key: impl Into<String>, value: impl Into<SecretString>) -> Self {
        self.configuration.insert(key.into(), value.into());
        self
    }

    /// Checks the task as the host would, and sends it. It is tried again as long as that may help, and never becomes two
    /// tasks.
    ///
    /// # Errors
    /// A rejection, of this library or of the host; or why there is no answer.
    pub async fn send(self) -> Result<TaskHandle<R>, ScheduleError> {
        self.scheduler.clone().send(self).await
    }
}

/// Neither payload nor configuration: what goes into them is not for logs.
impl<R> fmt::Debug for TaskBuilder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskBuilder")
            .field("job", &self.job)
            .field("configuration", &self.configuration.keys())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// What is longer than can be counted is longer than is taken.
fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
