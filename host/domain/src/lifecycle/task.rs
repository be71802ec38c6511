//! What must be known of a task to decide what becomes of it.

use super::{Count, Next, OrderKey, State, Timestamp, Transition};
use crate::limits::LOSSES_UNTIL_ALONE;
use crate::manifest::Retry;
use crate::outcome::Outcome;

/// Attempts that ended since the task was enqueued or last retried by hand, by what they were counted as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Against `max-attempts`.
    pub attempts: u32,
    /// Lost with their host.
    pub losses: u32,
    /// Without a module.
    pub module_unavailable: u32,
}

impl Tally {
    /// With one more. Saturates.
    #[must_use]
    pub fn plus(mut self, count: Option<Count>) -> Self {
        let counter = match count {
            None => return self,
            Some(Count::Attempt) => &mut self.attempts,
            Some(Count::Loss) => &mut self.losses,
            Some(Count::ModuleUnavailable) => &mut self.module_unavailable,
        };
        *counter = counter.saturating_add(1);
        self
    }
}

/// Whether the configuration that the envelope brought is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedConfiguration {
    /// It brought none that the job may see.
    Empty,
    /// It is there.
    Kept,
    /// It was deleted.
    Deleted,
}

/// What must be known of a task to decide what becomes of it. A row of a store holds all of it; payload, label and the like
/// play no part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// Where it stands.
    pub state: State,
    /// The word beside the state.
    pub outcome: Option<Outcome>,
    /// Not to begin before. It decides when a task enters the ready ones, and only then: one that was ready stays so when the
    /// clock goes back.
    pub run_at: Timestamp,
    /// Its place among the ready ones.
    pub order_key: OrderKey,
    /// 0 (last) to 9 (first).
    pub priority: u8,
    /// Not to begin at or after. While it runs, this has no effect.
    pub expires_at: Option<Timestamp>,
    /// Its policy, see [`retry_policy`](super::retry_policy).
    pub retry: Retry,
    /// Attempts begun in all its life; the number of the newest one.
    pub attempts: u32,
    /// Those that ended, counted.
    pub tally: Tally,
    /// Whether somebody wants the attempt that runs to be stopped.
    pub cancel_requested: bool,
    /// What it was configured with.
    pub configuration: SealedConfiguration,
}

/// What a task is made of at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enqueue {
    /// Not to begin before; one in the past is as good as none, so that nobody overtakes by it.
    pub run_at: Option<Timestamp>,
    /// 0 (last) to 9 (first).
    pub priority: u8,
    /// Not to begin at or after.
    pub expires_at: Option<Timestamp>,
    /// See [`Task::retry`].
    pub retry: Retry,
    /// Whether the envelope brought configuration that is kept, sealed.
    pub configured: bool,
}

impl Task {
    /// A new task.
    pub fn enqueued(enqueue: Enqueue, now: Timestamp) -> Self {
        let run_at = enqueue.run_at.map_or(now, |run_at| run_at.max(now));
        Self {
            state: State::Queued,
            outcome: None,
            run_at,
            order_key: OrderKey::new(run_at, enqueue.priority),
            priority: enqueue.priority,
            expires_at: enqueue.expires_at,
            retry: enqueue.retry,
            attempts: 0,
            tally: Tally::default(),
            cancel_requested: false,
            configuration: if enqueue.configured {
                SealedConfiguration::Kept
            } else {
                SealedConfiguration::Empty
            },
        }
    }

    /// Whether it enters the ready ones by now.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.state == State::Queued && self.run_at <= now
    }

    /// Whether it is too late for it to begin.
    pub fn is_past_expiry(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }

    /// Whether its host must run nothing beside its next attempt, since it may be what kills hosts.
    pub fn runs_alone(&self) -> bool {
        self.tally.losses >= LOSSES_UNTIL_ALONE
    }

    /// The number that the job is told for the attempt that runs or comes next, out of `max-attempts`. Those that do not count
    /// are left out, so that a job can tell its last one.
    pub fn attempt_for_job(&self) -> u32 {
        self.tally.attempts.saturating_add(1)
    }

    /// The task after a transition: what a store writes.
    #[must_use]
    pub fn after(mut self, transition: &Transition) -> Self {
        self.state = transition.next.state();
        self.outcome = transition.outcome;
        self.cancel_requested = false;
        self.tally = self.tally.plus(transition.count);
        match transition.next {
            Next::Queued { run_at, order_key } => (self.run_at, self.order_key) = (run_at, order_key),
            Next::Running { attempt } => self.attempts = attempt,
            Next::Completed | Next::Failed | Next::Cancelled | Next::Expired => {}
        }
        if transition.deletes_configuration() && self.configuration == SealedConfiguration::Kept {
            self.configuration = SealedConfiguration::Deleted;
        }
        if transition.starts_anew() {
            self.tally = Tally::default();
            self.expires_at = None;
        }
        self
    }
}
