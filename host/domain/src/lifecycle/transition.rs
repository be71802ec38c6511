//! One step in the life of a task, for whoever writes it down.

use super::{OrderKey, State, Timestamp};
use crate::limits::{LOSSES_UNTIL_ALONE, MODULE_UNAVAILABLE_MAX};
use crate::outcome::Outcome;

/// Where a task goes, with what belongs to that state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It waits.
    Queued {
        /// Not before; never earlier than the moment of the transition.
        run_at: Timestamp,
        /// Its place once it is due.
        order_key: OrderKey,
    },
    /// An attempt begins.
    Running {
        /// Its number, counted from 1 and never given twice.
        attempt: u32,
    },
    /// It ended with a result.
    Completed,
    /// It ended without.
    Failed,
    /// Nobody wants it.
    Cancelled,
    /// It came too late.
    Expired,
}

impl Next {
    /// The state alone.
    pub fn state(self) -> State {
        match self {
            Self::Queued { .. } => State::Queued,
            Self::Running { .. } => State::Running,
            Self::Completed => State::Completed,
            Self::Failed => State::Failed,
            Self::Cancelled => State::Cancelled,
            Self::Expired => State::Expired,
        }
    }
}

/// What an attempt that ended is counted as. An interrupted one is not counted: the host stopped on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Against `max-attempts`.
    Attempt,
    /// As a loss: its host died, or was silent for longer than the lease.
    Loss,
    /// As one that never began, for want of its module.
    ModuleUnavailable,
}

/// Why a task went where it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// An attempt began.
    Claimed,
    /// It has its result.
    Completed,
    /// It did not work and is tried again by its job's policy.
    RetryByPolicy,
    /// The job asked to be tried again.
    RetryAsked,
    /// The host was stopping; the next one goes on.
    HandedBack,
    /// The host died; the next one goes on.
    Lost,
    /// Its module may come back.
    ModuleUnavailable,
    /// What ended it would end each further attempt.
    NeverRetried,
    /// It did not work, and no attempt is left.
    AttemptsUsedUp,
    /// The host died again, with nothing else running.
    LostAlone,
    /// Its module did not come back.
    ModuleStayedAway,
    /// Somebody cancelled it.
    Cancelled,
    /// It did not begin in time.
    Expired,
    /// Somebody asked for it to be retried.
    RetriedByHand,
}

impl Reason {
    /// For a person, as the end of a sentence about the task.
    pub fn sentence(self) -> String {
        match self {
            Self::Claimed => "an attempt began".to_owned(),
            Self::Completed => "it completed".to_owned(),
            Self::RetryByPolicy => "it is tried again".to_owned(),
            Self::RetryAsked => "it is tried again, as the job asked".to_owned(),
            Self::HandedBack => "it was handed back by a host that is stopping".to_owned(),
            Self::Lost => "the host was lost while the attempt ran; it is tried again".to_owned(),
            Self::ModuleUnavailable => "its module could not be read; it is tried again".to_owned(),
            Self::NeverRetried => "it cannot work by being tried again".to_owned(),
            Self::AttemptsUsedUp => "no attempt is left".to_owned(),
            Self::LostAlone => format!(
                "the host was lost {} times while it ran, the last time with nothing else running",
                LOSSES_UNTIL_ALONE + 1
            ),
            Self::ModuleStayedAway => {
                format!("its module could not be read at {MODULE_UNAVAILABLE_MAX} attempts")
            }
            Self::Cancelled => "it was cancelled".to_owned(),
            Self::Expired => "it did not begin before its expiry".to_owned(),
            Self::RetriedByHand => "somebody asked for a retry".to_owned(),
        }
    }
}

/// One step. Everything that follows from it is said here; whoever writes it down adds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a transition that nobody writes down did not happen"]
pub struct Transition {
    /// Where the task goes.
    pub next: Next,
    /// The word beside the state from now on; an attempt's own row keeps its own word. None if no attempt has ended since
    /// the task was enqueued or retried by hand.
    pub outcome: Option<Outcome>,
    /// What the attempt that ended is counted as.
    pub count: Option<Count>,
    /// Why.
    pub reason: Reason,
}

impl Transition {
    /// Whether the sealed configuration is to be deleted.
    pub fn deletes_configuration(&self) -> bool {
        self.next.state().deletes_configuration()
    }

    /// Whether the tasks that the attempt asked for are to be enqueued in the same transaction. All others are dropped: the
    /// attempt that is tried again asks for them again.
    pub fn commits_asked_tasks(&self) -> bool {
        self.next == Next::Completed
    }

    /// Whether the task begins a new life: what was counted is zero, its expiry is lifted, no cancel is wanted. The numbers of
    /// attempts go on, so that an attempt of the former life cannot settle one of this.
    pub fn starts_anew(&self) -> bool {
        self.reason == Reason::RetriedByHand
    }
}
