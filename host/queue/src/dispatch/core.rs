//! What dispatch decides: the running set, and when to claim, settle, extend, record, rescue, start and stop.
//!
//! No I/O, no clock, no randomness. Whoever drives it tells what happened ([`Core::take`]), then asks what to do
//! ([`Core::decide`]) and does it; an answer of the store comes back as an [`Input`]. Each verb is under way at most once.
//! [`Core::next_at`] says when to ask again if nothing happens.
//!
//! An attempt that was claimed is *open* until its driver reports its end, and *held* until the store has answered the
//! settlement. What is held has its lease extended; what is open takes room. If the store fails, ends wait here and are
//! written down later: their leases keep everybody else away. An attempt whose lease was lost is told to stop, and its end
//! counts for nothing.

mod attempts;
mod claims;
mod drain;
mod leases;
mod pace;
mod records;
mod settles;
mod trouble;

pub(crate) use trouble::error_code;

use self::attempts::{Attempt, Attempts};
use self::claims::Claims;
use self::drain::Drain;
use self::leases::Leases;
use self::records::Records;
use self::settles::Settles;
use self::trouble::Trouble;
use super::backlog::{Assignment, Ticket, Withdraw};
use super::options::DispatchOptions;
use crate::attempt::Held;
use crate::runner::{Ended, Live, StopReason};
use crate::store::StoreError;
use crate::verbs::claim::{Claim, Claimed};
use crate::verbs::extend::{Extend, Extended};
use crate::verbs::record::Record;
use crate::verbs::rescue::{Rescue, Rescued};
use crate::verbs::settle::{Settle, Settled};
use mainworker_domain::event::Event;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::task_id::TaskId;
use std::sync::Arc;

/// The time, and chance.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// By the wall clock.
    pub now: Timestamp,
    /// By the steady clock.
    pub steady: Timestamp,
    /// 64 random bits, new for each moment.
    pub bits: u64,
}

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// Something may be claimable: a task came, was retried, may begin again, or does not stand before others any more.
    Wake,
    /// The store answered [`Action::Claim`].
    Claimed(Result<Claimed, StoreError>),
    /// The store answered [`Action::Settle`].
    Settled(Result<Vec<Settled>, StoreError>),
    /// The store answered [`Action::Extend`].
    Extended(Result<Vec<Extended>, StoreError>),
    /// The store answered [`Action::Record`].
    Recorded(Result<Vec<bool>, StoreError>),
    /// The store answered [`Action::Rescue`].
    Rescued(Result<Vec<Rescued>, StoreError>),
    /// Drivers report these ends.
    Ended(Vec<(Ticket, Ended)>),
    /// These were taken back from the backlog, so no driver will report them.
    Withdrawn(Vec<Ticket>),
    /// A cancel of this attempt was written down.
    StopAttempt {
        /// The task.
        task: TaskId,
        /// The attempt.
        attempt: u32,
    },
    /// Claim no more; interrupt what still runs after so many milliseconds.
    Drain {
        /// See above. The earliest end that was asked for counts.
        grace_ms: u64,
    },
}

/// What to do.
#[derive(Debug)]
pub enum Action {
    /// Ask the store to begin attempts.
    Claim(Claim),
    /// Ask the store to end attempts.
    Settle(Vec<Settle>),
    /// Ask the store to extend leases.
    Extend(Extend),
    /// Ask the store to keep what attempts said.
    Record(Vec<Record>),
    /// Ask the store for attempts whose hosts are gone.
    Rescue(Rescue),
    /// Put these into the backlog.
    Start(Vec<Assignment>),
    /// Tell an attempt to stop. If it waits in the backlog still, take it back ([`Input::Withdrawn`]).
    Stop {
        /// Which one.
        ticket: Ticket,
        /// The way to it.
        live: Arc<Live>,
        /// Why.
        reason: StopReason,
    },
    /// Take attempts back from the backlog, if there are such ([`Input::Withdrawn`]).
    Withdraw(Withdraw),
    /// Tell the world.
    Emit(Event),
    /// Nothing is left to do, for good.
    Drained,
}

