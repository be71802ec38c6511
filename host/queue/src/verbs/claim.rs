//! Claim: attempts begin.
//!
//! First the queued tasks that have become due are made ready, those that are so for the longest time first, at most
//! [`PROMOTED_MAX`]; they stay so if the clock goes back. Paused or not, and with or without room.
//!
//! Then, in the order of the tasks that are ready (`order key`, then acceptance), leaving out those of jobs that are paused or have as many
//! attempts running as they may, and those whose concurrency key has, this claim's own included. A claim never looks at more
//! than the first task of a job that is left out, and once at a task whose key is in its way, until there is room. It stops, so that nobody is overtaken for ever:
//!
//! - at a task that does not fit into the memory that is left, unless nothing at all runs and it is the first;
//! - at a task that must run alone ([`runs_alone`](mainworker_domain::lifecycle::Task::runs_alone)), unless nothing runs and it is the first; with such a one nothing else is claimed.
//!
//! A task whose time is over expires instead of beginning, and takes no place in the batch.

use crate::attempt::{Held, Lease};
use crate::verbs::expire::Expired;
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::task_id::TaskId;

/// Tasks that one claim makes ready at the most, so that it ends soon.
pub const PROMOTED_MAX: usize = 1_000;

/// Begins up to `tasks_max` attempts.
#[derive(Clone, Debug)]
pub struct Claim {
    /// When, by the wall clock: what is due, what is over.
    pub now: Timestamp,
    /// The lease of all of them, drawn for this claim.
    pub lease: Lease,
    /// When the lease ends, by whatever clock [`Rescue`](crate::verbs::rescue::Rescue) is given.
    pub lease_until: Timestamp,
    /// Who runs them, for their rows. Never used to decide anything.
    pub host: String,
    /// How many at the most.
    pub tasks_max: usize,
    /// Memory that they may take together, in bytes.
    pub memory_bytes_max: u64,
    /// Whether nothing runs here, so that a task may be begun alone or with more memory than there is.
    pub idle: bool,
}

/// What was claimed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claimed {
    /// The attempts that begin, in order.
    pub tasks: Vec<ClaimedTask>,
    /// The tasks that came too late.
    pub expired: Vec<Expired>,
    /// Whether tasks are left that could be claimed if there were room: another claim may find some at once.
    pub more: bool,
    /// When the next queued task that is not due will be.
    pub next_due_at: Option<Timestamp>,
}

/// An attempt that begins, with all that it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedTask {
    /// Task, number, lease.
    pub held: Held,
    /// The job.
    pub job: JobName,
    /// Who asked.
    pub source: String,
    /// The module that was current when the task was accepted.
    pub revision: Digest,
    /// As written.
    pub payload: String,
    /// Sealed.
    pub configuration: Option<Vec<u8>>,
    /// Since when it could have begun.
    pub due_at: Timestamp,
    /// Milliseconds of the attempt at most.
    pub timeout_ms: Option<u64>,
    /// For the job to see.
    pub tags: Vec<String>,
    /// The attempt's number as the job is told it.
    pub attempt_for_job: u32,
    /// Attempts at most, as the job is told.
    pub max_attempts: u32,
    /// Memory that it may take, in bytes.
    pub memory_bytes_max: u64,
    /// Whether nothing may run beside it.
    pub alone: bool,
    /// The task whose job asked for this one.
    pub parent: Option<TaskId>,
    /// How many tasks are above it ([`NewTask::depth`](crate::verbs::enqueue::NewTask::depth)).
    pub depth: u32,
}
