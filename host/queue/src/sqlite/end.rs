//! While attempts run, and when they end.

use super::change::Writing;
use super::failure::Failure;
use super::known::Running;
use super::rows::{attempt_key, outcome_code, signed};
use super::sql;
use crate::attempt::{AttemptError, Figures, Held};
use crate::verbs::extend::{Extend, Extended};
use crate::verbs::record::{LogPiece, Record};
use crate::verbs::rescue::{Rescue, Rescued};
use crate::verbs::settle::{Applied, Settle, Settled};
use mainworker_domain::event::{LogLine, Progress};
use mainworker_domain::lifecycle::{self, Jitter, Timestamp, Transition};
use mainworker_domain::outcome::{Outcome, Usage};
use mainworker_domain::task_id::TaskId;
use rusqlite::params;

/// What the row of an attempt says beside what is known of it while it runs.
struct End<'e> {
    outcome: Outcome,
    figures: Figures,
    error: Option<&'e AttemptError>,
    result: Option<&'e str>,
    /// Newer than what was recorded, if it is there.
    progress: Option<&'e Progress>,
}

impl Writing<'_, '_> {
    pub(super) fn settle(&mut self, settles: &[Settle]) -> Result<Vec<Settled>, Failure> {
        settles.iter().map(|settle| self.settle_one(settle)).collect()
    }

    fn settle_one(&mut self, settle: &Settle) -> Result<Settled, Failure> {
        let Some(running) = self.known.held(settle.held) else { return Ok(Settled::Stale) };
        let Ok(transition) = lifecycle::settle(&running.life, settle.ending, settle.now, settle.jitter)
        else {
            return Ok(Settled::Stale);
        };
        let place = running.place;
        self.keep_log(place, settle.held.attempt, &settle.log)?;
        let completed = transition.next.state() == lifecycle::State::Completed;
        let end = End {
            outcome: settle.ending.outcome,
            figures: settle.figures,
            error: settle.error.as_ref(),
            result: settle.result.as_deref().filter(|_| completed),
            progress: settle.progress.as_ref(),
        };
        self.end(settle.held.task, &end, &transition, settle.now)?;

        let mut applied = Applied { transition, dropped: Vec::new(), enqueued: Vec::new() };
        // The task is over by now, so that one that it asked for may have its unique key.
        for task in settle.asked.iter().filter(|_| transition.commits_asked_tasks()) {
            match self.take(task, settle.now, None)? {
                Ok(enqueued) => applied.enqueued.push(enqueued),
                Err(refusal) => applied.dropped.push((task.id, refusal)),
            }
        }
        Ok(Settled::Applied(applied))
    }

    pub(super) fn extend(&mut self, extend: &Extend) -> Result<Vec<Extended>, Failure> {
        let mut answers = Vec::with_capacity(extend.held.len());
        let mut statement = self.session.statement(sql::EXTEND_LEASE)?;
        for held in &extend.held {
            let Some(running) = self.known.held(*held) else {
                answers.push(Extended::Stale);
                continue;
            };
            running.lease_until = extend.lease_until;
            statement.execute(params![running.place, extend.lease_until.as_ms()])?;
            answers.push(Extended::Kept { cancel_requested: running.life.cancel_requested });
        }
        Ok(answers)
    }

    pub(super) fn rescue(&mut self, rescue: &Rescue) -> Result<Vec<Rescued>, Failure> {
        let mut over: Vec<_> = self
            .known
            .running
            .iter()
            .filter(|(_, running)| running.lease_until <= rescue.leases_until)
            .map(|(&id, running)| (running.lease_until, running.place, id))
            .collect();
        over.sort_unstable();
        over.truncate(rescue.tasks_max);
        over.into_iter().filter_map(|(_, _, id)| self.lose(id, rescue).transpose()).collect()
    }

