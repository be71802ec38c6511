//! Prune: retention.
//!
//! Only terminal tasks are deleted, with all that belongs to them. In small steps: each looks at a bounded number of tasks, so
//! that no claim waits for it.
//!
//! When too much is stored, terminal tasks that follow upon one another go in runs of at most [`RUN_TASKS_MAX`], and how much is
//! stored is looked at before each run. A run goes whole, so up to one task less than that may go beyond what was needed: the
//! next oldest ones.

use mainworker_domain::lifecycle::{State, Timestamp};

/// Tasks that are deleted together at the most, with one look at how much is stored.
pub const RUN_TASKS_MAX: usize = 25;

/// How long tasks are kept after they ended, in milliseconds by state, and how much of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Those with a result.
    pub completed_ms: u64,
    /// Those without.
    pub failed_ms: u64,
    /// Those that somebody cancelled.
    pub cancelled_ms: u64,
    /// Those that came too late.
    pub expired_ms: u64,
    /// Entries of the audit, since they were written. Pruned apart from tasks
    /// ([`PruneAudit`](crate::verbs::audit::PruneAudit)).
    pub audit_ms: u64,
    /// Bytes of all that is stored. Beyond it the oldest terminal tasks go, however young they are, with a few more at times
    /// ([`RUN_TASKS_MAX`]).
    pub store_bytes_max: u64,
}

impl Retention {
    /// Milliseconds that a task in `state` is kept; none for one that has not ended.
    pub fn kept_ms(&self, state: State) -> Option<u64> {
        match state {
            State::Queued | State::Running => None,
            State::Completed => Some(self.completed_ms),
            State::Failed => Some(self.failed_ms),
            State::Cancelled => Some(self.cancelled_ms),
            State::Expired => Some(self.expired_ms),
        }
    }
}

/// One step.
#[derive(Clone, Copy, Debug)]
pub struct Prune {
    /// What is kept.
    pub retention: Retention,
    /// When.
    pub now: Timestamp,
    /// Tasks to look at, at the most.
    pub tasks_max: usize,
    /// Where the last step ended, in the order of acceptance; 0 to begin anew.
    pub after: u64,
}

/// What a step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Tasks deleted.
    pub tasks: u64,
    /// Where the next step begins; none when all tasks were looked at.
    pub next: Option<u64>,
}
