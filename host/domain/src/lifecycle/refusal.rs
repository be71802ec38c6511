//! What cannot be done with a task as it stands.

use super::{State, Timestamp};

/// Why a verb does not apply. The task stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Somebody else was faster: it is not there to be begun, or to expire.
    #[error("the task is `{state}`, expected `queued`")]
    NotQueued {
        /// Where it stands.
        state: State,
    },
    /// Its time is over; it is to expire instead.
    #[error("the task expired at {expires_at}, expected to begin before")]
    TimeIsOver {
        /// When it had to begin.
        expires_at: Timestamp,
    },
    /// It has time left.
    #[error("the task may still begin, expected one whose time is over")]
    TimeIsLeft,
    /// The end of an attempt that is none of its own any more.
    #[error("an attempt ended but its task is `{state}`, expected `running`")]
    NotRunning {
        /// Where it stands.
        state: State,
    },
    /// It is over.
    #[error("a task that is `{state}` cannot be cancelled, expected `queued` or `running`")]
    NotCancellable {
        /// Where it stands.
        state: State,
    },
    /// It has not ended yet, or well.
    #[error("a task that is `{state}` cannot be retried, expected `failed`, `cancelled` or `expired`")]
    NotRetryable {
        /// Where it stands.
        state: State,
    },
    /// What it was configured with was deleted when it ended.
    #[error("the configuration of the task was deleted when it was `{state}`, expected it to be kept")]
    ConfigurationGone {
        /// Where it stands.
        state: State,
    },
}

impl Refusal {
    /// The stable code for clients, with HTTP status 409; none for what only the host itself asks.
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::NotCancellable { .. } => Some("not_cancellable"),
            Self::NotRetryable { .. } => Some("not_retryable"),
            Self::ConfigurationGone { .. } => Some("configuration_gone"),
            Self::NotQueued { .. } | Self::TimeIsOver { .. } | Self::TimeIsLeft | Self::NotRunning { .. } => {
                None
            }
        }
    }
}
