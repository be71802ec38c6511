//! Ends are written down.
//!
//! One settlement is under way at a time, with all that ended before it went out. If the store fails, its ends go to the back
//! of the queue and the next try takes half as many, so that one end that the store cannot take holds up no other for long.

use super::attempts::{EndedAttempt, Standing};
use super::trouble::Verb;
use super::{Action, Core, Moment};
use crate::attempt::Figures;
use crate::dispatch::backlog::Ticket;
use crate::runner::Ended;
use crate::store::StoreError;
use crate::verbs::enqueue::How;
use crate::verbs::record::LogPiece;
use crate::verbs::settle::{Applied, Settle, Settled};
use mainworker_domain::event::Event;
use mainworker_domain::lifecycle::{Jitter, Next, Reason, State, Timestamp};
use mainworker_domain::outcome::Outcome;

/// Ends in one settlement at the most.
const SETTLE_MAX: usize = 1_024;
/// Bytes of results, logs, progress and payloads in one settlement after which it takes no further end. Some milliseconds of
/// writing.
const SETTLE_BYTES_MAX: usize = 4 << 20;

#[derive(Debug)]
pub(super) struct Settles {
    batch_max: usize,
}

impl Default for Settles {
    fn default() -> Self {
        Self { batch_max: SETTLE_MAX }
    }
}

impl Core {
    /// Drivers report ends.
    pub(super) fn ended(&mut self, ends: Vec<(Ticket, Ended)>, moment: Moment) {
        self.claims.pace.add(ends.len(), moment.steady);
        for (ticket, ended) in ends {
            self.attempts.end(ticket, ended);
        }
    }

    /// These ended without having begun.
    pub(super) fn withdrawn(&mut self, tickets: Vec<Ticket>, moment: Moment) {
        for ticket in tickets {
            if let Some(attempt) = self.attempts.open.get(&ticket) {
                let ended = attempt.never_began(moment.now);
                self.attempts.end(ticket, ended);
            }
        }
    }

    pub(super) fn is_settle_possible(&self) -> bool {
        self.attempts.settling.is_empty() && self.trouble.retry_at(Verb::Settle).is_none()
    }

    pub(super) fn next_settle_at(&self) -> Option<Timestamp> {
        let waits = self.attempts.settling.is_empty() && !self.attempts.ended.is_empty();
        if waits { self.trouble.retry_at(Verb::Settle) } else { None }
    }

    pub(super) fn decide_settle(&mut self, moment: Moment) {
        let attempts = &mut self.attempts;
        if !attempts.settling.is_empty()
            || attempts.ended.is_empty()
            || !self.trouble.allows(Verb::Settle, moment.steady)
        {
            return;
        }
        let mut bits = moment.bits;
        let mut bytes = 0;
        let mut settles = Vec::with_capacity(attempts.ended.len().min(self.settles.batch_max));
        while settles.len() < self.settles.batch_max && bytes < SETTLE_BYTES_MAX {
            let Some(ended) = attempts.ended.pop_front() else { break };
            bits = next_bits(bits);
            let settle = settlement(&ended, moment.now, Jitter::from_bits(bits));
            bytes += size_bytes(&settle);
            settles.push(settle);
            attempts.settling.push(ended);
        }
        self.actions.push(Action::Settle(settles));
    }

    /// The store answered a settlement.
    pub(super) fn settled(&mut self, answer: Result<Vec<Settled>, StoreError>, moment: Moment) {
        let settling = std::mem::take(&mut self.attempts.settling);
        match answer {
            Ok(answers) => {
                self.worked(Verb::Settle);
                self.settles.batch_max = (self.settles.batch_max * 2).min(SETTLE_MAX);
                for (ended, settled) in settling.into_iter().zip(answers) {
                    self.attempts.forget(&ended.attempt);
                    // A stale end was announced by whoever ended the attempt before.
                    if let Settled::Applied(applied) = settled {
                        self.applied(ended, applied, moment);
                    }
                }
                // A slot of the job is free, tasks that were asked for are there, a task may be queued again.
                self.claims.wake();
            }
            Err(error) => {
                self.settles.batch_max = (settling.len() / 2).max(1);
                self.attempts.ended.extend(settling);
                self.failed(Verb::Settle, &error, moment.steady);
            }
        }
    }

