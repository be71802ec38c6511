//! Why a task was not accepted, and why one brought no result.

use crate::error::ClientError;
use mainworker_domain::outcome::Outcome;
use mainworker_domain::rejection::{Rejected, RejectionCode};

/// A task that was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// It was rejected: by this library, and then nothing was sent, or by the host. Both say the same.
    #[error(transparent)]
    Rejected(Box<Rejected>),
    /// The payload's type cannot be written as JSON.
    #[error("the payload for `{job}` cannot be written as JSON: {problem}")]
    NotJson {
        /// The job.
        job: String,
        /// What the type's serializer said.
        problem: String,
    },
    /// There is no answer, or it is one about the host itself.
    #[error(transparent)]
    Client(ClientError),
}

impl ScheduleError {
    /// The rejection, if it is one.
    pub fn rejected(&self) -> Option<&Rejected> {
        match self {
            Self::Rejected(rejected) => Some(rejected),
            _ => None,
        }
    }

    /// Whether sending the same again would end the same, until somebody changes the task, the job or the token's rights. If
    /// not, it is worth keeping and sending again later, under the same idempotency key.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Rejected(rejected) => {
                !matches!(rejected.code, RejectionCode::QueueFull | RejectionCode::UniqueConflict)
            }
            Self::NotJson { .. } => true,
            Self::Client(error) => matches!(error, ClientError::InvalidName { .. }),
        }
    }

    /// Whether the host may have accepted it, though no answer says so.
    pub fn may_be_done(&self) -> bool {
        matches!(self, Self::Client(error) if error.may_be_done())
    }

    pub(super) fn of_batch(self, index: usize) -> Self {
        match self {
            Self::Rejected(rejected) => Self::Rejected(Box::new(rejected.of_batch(index))),
            other => other,
        }
    }
}

impl From<Box<Rejected>> for ScheduleError {
    fn from(rejected: Box<Rejected>) -> Self {
        Self::Rejected(rejected)
    }
}

impl From<ClientError> for ScheduleError {
    fn from(error: ClientError) -> Self {
        match error.problem().and_then(|problem| Rejected::try_from(problem).ok()) {
            Some(rejected) => Self::Rejected(Box::new(rejected)),
            None => Self::Client(error),
        }
    }
}

/// Why a task brought no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResultError {
    /// No attempt at it completed, and there will be no further one.
    #[error("the task {task_id} has failed: {code}: {message}")]
    Failed {
        /// The task.
        task_id: String,
        /// How its last attempt ended; none for a word that this library does not know.
        outcome: Option<Outcome>,
        /// Stable.
        code: String,
        /// For people.
        message: String,
        /// What to try.
        hint: Option<String>,
    },
    /// Somebody cancelled it.
    #[error("the task {task_id} was cancelled")]
    Cancelled {
        /// The task.
        task_id: String,
    },
    /// It could not begin in time.
    #[error("the task {task_id} has expired")]
    Expired {
        /// The task.
        task_id: String,
    },
    /// It completed, with something else than was expected.
    #[error("the result of the task {task_id} is of another type than expected: {problem}")]
    OtherType {
        /// The task.
        task_id: String,
        /// In the words of the type's deserializer.
        problem: String,
    },
    /// How it ended is not known.
    #[error(transparent)]
    Client(#[from] ClientError),
}
