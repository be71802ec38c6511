//! Heartbeat and rescue.
//!
//! The leases of all that is held are extended together. One that could not be in time is given up before it ends, so that
//! its attempt does not run beside the next one. A rescue never reaches an attempt of this dispatch: it is bounded by the
//! earliest end of a lease of its own.

use super::attempts::Standing;
use super::trouble::Verb;
use super::{Action, Core, DispatchOptions, Moment};
use crate::dispatch::backlog::Ticket;
use crate::runner::StopReason;
use crate::store::StoreError;
use crate::verbs::extend::{Extend, Extended};
use crate::verbs::rescue::{Rescue, Rescued};
use mainworker_domain::event::Event;
use mainworker_domain::lifecycle::Timestamp;

/// Attempts in one rescue at the most.
const RESCUE_MAX: usize = 500;
/// The part of a lease before its end in which an attempt that is to be given up has time to stop.
const STOPPING_PART: u64 = 10;

#[derive(Debug)]
pub(super) struct Leases {
    extend_at: Timestamp,
    /// The attempts of the heartbeat that is under way, and until when it extends.
    extending: Option<(Vec<Ticket>, Timestamp)>,
    /// When the first lease of those that are open is to be given up, or earlier.
    lapse_at: Timestamp,
    rescue_at: Timestamp,
    rescuing: bool,
}

impl Leases {
    pub(super) fn new(options: &DispatchOptions, moment: Moment) -> Self {
        let next = moment.steady.after_ms(options.heartbeat_ms);
        Self { extend_at: next, extending: None, lapse_at: Timestamp::MAX, rescue_at: next, rescuing: false }
    }
}

impl Core {
    /// The first attempt is about to be opened: the next heartbeat is not for a past in which nothing was held.
    pub(super) fn heartbeat_begins(&mut self, steady: Timestamp) {
        self.leases.extend_at = steady.after_ms(self.options.heartbeat_ms);
    }

    /// Attempts were opened with a lease until then.
    pub(super) fn lease_begins(&mut self, lease_until: Timestamp) {
        self.leases.lapse_at = self.leases.lapse_at.min(self.lapses_at(lease_until));
    }

    /// When an attempt with a lease until `lease_until` is given up.
    pub(super) fn lapses_at(&self, lease_until: Timestamp) -> Timestamp {
        let stopping_ms = (self.options.lease_ms / STOPPING_PART).cast_signed();
        Timestamp::from_ms(lease_until.as_ms().saturating_sub(stopping_ms))
    }

    pub(super) fn next_lease_at(&self) -> Option<Timestamp> {
        let holds = !self.attempts.is_idle() || self.trouble.is_at(&[Verb::Extend]);
        let extend_at = self.tries_at(Verb::Extend, self.leases.extend_at);
        let extend_at = (holds && self.leases.extending.is_none()).then_some(extend_at);
        let rescue_at = self.tries_at(Verb::Rescue, self.leases.rescue_at);
        let rescue_at = (!self.leases.rescuing && self.drain.is_none()).then_some(rescue_at);
        let lapse_at = (!self.attempts.open.is_empty()).then_some(self.leases.lapse_at);
        [extend_at, rescue_at, lapse_at].into_iter().flatten().min()
    }

    pub(super) fn decide_leases(&mut self, moment: Moment) {
        self.give_up_lapsed(moment.steady);
        self.decide_extend(moment.steady);
        self.decide_rescue(moment);
    }

    fn give_up_lapsed(&mut self, steady: Timestamp) {
        if steady < self.leases.lapse_at {
            return;
        }
        let mut first = Timestamp::MAX;
        let stopping_ms = self.options.lease_ms / STOPPING_PART;
        for (&ticket, attempt) in &mut self.attempts.open {
            if attempt.standing != Standing::Ours {
                continue;
            }
            if attempt.lease_until <= steady.after_ms(stopping_ms) {
                attempt.standing = Standing::Lapsed;
                let live = attempt.live.clone();
                self.actions.push(Action::Stop { ticket, live, reason: StopReason::Stale });
            } else {
                first = first.min(attempt.lease_until);
            }
        }
        self.leases.lapse_at = if first == Timestamp::MAX { first } else { self.lapses_at(first) };
    }

