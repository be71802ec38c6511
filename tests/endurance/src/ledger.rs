//! What was asked of the host, and what of it the host acknowledged. The audit holds the host to it.

mod expected;
mod work;

pub use work::{Work, attempts_counted};

use crate::world::{PLAIN, SECRET};
use anyhow::Result;
use mainworker_domain::task_options::{TaskOptions, UniquePolicy};
use serde_json::json;
use serde_json::value::RawValue;

/// What is known of a request that changes something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Nobody asked.
    #[default]
    NotAsked,
    /// Somebody asked and got no answer: it was done or not.
    Unsure,
    /// The host answered that it is done, with this word.
    Acknowledged(String),
    /// The host answered that it is not done, with this code.
    Refused(String),
}

impl Standing {
    /// The word of an acknowledgement.
    pub fn acknowledged(&self) -> Option<&str> {
        match self {
            Self::Acknowledged(word) => Some(word),
            _ => None,
        }
    }
}

/// A task that was asked for. Only one client ever asks something about it, one thing after the other.
#[derive(Debug)]
pub struct Asked {
    /// Its idempotency key, which no other has; also in its payload.
    pub token: String,
    /// What it is for.
    pub work: Work,
    /// Its envelope, as sent.
    pub envelope: Box<RawValue>,
    /// What stands beside it.
    pub options: TaskOptions,
    /// Whether it is in the queue: with its id.
    pub enqueue: Standing,
    /// Times that an answer to its enqueueing did not come.
    pub unanswered: u32,
    /// The newest cancel since it was enqueued or last retried by hand: with the answer's word.
    pub cancel: Standing,
    /// Attempts that it had when its cancel had been acknowledged, if that is known.
    pub attempts_at_cancel: Option<usize>,
    /// Whether a cancel from before may still be what it ends with.
    pub may_stay_cancelled: bool,
    /// The newest retry by hand.
    pub retry: Standing,
    /// Attempts that it had when its newest retry was acknowledged.
    pub attempts_at_retry: usize,
}

impl Asked {
    /// A task that is about to be asked for.
    ///
    /// # Errors
    /// An envelope that is no JSON.
    pub fn new(token: String, work: Work, options: TaskOptions) -> Result<Self> {
        let configuration = json!({ "plain": PLAIN, "secret": SECRET, "other": SECRET });
        let payload = work.payload(&token);
        let envelope = format!(
            r#"{{"configuration":{configuration},"jobName":"{}","source":"api","jobPayload":{payload}}}"#,
            work.job()
        );
        Ok(Self {
            options: TaskOptions { idempotency_key: Some(token.clone()), ..options },
            envelope: RawValue::from_string(envelope)?,
            token,
            work,
            enqueue: Standing::NotAsked,
            unanswered: 0,
            cancel: Standing::NotAsked,
            attempts_at_cancel: None,
            may_stay_cancelled: false,
            retry: Standing::NotAsked,
            attempts_at_retry: 0,
        })
    }

    /// Its id, if the host acknowledged it.
    pub fn id(&self) -> Option<&str> {
        self.enqueue.acknowledged()
    }

    /// Whether the id may be that of an older task with its unique key.
    pub fn may_be_another(&self) -> bool {
        self.options.unique_key.is_some() && self.options.unique_policy == UniquePolicy::Existing
    }

    /// Whether another task may have taken its place.
    pub fn may_be_replaced(&self) -> bool {
        self.options.unique_key.is_some()
    }

    /// Whether somebody asked for a new life of it.
    pub fn is_retried(&self) -> bool {
        matches!(self.retry, Standing::Unsure | Standing::Acknowledged(_))
    }

    /// The host acknowledged a new life, after so many attempts.
    pub fn retried(&mut self, attempts: usize) {
        self.retry = Standing::Acknowledged("queued".to_owned());
        self.attempts_at_retry = attempts;
        self.cancel = Standing::NotAsked;
        self.attempts_at_cancel = None;
        self.may_stay_cancelled = false;
    }

    /// A new life was asked for and no answer came: a cancel of the former one may have been undone.
    pub fn retry_unanswered(&mut self) {
        self.retry = Standing::Unsure;
        self.may_stay_cancelled |= matches!(self.cancel, Standing::Unsure | Standing::Acknowledged(_));
        self.cancel = Standing::NotAsked;
        self.attempts_at_cancel = None;
    }
}
