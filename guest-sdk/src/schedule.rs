//! Asking for tasks of other jobs.
//!
//! ```
//! use mainworker::{Failure, schedule, testing};
//!
//! fn warn(account: &str, percent: u32) -> Result<(), Failure> {
//!     schedule::task("send-email", &serde_json::json!({ "to": account, "template": "bandwidth" }))
//!         .idempotency_key(format!("{account} 2015-05 {percent}"))
//!         .enqueue()?;
//!     Ok(())
//! }
//!
//! let host = testing::Host::new();
//! host.run(|| warn("acme-tv", 90))?;
//! assert_eq!(host.scheduled()[0].job, "send-email");
//! assert_eq!(host.scheduled()[0].idempotency_key.as_deref(), Some("acme-tv 2015-05 90"));
//! # Ok::<(), Failure>(())
//! ```
//!
//! Only jobs that `job.toml` names under `[grants] schedule` can be asked for. The new task's source is `job:NAME`, with the
//! name of the job that asks, and the other job's manifest must list that source. Its envelope has no configuration: what
//! the other job needs comes from the host. A payload with one of the asking job's secrets in it is refused.
//!
//! The tasks exist only if the attempt that asked for them completes. An attempt that fails leaves none, so asking again in
//! the next attempt doubles nothing. Between tasks, which may do the same work twice, an idempotency key is what keeps a
//! mail from being sent twice: derive it from what the task is about (account, month, threshold), not from the attempt, the
//! clock or chance.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::imports;

/// A task of `job` with `payload`, which becomes the envelope's `jobPayload`.
pub fn task<P: Serialize + ?Sized>(job: impl Into<String>, payload: &P) -> TaskRequest {
    TaskRequest {
        job: job.into(),
        payload: serde_json::to_string(payload).map_err(|error| Refused::PayloadNotJson(error.to_string())),
        options: Options::default(),
    }
}

/// A task to ask for. Made by [`task`], asked for by [`enqueue`](Self::enqueue).
#[derive(Clone, Debug)]
#[must_use = "the task is asked for by `enqueue`"]
pub struct TaskRequest {
    job: String,
    payload: Result<String, Refused>,
    options: Options,
}

/// What goes with a task beside its payload.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) delay: Option<Duration>,
    pub(crate) priority: Option<u8>,
    pub(crate) label: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) unique_key: Option<String>,
}

impl TaskRequest {
    /// A second task with this key from the same job is the first one, not a new one, however much later it is asked for. It
    /// must be the same task in all else too; another one is [`Refused::Rejected`].
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.options.idempotency_key = Some(key.into());
        self
    }

    /// At most one task with this key is queued or running at a time.
    pub fn unique_key(mut self, key: impl Into<String>) -> Self {
        self.options.unique_key = Some(key.into());
        self
    }

    /// Not to be run before `delay` has passed. The host counts whole milliseconds; a part of one is rounded up.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.options.delay = Some(delay);
        self
    }

    /// How urgent it is, from 0 (last) to 9 (first).
    pub fn priority(mut self, priority: u8) -> Self {
        self.options.priority = Some(priority);
        self
    }

    /// A text for people and filters.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.options.label = Some(label.into());
        self
    }

    /// Adds a tag for filters. There may be 16, each once.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.options.tags.push(tag.into());
        self
    }

    /// Asks for the task, and returns its id. It exists once this attempt completes.
    ///
    /// # Errors
    /// The host did not take it: not granted, refused by the other job's own checks, or one too many.
    pub fn enqueue(self) -> Result<String, Refused> {
        imports::enqueue(&self.job, &self.payload?, self.options)
    }
}

/// Why a task was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// The manifest does not name that job under `[grants] schedule`.
    NotGranted(String),
    /// A check refused the task: there is no such job, or it does not list this source, the payload does not fit, a
    /// required configuration key has no value, an option cannot be meant. Of these only one that begins with `rate_limited`
    /// passes later: that job takes no more for now, or this one may ask for no more.
    Rejected(String),
    /// This attempt has asked for as many tasks as it may.
    OverLimit(String),
    /// The payload cannot be written as JSON.
    PayloadNotJson(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (why, message) = match self {
            Self::NotGranted(message) => ("not granted", message),
            Self::Rejected(message) => ("rejected", message),
            Self::OverLimit(message) => ("over the limit", message),
            Self::PayloadNotJson(message) => ("its payload cannot be written as JSON", message),
        };
        write!(formatter, "the task was not scheduled, {why}: {message}")
    }
}

impl Error for Refused {}