/// An attempt that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAttempt {
    /// Task, number, lease.
    pub held: Held,
    /// The job.
    pub job: JobName,
    /// When it was claimed, by the wall clock.
    pub claimed_at: Timestamp,
}

/// See the [module](self).
#[derive(Debug)]
pub struct Core {
    options: DispatchOptions,
    attempts: Attempts,
    claims: Claims,
    settles: Settles,
    leases: Leases,
    records: Records,
    drain: Option<Drain>,
    trouble: Trouble,
    actions: Vec<Action>,
    decided_at: Timestamp,
}

impl Core {
    /// Holds nothing and looks for tasks at once.
    pub fn new(mut options: DispatchOptions, moment: Moment) -> Self {
        options.slots = options.slots.max(1);
        Self {
            attempts: Attempts::default(),
            claims: Claims::new(moment),
            settles: Settles::default(),
            leases: Leases::new(&options, moment),
            records: Records::new(moment),
            drain: None,
            trouble: Trouble::default(),
            actions: Vec::new(),
            decided_at: moment.steady,
            options,
        }
    }

    /// Hears what happened. Several inputs may be taken before [`Core::decide`]; that is what makes batches.
    pub fn take(&mut self, input: Input, moment: Moment) {
        match input {
            Input::Wake => self.claims.wake(),
            Input::Claimed(answer) => self.claimed(answer, moment),
            Input::Settled(answer) => self.settled(answer, moment),
            Input::Extended(answer) => self.extended(answer, moment),
            Input::Recorded(answer) => self.recorded(answer, moment),
            Input::Rescued(answer) => self.rescued(answer, moment),
            Input::Ended(ends) => self.ended(ends, moment),
            Input::Withdrawn(tickets) => self.withdrawn(tickets, moment),
            Input::StopAttempt { task, attempt } => self.stop_attempt(task, attempt),
            Input::Drain { grace_ms } => self.begin_drain(grace_ms, moment),
        }
    }

    /// What to do now, in this order.
    pub fn decide(&mut self, moment: Moment) -> Vec<Action> {
        self.decided_at = moment.steady;
        if !self.is_drained() {
            self.decide_drain(moment);
            self.decide_leases(moment);
            self.decide_records(moment);
            self.decide_settle(moment);
            self.decide_claim(moment);
            self.decide_drained(moment);
        }
        std::mem::take(&mut self.actions)
    }

    /// When to decide again at the latest, by the steady clock.
    pub fn next_at(&self) -> Timestamp {
        let times = [
            self.next_claim_at(),
            self.next_settle_at(),
            self.next_lease_at(),
            self.next_record_at(),
            self.next_drain_at(),
        ];
        // What was due at the last decision and was not done waits for something to happen.
        let later = times.into_iter().flatten().filter(|&at| at > self.decided_at);
        later.min().unwrap_or(Timestamp::MAX)
    }

    /// How many ends have to come together before deciding again is of any use, unless something else happens; the drivers'
    /// ends that come while a settlement is under way would only wait here.
    pub fn ends_awaited(&self) -> usize {
        if self.is_settle_possible() { 1 } else { self.ends_until_claim().unwrap_or(usize::MAX) }
    }

    /// The attempts that are open, the oldest first.
    pub fn open(&self) -> Vec<OpenAttempt> {
        let ours = self.attempts.open.values().filter(|attempt| !attempt.is_stale());
        ours.map(Attempt::as_open).collect()
    }

    /// Tells every open attempt to stop, because whoever would settle it is going away.
    pub fn abandon(&self) {
        for attempt in self.attempts.open.values() {
            attempt.live.stop(StopReason::Interrupted);
        }
    }

    fn is_drained(&self) -> bool {
        self.drain.as_ref().is_some_and(|drain| drain.done)
    }

    fn emit(&mut self, event: Event) {
        self.actions.push(Action::Emit(event));
    }
}
