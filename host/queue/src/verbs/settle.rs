//! Settle: an attempt ends.
//!
//! What becomes of the task is [`lifecycle::settle`](mainworker_domain::lifecycle::settle)'s to say, on the task as it
//! stands. In the same transaction: the attempt's row, the rest of its log, and if it completed the tasks that it asked for.
//!
//! Tasks that were asked for are taken one after the other, once the task that asked has ended, by the rules of
//! [`enqueue`](crate::verbs::enqueue), the policy of a unique key included: `replace` cancels a queued holder, `existing` takes the
//! holder for the task. Two things differ: there is always room, and one that is refused is dropped by itself and answered.

use crate::attempt::{AttemptError, Figures, Held};
use crate::verbs::enqueue::{EnqueueRefusal, Enqueued, NewTask};
use crate::verbs::record::LogPiece;
use mainworker_domain::event::Progress;
use mainworker_domain::lifecycle::{Ending, Jitter, State, Timestamp, Transition};
use mainworker_domain::task_id::TaskId;

/// Ends one attempt.
#[derive(Clone, Debug)]
pub struct Settle {
    /// Which one.
    pub held: Held,
    /// How it ended.
    pub ending: Ending,
    /// What it took.
    pub figures: Figures,
    /// Its result: JSON text, if it completed.
    pub result: Option<String>,
    /// Why it did not complete.
    pub error: Option<AttemptError>,
    /// The part of its log that was not recorded yet.
    pub log: LogPiece,
    /// How far it said last that it had come. None leaves what was recorded of it as it is.
    pub progress: Option<Progress>,
    /// Tasks that it asked for. Dropped unless it completed.
    pub asked: Vec<NewTask>,
    /// When.
    pub now: Timestamp,
    /// Of the wait for the next attempt.
    pub jitter: Jitter,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The task went on.
    Applied(Applied),
    /// Another attempt runs, or none: nothing was changed.
    Stale,
}

/// See [`Settled`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// How the task went on.
    pub transition: Transition,
    /// Tasks that were asked for and are not there, each with why.
    pub dropped: Vec<(TaskId, EnqueueRefusal)>,
    /// Tasks that were asked for and are there, in the order in which they were asked for.
    pub enqueued: Vec<Enqueued>,
}

impl Settled {
    /// The state that the task is in now; none if the settlement was stale.
    pub fn state(&self) -> Option<State> {
        match self {
            Self::Applied(applied) => Some(applied.transition.next.state()),
            Self::Stale => None,
        }
    }
}