    fn applied(&mut self, ended: EndedAttempt, applied: Applied, moment: Moment) {
        let EndedAttempt { attempt, ended, .. } = ended;
        let (task_id, job) = (attempt.held.task, attempt.job);
        if let Next::Queued { run_at, .. } = applied.transition.next {
            self.due_at(run_at, moment);
        }
        for asked in ended.asked {
            // One that was there already is answered by the id under which it is, and was told of when it came.
            let enqueued = applied.enqueued.iter().find(|enqueued| enqueued.id == asked.id);
            if let Some(How::Replaced(other)) = enqueued.map(|enqueued| enqueued.how) {
                let (job, state, reason) = (asked.job.clone(), State::Cancelled, Reason::Cancelled);
                self.emit(Event::TaskChanged { task_id: other, job, state, reason });
            }
            if enqueued.is_some() {
                self.emit(Event::TaskEnqueued { task_id: asked.id, job: asked.job, source: asked.source });
            }
        }
        for (dropped, refusal) in applied.dropped {
            self.emit(Event::TaskDropped {
                task_id: dropped,
                parent_job: job.clone(),
                parent: task_id,
                problem: refusal.to_string(),
            });
        }
        let (code, message) = match ended.error {
            Some(error) => (Some(error.code), Some(error.message)),
            None => (None, None),
        };
        self.emit(Event::AttemptEnded {
            task_id,
            job,
            attempt: attempt.held.attempt,
            outcome: outcome_of(attempt.standing, ended.ending.outcome),
            code,
            message,
            wait_ms: ended.started_at.ms_since(attempt.due_at),
            run_ms: ended.finished_at.ms_since(ended.started_at),
            state: applied.transition.next.state(),
            reason: applied.transition.reason,
        });
    }
}

/// What is written down of an attempt whose lease ran out here: it was stopped for a reason that is no fault of its task, so
/// unless it completed it was interrupted, whatever word the stop gave it.
fn outcome_of(standing: Standing, outcome: Outcome) -> Outcome {
    match standing {
        Standing::Lapsed if outcome != Outcome::Completed => Outcome::Interrupted,
        Standing::Ours | Standing::Lapsed | Standing::Stale => outcome,
    }
}

/// A copy, since the end is needed again if the store fails.
fn settlement(ended: &EndedAttempt, now: Timestamp, jitter: Jitter) -> Settle {
    let EndedAttempt { attempt, ended, .. } = ended;
    let mut ending = ended.ending;
    ending.outcome = outcome_of(attempt.standing, ending.outcome);
    let recorded = usize::try_from(attempt.lines_recorded).unwrap_or(usize::MAX);
    Settle {
        held: attempt.held,
        ending,
        figures: Figures {
            started_at: ended.started_at,
            finished_at: ended.finished_at,
            usage: ended.usage,
            ran: ended.ran,
        },
        result: ended.result.clone(),
        error: ended.error.clone(),
        // From the last line on that the store is known to have. It leaves alone what it has besides.
        log: LogPiece {
            first_line: attempt.lines_recorded,
            lines: ended.log.get(recorded..).unwrap_or_default().to_vec(),
        },
        progress: attempt.live.progress(),
        asked: ended.asked.clone(),
        now,
        jitter,
    }
}

fn size_bytes(settle: &Settle) -> usize {
    let lines: usize = settle.log.lines.iter().map(|line| line.context.len() + line.message.len()).sum();
    let asked: usize = settle.asked.iter().map(|task| task.payload.len()).sum();
    let progress = settle.progress.as_ref().map_or(0, |progress| progress.message.len());
    settle.result.as_ref().map_or(0, String::len) + lines + progress + asked
}

/// The next of a sequence of well-mixed numbers: SplitMix64, with its published constants.
fn next_bits(bits: u64) -> u64 {
    let mut mixed = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
