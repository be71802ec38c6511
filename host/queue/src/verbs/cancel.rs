//! Cancel: somebody does not want a task any more.

use mainworker_domain::audit::Actor;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{Refusal, Timestamp};
use mainworker_domain::task_id::TaskId;

/// Cancels tasks, each by itself.
#[derive(Clone, Debug)]
pub struct Cancel {
    /// The tasks.
    pub tasks: Vec<TaskId>,
    /// When.
    pub now: Timestamp,
    /// Who wants it; none if it is the host itself.
    pub by: Option<Actor>,
}

/// What became of one task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelledTask {
    /// What the cancel did.
    pub how: Cancelled,
    /// The task's job; none if there is no such task.
    pub job: Option<JobName>,
}

/// What a cancel did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// The task had no attempt running and is cancelled.
    Now,
    /// It runs: its attempt is to be told to stop.
    Requested {
        /// The attempt.
        attempt: u32,
    },
    /// It was cancelled before, or a cancel is wanted already.
    Already,
    /// It has ended otherwise.
    Refused(Refusal),
    /// There is no such task.
    Unknown,
}
