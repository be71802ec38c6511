//! Enqueue: tasks come in.
//!
//! The order of the checks, for each task in turn: its idempotency key, its unique key, room. A task whose key is known is
//! the one that has it, and needs no room.

use crate::store::StoreError;
use mainworker_domain::audit::Actor;
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::manifest::Retry;
use mainworker_domain::task_id::TaskId;
use mainworker_domain::task_options::UniquePolicy;

/// A task that passed every check at the door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTask {
    /// Drawn by whoever took it; never one that was used before.
    pub id: TaskId,
    /// The job.
    pub job: JobName,
    /// Who asked.
    pub source: String,
    /// The module that was current when it was accepted.
    pub revision: Digest,
    /// As written.
    pub payload: String,
    /// What the envelope configured, sealed; none if that was nothing.
    pub configuration: Option<Vec<u8>>,
    /// 0 (last) to 9 (first).
    pub priority: u8,
    /// Not to begin before; a time in the past is now.
    pub run_at: Timestamp,
    /// Not to begin at or after.
    pub expires_at: Option<Timestamp>,
    /// Milliseconds of each attempt at most.
    pub timeout_ms: Option<u64>,
    /// For people and filters.
    pub label: Option<String>,
    /// For filters; each once.
    pub tags: Vec<String>,
    /// The key under which its client may repeat it.
    pub idempotency: Option<Idempotency>,
    /// The key that no second open task of its job may have.
    pub unique: Option<Unique>,
    /// Its policy.
    pub retry: Retry,
    /// How many attempts of its job may run at a time. The job's newest task says it for all of the job.
    pub concurrency_max: u32,
    /// The key that only so many attempts of its job may have at a time.
    pub concurrency_key: Option<ConcurrencyKey>,
    /// Memory that an attempt may take, in bytes.
    pub memory_bytes_max: u64,
    /// The task whose job asked for this one.
    pub parent: Option<TaskId>,
    /// How many tasks are above it, each of which asked for the next: one more than its parent has, and 0 without one.
    pub depth: u32,
    /// Who asked for it; none if it was the host itself, or a job.
    pub by: Option<Actor>,
}

/// See [`NewTask::idempotency`]. A key belongs to a source, as long as its task is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// As the client gave it.
    pub key: String,
    /// Of envelope and options: equal for equal content.
    pub fingerprint: [u8; 32],
}

/// See [`NewTask::concurrency_key`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConcurrencyKey {
    /// What it is; at most [`KEY_CHARS_MAX`](mainworker_domain::limits::KEY_CHARS_MAX) characters, of which whoever makes it takes care.
    pub key: String,
    /// How many attempts of one key of the job may run at a time; 0 is 1. The job's newest task with a key says it for all of its
    /// keys.
    pub running_max: u32,
}

/// See [`NewTask::unique`]. A key belongs to a job, while its task is queued or running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unique {
    /// As the client gave it.
    pub key: String,
    /// What happens if it is held.
    pub policy: UniquePolicy,
}

/// Takes tasks: all of them, or none. Later ones of a batch see the earlier ones.
#[derive(Clone, Debug)]
pub struct Enqueue {
    /// The tasks.
    pub tasks: Vec<NewTask>,
    /// When.
    pub now: Timestamp,
    /// How many tasks may be queued or running with them.
    pub open_max: u64,
}

/// What became of one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// The task that there is now.
    pub id: TaskId,
    /// How it came to be.
    pub how: How,
}

/// See [`Enqueued`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It is new.
    New,
    /// It is new, and this one was cancelled for it.
    Replaced(TaskId),
    /// It was there, under its idempotency key and with the same content.
    Known,
    /// It was there and holds the unique key.
    Existing,
}

/// Why nothing was taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnqueueError {
    /// One of the tasks is not taken.
    #[error("task {index}: {refusal}")]
    Refused {
        /// Which one, from 0.
        index: usize,
        /// Why.
        refusal: EnqueueRefusal,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a task is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnqueueRefusal {
    /// Its idempotency key belongs to a task with other content.
    #[error("its idempotency key belongs to {task_id}")]
    IdempotencyConflict {
        /// That task.
        task_id: TaskId,
    },
    /// Its unique key is held.
    #[error("its unique key is held by {task_id}, which is {state}")]
    UniqueConflict {
        /// The task that holds it.
        task_id: TaskId,
        /// Queued or running.
        state: State,
    },
    /// There is no room.
    #[error("{open} tasks are open, allowed are {allowed}")]
    QueueFull {
        /// Tasks that are queued or running, without this batch.
        open: u64,
        /// How many there may be.
        allowed: u64,
    },
}
