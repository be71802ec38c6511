//! Retry: a task that ended without a result gets a new life.

use mainworker_domain::audit::Actor;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{Refusal, Timestamp};
use mainworker_domain::task_id::TaskId;

/// Retries tasks, each by itself.
#[derive(Clone, Debug)]
pub struct Retry {
    /// The tasks.
    pub tasks: Vec<TaskId>,
    /// Milliseconds before it may begin.
    pub delay_ms: u64,
    /// When.
    pub now: Timestamp,
    /// Who wants it; none if it is the host itself.
    pub by: Option<Actor>,
}

/// What became of one task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetriedTask {
    /// What the retry did.
    pub how: Retried,
    /// The task's job; none if there is no such task.
    pub job: Option<JobName>,
}

/// What a retry did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retried {
    /// The task is queued again.
    Queued,
    /// It cannot be retried.
    Refused(Refusal),
    /// Its unique key is held by another task.
    UniqueConflict {
        /// That task.
        task_id: TaskId,
    },
    /// There is no such task.
    Unknown,
}
