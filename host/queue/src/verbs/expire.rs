//! Expire: queued tasks whose time is over. A claim does the same for those that it meets; this is for those that wait longer.

use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::task_id::TaskId;

/// Ends queued tasks whose time is over.
#[derive(Clone, Copy, Debug)]
pub struct Expire {
    /// When.
    pub now: Timestamp,
    /// How many at the most; those whose time was over first.
    pub tasks_max: usize,
}

/// A task that came too late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expired {
    /// The task.
    pub id: TaskId,
    /// Its job.
    pub job: JobName,
}