    fn lose(&mut self, id: TaskId, rescue: &Rescue) -> Result<Option<Rescued>, Failure> {
        let Some(running) = self.known.running.get(&id) else { return Ok(None) };
        let held = Held { task: id, attempt: running.attempt, lease: running.lease };
        let job = self.known.job(running.job)?.name.clone();
        // A loss is not followed by a wait, so that there is nothing to spread.
        let jitter = Jitter::from_bits(0);
        let Ok(transition) = lifecycle::settle(&running.life, Outcome::Lost.into(), rescue.now, jitter)
        else {
            return Ok(None);
        };
        // The reason says why it failed in the end, which nothing else keeps.
        let message = transition.reason.sentence();
        let error = AttemptError { code: "lost".to_owned(), message, hint: None };
        let figures = Figures {
            started_at: running.claimed_at,
            finished_at: rescue.now,
            usage: Usage::default(),
            ran: None,
        };
        let end = End { outcome: Outcome::Lost, figures, error: Some(&error), result: None, progress: None };
        self.end(id, &end, &transition, rescue.now)?;
        Ok(Some(Rescued { held, job, transition }))
    }

    pub(super) fn record(&mut self, records: &[Record]) -> Result<Vec<bool>, Failure> {
        records.iter().map(|record| self.record_one(record)).collect()
    }

    fn record_one(&mut self, record: &Record) -> Result<bool, Failure> {
        let Some(running) = self.known.held(record.held) else { return Ok(false) };
        let place = running.place;
        if let Some(progress) = &record.progress {
            running.progress = Some(progress.clone());
            self.session.execute(sql::WRITE_PROGRESS, params![place, progress.percent, progress.message])?;
        }
        self.keep_log(place, record.held.attempt, &record.log)?;
        Ok(true)
    }

    /// Writes the row of an attempt that ended and what follows for its task.
    fn end(
        &mut self,
        id: TaskId,
        end: &End<'_>,
        transition: &Transition,
        now: Timestamp,
    ) -> Result<(), Failure> {
        // Most attempts run what their task was accepted with.
        let ran = end.figures.ran.map(|ran| self.known.add_revision(self.session, &ran)).transpose()?;
        let Some(running) = self.known.running.get(&id) else { return Ok(()) };
        let row = running.row(id);
        self.add_attempt(running, ran.unwrap_or(running.revision), end)?;
        self.go(&row, transition, now).map(drop)
    }

    fn add_attempt(&self, running: &Running, revision: i64, end: &End<'_>) -> Result<(), Failure> {
        let Figures { started_at, finished_at, usage, .. } = &end.figures;
        let progress = end.progress.or(running.progress.as_ref());
        self.session.execute(
            sql::ADD_ATTEMPT,
            params![
                attempt_key(running.place, running.attempt),
                running.attempt,
                outcome_code(Some(end.outcome)),
                revision,
                running.host,
                started_at.as_ms(),
                finished_at.as_ms(),
                signed(started_at.ms_since(running.life.run_at)),
                signed(usage.wall_us),
                signed(usage.cpu_us),
                signed(usage.peak_memory_bytes),
                signed(usage.http_calls),
                signed(usage.http_bytes_in),
                signed(usage.http_bytes_out),
                signed(usage.log_bytes),
                signed(usage.log_lines_dropped),
                signed(usage.output_bytes),
                progress.map(|progress| progress.percent),
                progress.map(|progress| &progress.message),
                end.error.map(|error| &error.code),
                end.error.map(|error| &error.message),
                end.error.and_then(|error| error.hint.as_ref()),
                end.result,
            ],
        )?;
        Ok(())
    }

    /// Adds those lines of a piece that are not there yet.
    fn keep_log(&self, place: i64, attempt: u32, piece: &LogPiece) -> Result<(), Failure> {
        if piece.lines.is_empty() {
            return Ok(());
        }
        let next_line = self.session.first(sql::NEXT_LINE, params![place, attempt], |row| Ok(row.get(0)?))?;
        let next_line: u32 = next_line.unwrap_or(0);
        let known = usize::try_from(next_line.saturating_sub(piece.first_line)).unwrap_or(usize::MAX);
        let lines = piece.lines.get(known..).unwrap_or_default();
        if lines.is_empty() {
            return Ok(());
        }
        let first_line = piece.first_line.max(next_line);
        let text = write_lines(lines)?;
        let lines_count = signed(lines.len() as u64);
        self.session.execute(sql::ADD_LOG, params![place, attempt, first_line, lines_count, text])?;
        Ok(())
    }
}

fn write_lines(lines: &[LogLine]) -> Result<String, Failure> {
    let lines: Vec<(u64, &str, &str, &str)> = lines
        .iter()
        .map(|line| (line.at_ms, line.level.as_str(), line.context.as_str(), line.message.as_str()))
        .collect();
    serde_json::to_string(&lines).map_err(|error| Failure::Damaged(error.to_string()))
}
