//! Which attempt: what every write about one has to name.

use mainworker_domain::digest::Digest;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::outcome::Usage;
use mainworker_domain::task_id::TaskId;

/// The right to settle an attempt: a number drawn at random for each claim. Two hosts of one name, or one host before and
/// after a pause, never have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease(i64);

impl Lease {
    /// From 64 random bits.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits.cast_signed())
    }

    /// The lease that [`Lease::as_i64`] gave.
    pub const fn from_i64(lease: i64) -> Self {
        Self(lease)
    }

    /// As it is stored.
    pub const fn as_i64(self) -> i64 {
        self.0
    }
}

/// An attempt and the right to it. What names one that does not run, or with another lease, is stale and changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Held {
    /// The task.
    pub task: TaskId,
    /// The attempt's number, from 1.
    pub attempt: u32,
    /// The lease.
    pub lease: Lease,
}

/// What an attempt took, for its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// What it cost.
    pub usage: Usage,
    /// The module that ran, if it is not the one that was current when the task was accepted.
    pub ran: Option<Digest>,
}

/// Why an attempt did not complete, for its row and its task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptError {
    /// Stable.
    pub code: String,
    /// What happened, masked.
    pub message: String,
    /// What to try.
    pub hint: Option<String>,
}
