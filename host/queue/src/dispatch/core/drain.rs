//! The way out: nothing more is claimed, what waits is handed back, what runs has some time, then it is interrupted; and
//! everything is written down.

use super::{Action, Core, Moment};
use crate::dispatch::backlog::Withdraw;
use crate::runner::StopReason;
use mainworker_domain::event::Event;
use mainworker_domain::lifecycle::Timestamp;

#[derive(Debug)]
pub(super) struct Drain {
    /// When what still runs is interrupted.
    interrupt_at: Timestamp,
    interrupted: bool,
    /// What was not begun was handed back.
    withdrawn: bool,
    /// All is written down, or given up.
    pub(super) done: bool,
}

impl Core {
    pub(super) fn begin_drain(&mut self, grace_ms: u64, moment: Moment) {
        let interrupt_at = moment.steady.after_ms(grace_ms);
        match &mut self.drain {
            Some(drain) => drain.interrupt_at = drain.interrupt_at.min(interrupt_at),
            None => {
                self.drain = Some(Drain { interrupt_at, interrupted: false, withdrawn: false, done: false });
            }
        }
    }

    pub(super) fn next_drain_at(&self) -> Option<Timestamp> {
        let drain = self.drain.as_ref().filter(|drain| !drain.done)?;
        Some(if drain.interrupted { self.gives_up_at(drain) } else { drain.interrupt_at })
    }

    pub(super) fn decide_drain(&mut self, moment: Moment) {
        let Some(drain) = &mut self.drain else { return };
        if !drain.withdrawn {
            drain.withdrawn = true;
            self.actions.push(Action::Withdraw(Withdraw::All));
        }
        if !drain.interrupted && drain.interrupt_at <= moment.steady {
            drain.interrupted = true;
            for (&ticket, attempt) in &self.attempts.open {
                let live = attempt.live.clone();
                self.actions.push(Action::Stop { ticket, live, reason: StopReason::Interrupted });
            }
        }
    }

    pub(super) fn decide_drained(&mut self, moment: Moment) {
        let Some(drain) = &self.drain else { return };
        let all_written = self.attempts.is_idle() && !self.claims.is_under_way();
        let given_up = drain.interrupted && self.gives_up_at(drain) <= moment.steady;
        if !all_written && !given_up {
            return;
        }
        if !all_written {
            let left = self.attempts.leased().count();
            let message = format!("stopping: the ends of {left} attempts could not be written down in time");
            self.emit(Event::HostError { code: "drain_incomplete".to_owned(), message });
        }
        if let Some(drain) = &mut self.drain {
            drain.done = true;
        }
        self.actions.push(Action::Drained);
    }

    /// When one stops waiting for attempts that do not stop, or a store that does not work. By then leases that are not extended
    /// are over, so the next host finds what is left.
    fn gives_up_at(&self, drain: &Drain) -> Timestamp {
        drain.interrupt_at.after_ms(self.options.lease_ms)
    }
}
