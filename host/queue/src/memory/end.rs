//! While attempts run, and when they end.

use super::rows::{Rows, TaskRow};
use crate::attempt::{AttemptError, Figures};
use crate::verbs::extend::{Extend, Extended};
use crate::verbs::log::LogPlace;
use crate::verbs::record::{LogPiece, Record};
use crate::verbs::rescue::{Rescue, Rescued};
use crate::verbs::settle::{Applied, Settle, Settled};
use mainworker_domain::event::Progress;
use mainworker_domain::lifecycle::{self, Jitter, State};
use mainworker_domain::outcome::{Outcome, Usage};

impl Rows {
    pub(super) fn settle(&mut self, settle: Settle) -> Settled {
        let Some(row) = self.find_held(settle.held) else { return Settled::Stale };
        let Ok(transition) = lifecycle::settle(&row.life, settle.ending, settle.now, settle.jitter) else {
            return Settled::Stale;
        };
        row.keep_log(settle.log);
        row.keep_progress(settle.progress);
        row.end_attempt(settle.ending.outcome, settle.figures, settle.error);
        row.go(&transition, settle.now);
        if row.life.state == State::Completed {
            row.result = settle.result;
        }
        // The task is over by now, so that one that it asked for may have its unique key.
        let asked = if transition.commits_asked_tasks() { settle.asked } else { Vec::new() };
        let asked = self.take_asked(asked, settle.now);
        Settled::Applied(Applied { transition, dropped: asked.dropped, enqueued: asked.enqueued })
    }

    pub(super) fn extend(&mut self, extend: &Extend) -> Vec<Extended> {
        let one = |&held| {
            let Some(row) = self.find_held(held) else { return Extended::Stale };
            if let Some(lease) = &mut row.lease {
                lease.until = extend.lease_until;
            }
            Extended::Kept { cancel_requested: row.life.cancel_requested }
        };
        extend.held.iter().map(one).collect()
    }

    pub(super) fn rescue(&mut self, rescue: &Rescue) -> Vec<Rescued> {
        let mut over: Vec<_> = self
            .tasks
            .iter_mut()
            .filter_map(|(&place, row)| {
                let until = row.lease?.until;
                (until <= rescue.leases_until).then_some(((until, place), row))
            })
            .collect();
        over.sort_by_key(|&(order, _)| order);
        over.truncate(rescue.tasks_max);
        over.into_iter().filter_map(|(_, row)| row.lose(rescue)).collect()
    }

    pub(super) fn record(&mut self, record: Record) -> bool {
        let Some(row) = self.find_held(record.held) else { return false };
        row.keep_log(record.log);
        row.keep_progress(record.progress);
        true
    }
}

impl TaskRow {
    fn lose(&mut self, rescue: &Rescue) -> Option<Rescued> {
        let held = self.held()?;
        // A loss is not followed by a wait, so that there is nothing to spread.
        let jitter = Jitter::from_bits(0);
        let transition = lifecycle::settle(&self.life, Outcome::Lost.into(), rescue.now, jitter).ok()?;
        let started_at = self.attempts.last()?.started_at;
        let figures = Figures { started_at, finished_at: rescue.now, usage: Usage::default(), ran: None };
        // The reason says why it failed in the end, which nothing else keeps.
        let message = transition.reason.sentence();
        let error = AttemptError { code: "lost".to_owned(), message, hint: None };
        self.end_attempt(Outcome::Lost, figures, Some(error));
        self.go(&transition, rescue.now);
        Some(Rescued { held, job: self.accepted.job.clone(), transition })
    }

    /// Writes the end of the attempt that runs into its row. Before the transition, which may change when the task is due.
    fn end_attempt(&mut self, outcome: Outcome, figures: Figures, error: Option<AttemptError>) {
        let due_at = self.life.run_at;
        let Some(attempt) = self.attempts.last_mut() else { return };
        attempt.outcome = Some(outcome);
        attempt.started_at = figures.started_at;
        attempt.finished_at = Some(figures.finished_at);
        attempt.wait_ms = figures.started_at.ms_since(due_at);
        attempt.usage = figures.usage;
        attempt.revision = figures.ran.unwrap_or(attempt.revision);
        attempt.error = error;
    }

    fn keep_progress(&mut self, progress: Option<Progress>) {
        if progress.is_some() {
            self.progress = progress;
        }
    }

    fn keep_log(&mut self, piece: LogPiece) {
        let attempt = self.life.attempts;
        let mut its_lines = self.log.range(LogPlace { attempt, line: 0 }..);
        let next = its_lines.next_back().map_or(0, |(place, _)| place.line + 1);
        for (line, text) in (piece.first_line..).zip(piece.lines) {
            if line >= next {
                self.log.insert(LogPlace { attempt, line }, text);
            }
        }
    }
}
