//! The six states.

use std::fmt;

/// Where a task stands. How its last attempt ended is beside the state, not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Waits: for its time, for a slot, or after an attempt for the next one.
    Queued,
    /// One attempt has a lease on it.
    Running,
    /// An attempt returned a result.
    Completed,
    /// No attempt did, and none will follow by itself.
    Failed,
    /// Somebody did not want it any more.
    Cancelled,
    /// It did not begin before its time was over.
    Expired,
}

impl State {
    /// Every state, in the order of a task's life.
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Completed, Self::Failed, Self::Cancelled, Self::Expired];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// The state that [`State::as_str`] writes so.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether the task is left alone unless a person asks for a retry. Retention may delete it, and no other.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Queued | Self::Running => false,
            Self::Completed | Self::Failed | Self::Cancelled | Self::Expired => true,
        }
    }

    /// Whether no second task with its unique key may be there. A retry takes the key again, which can be a conflict that
    /// only the store sees.
    pub fn holds_unique_key(self) -> bool {
        !self.is_terminal()
    }

    /// Whether its sealed configuration has no further use. A failed task keeps it until retention, for a retry.
    pub fn deletes_configuration(self) -> bool {
        match self {
            Self::Completed | Self::Cancelled | Self::Expired => true,
            Self::Queued | Self::Running | Self::Failed => false,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