    fn decide_extend(&mut self, steady: Timestamp) {
        let due = self.leases.extend_at <= steady || self.trouble.is_at(&[Verb::Extend]);
        if self.leases.extending.is_some() || !due || !self.trouble.allows(Verb::Extend, steady) {
            return;
        }
        self.leases.extend_at = steady.after_ms(self.options.heartbeat_ms);
        let (tickets, held): (Vec<_>, Vec<_>) =
            self.attempts.leased().map(|(ticket, attempt)| (ticket, attempt.held)).unzip();
        if held.is_empty() {
            // Nothing is left that the trouble was about.
            return self.worked(Verb::Extend);
        }
        let lease_until = steady.after_ms(self.options.lease_ms);
        self.leases.extending = Some((tickets, lease_until));
        self.actions.push(Action::Extend(Extend { held, lease_until }));
    }

    /// The store answered a heartbeat.
    pub(super) fn extended(&mut self, answer: Result<Vec<Extended>, StoreError>, moment: Moment) {
        let Some((tickets, lease_until)) = self.leases.extending.take() else { return };
        let answers = match answer {
            Ok(answers) => answers,
            Err(error) => return self.failed(Verb::Extend, &error, moment.steady),
        };
        self.worked(Verb::Extend);
        for (ticket, extended) in tickets.into_iter().zip(answers) {
            match extended {
                Extended::Kept { cancel_requested } => self.kept(ticket, lease_until, cancel_requested),
                Extended::Stale => self.stale(ticket),
            }
        }
    }

    fn kept(&mut self, ticket: Ticket, lease_until: Timestamp, cancel_requested: bool) {
        let attempts = &mut self.attempts;
        if let Some(attempt) = attempts.open.get_mut(&ticket) {
            attempt.lease_until = lease_until;
            if cancel_requested {
                let live = attempt.live.clone();
                self.actions.push(Action::Stop { ticket, live, reason: StopReason::Cancelled });
            }
            return;
        }
        let mut ended = attempts.ended.iter_mut().chain(&mut attempts.settling);
        if let Some(ended) = ended.find(|ended| ended.ticket == ticket) {
            ended.attempt.lease_until = lease_until;
        }
    }

    /// The store says that an attempt is not ours any more. One that has ended is left to its settlement, which may be what made
    /// it so.
    pub(super) fn stale(&mut self, ticket: Ticket) {
        if let Some(attempt) = self.attempts.open.get_mut(&ticket)
            && attempt.standing != Standing::Stale
        {
            attempt.standing = Standing::Stale;
            let live = attempt.live.clone();
            self.actions.push(Action::Stop { ticket, live, reason: StopReason::Stale });
        }
    }

    fn decide_rescue(&mut self, moment: Moment) {
        let due = self.leases.rescue_at <= moment.steady || self.trouble.is_at(&[Verb::Rescue]);
        if self.leases.rescuing
            || self.drain.is_some()
            || !due
            || !self.trouble.allows(Verb::Rescue, moment.steady)
        {
            return;
        }
        let own = self.attempts.leased().map(|(_, attempt)| attempt.lease_until).min();
        let before_own = own.map_or(Timestamp::MAX, |own| Timestamp::from_ms(own.as_ms() - 1));
        self.leases.rescuing = true;
        self.leases.rescue_at = moment.steady.after_ms(self.options.heartbeat_ms);
        self.actions.push(Action::Rescue(Rescue {
            leases_until: moment.steady.min(before_own),
            tasks_max: RESCUE_MAX,
            now: moment.now,
        }));
    }

    /// The store answered a rescue.
    pub(super) fn rescued(&mut self, answer: Result<Vec<Rescued>, StoreError>, moment: Moment) {
        self.leases.rescuing = false;
        let rescued = match answer {
            Ok(rescued) => rescued,
            Err(error) => return self.failed(Verb::Rescue, &error, moment.steady),
        };
        self.worked(Verb::Rescue);
        if rescued.len() >= RESCUE_MAX {
            self.leases.rescue_at = moment.steady;
        }
        if !rescued.is_empty() {
            // Tasks are queued again, and each makes room for another attempt of its job.
            self.claims.wake();
        }
        for Rescued { held, job, transition } in rescued {
            let (state, reason) = (transition.next.state(), transition.reason);
            self.emit(Event::TaskChanged { task_id: held.task, job, state, reason });
        }
    }
}
