//! The attempts that are held, and what is known of each.

use super::OpenAttempt;
use crate::attempt::{AttemptError, Held};
use crate::dispatch::backlog::Ticket;
use crate::runner::{Ended, Live, StopReason};
use crate::verbs::claim::ClaimedTask;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::outcome::{Outcome, Usage};
use mainworker_domain::task_id::TaskId;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Attempts by how far they have come. Each is in one of the three.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// Waiting for a driver, or with one.
    pub(super) open: BTreeMap<Ticket, Attempt>,
    /// Ended, and waiting to be settled.
    pub(super) ended: VecDeque<EndedAttempt>,
    /// In the settlement that is under way, in its order.
    pub(super) settling: Vec<EndedAttempt>,
    /// Limits of the open ones together. Each may be as good as none.
    open_bytes: u128,
    /// Those that nothing may run beside, open or not.
    alone: usize,
    next_ticket: u64,
}

/// An attempt that was claimed here.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) held: Held,
    pub(super) job: JobName,
    pub(super) due_at: Timestamp,
    pub(super) claimed_at: Timestamp,
    pub(super) lease_until: Timestamp,
    pub(super) live: Arc<Live>,
    /// Lines of its log that the store is known to have.
    pub(super) lines_recorded: u32,
    pub(super) standing: Standing,
    memory_bytes: u64,
    alone: bool,
}

/// Whether an attempt is still ours to settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is.
    Ours,
    /// Its lease ran out before it could be extended. It is stopped; its end is settled all the same, and the store knows
    /// whether somebody else has taken the task by now.
    Lapsed,
    /// The store says that it is not: its end is dropped.
    Stale,
}

/// An attempt and its end.
#[derive(Debug)]
pub(super) struct EndedAttempt {
    pub(super) ticket: Ticket,
    pub(super) attempt: Attempt,
    pub(super) ended: Ended,
}

impl Attempts {
    /// Takes an attempt in and answers its ticket.
    pub(super) fn open(
        &mut self,
        task: &ClaimedTask,
        claimed_at: Timestamp,
        lease_until: Timestamp,
    ) -> (Ticket, Arc<Live>) {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        let live = Arc::new(Live::default());
        let attempt = Attempt {
            held: task.held,
            job: task.job.clone(),
            due_at: task.due_at,
            claimed_at,
            lease_until,
            live: Arc::clone(&live),
            lines_recorded: 0,
            standing: Standing::Ours,
            memory_bytes: task.memory_bytes_max,
            alone: task.alone,
        };
        self.open_bytes += u128::from(attempt.memory_bytes);
        self.alone += usize::from(attempt.alone);
        self.open.insert(ticket, attempt);
        (ticket, live)
    }

    /// The attempt does not run any more. Its end waits to be settled, unless that would be in vain.
    pub(super) fn end(&mut self, ticket: Ticket, ended: Ended) {
        let Some(attempt) = self.open.remove(&ticket) else { return };
        self.open_bytes = self.open_bytes.saturating_sub(u128::from(attempt.memory_bytes));
        if attempt.standing == Standing::Stale {
            self.forget(&attempt);
        } else {
            self.ended.push_back(EndedAttempt { ticket, attempt, ended });
        }
    }

    /// The attempt is nobody's any more.
    pub(super) fn forget(&mut self, attempt: &Attempt) {
        self.alone = self.alone.saturating_sub(usize::from(attempt.alone));
    }

    /// Whether nothing is held, so that a task may begin alone.
    pub(super) fn is_idle(&self) -> bool {
        self.open.is_empty() && self.ended.is_empty() && self.settling.is_empty()
    }

    /// Whether one is held that nothing may run beside.
    pub(super) fn is_one_alone(&self) -> bool {
        self.alone > 0
    }

    /// Limits of the open attempts together, in bytes.
    pub(super) fn open_bytes(&self) -> u128 {
        self.open_bytes
    }

    /// The open attempt of that number at that task.
    pub(super) fn find_open(&self, task: TaskId, attempt: u32) -> Option<(Ticket, &Attempt)> {
        let mut open = self.open.iter().map(|(ticket, open)| (*ticket, open));
        open.find(|(_, open)| (open.held.task, open.held.attempt) == (task, attempt))
    }

    /// All whose lease is to be kept.
    pub(super) fn leased(&self) -> impl Iterator<Item = (Ticket, &Attempt)> {
        let ended = self.ended.iter().chain(&self.settling).map(|it| (it.ticket, &it.attempt));
        let open = self.open.iter().map(|(ticket, attempt)| (*ticket, attempt));
        open.filter(|(_, attempt)| !attempt.is_stale()).chain(ended)
    }
}

impl Attempt {
    pub(super) fn is_stale(&self) -> bool {
        self.standing == Standing::Stale
    }

    pub(super) fn as_open(&self) -> OpenAttempt {
        OpenAttempt { held: self.held, job: self.job.clone(), claimed_at: self.claimed_at }
    }

    /// The end of an attempt that was taken back before it began.
    pub(super) fn never_began(&self, now: Timestamp) -> Ended {
        let (outcome, code, message) = match self.live.stop_requested() {
            Some(StopReason::Cancelled) => {
                (Outcome::Cancelled, "cancelled", "the task was cancelled before the attempt began")
            }
            Some(StopReason::Interrupted | StopReason::Stale) | None => {
                (Outcome::Interrupted, "interrupted", "the attempt was handed back before it began")
            }
        };
        Ended {
            ending: outcome.into(),
            started_at: now,
            finished_at: now,
            usage: Usage::default(),
            ran: None,
            result: None,
            error: Some(AttemptError { code: code.to_owned(), message: message.to_owned(), hint: None }),
            log: Vec::new(),
            asked: Vec::new(),
        }
    }
}
