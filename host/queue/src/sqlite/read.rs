//! What is to be seen of tasks and jobs. Each question has its own snapshot, and waits for no writer.

use super::failure::Failure;
use super::retention::stored_bytes;
use super::rows::{
    actor, attempt_key, attempt_keys, job_name, outcome, place_in, place_out, read_tags, state, state_code,
    unsigned,
};
use super::schedules::schedule_name;
use super::session::Session;
use super::sql;
use crate::attempt::AttemptError;
use crate::verbs::log::{LogPage, LogPlace, ReadLog};
use crate::verbs::overview::{JobOverview, Overview};
use crate::verbs::task::{AttemptView, TaskSummary, TaskView};
use mainworker_domain::audit::Actor;
use mainworker_domain::digest::Digest;
use mainworker_domain::event::{Level, LogLine, Progress};
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::outcome::Usage;
use mainworker_domain::task_id::TaskId;
use rusqlite::{Row, params};
use std::collections::BTreeMap;

pub(super) fn task(session: &Session<'_>, id: TaskId) -> Result<Option<TaskView>, Failure> {
    let summary = session.first(sql::SUMMARY_BY_ID, params![id.as_bytes()], summary)?;
    let Some(summary) = summary else { return Ok(None) };
    let place = place_in(summary.place);
    let mut attempts = Vec::new();
    // Of the newest attempt, so each takes the place of the one before.
    let mut progress = None;

    for (attempt, its_progress) in session.all(sql::ATTEMPTS, attempt_keys(place), attempt)? {
        attempts.push(attempt);
        progress = its_progress;
    }
    let running = |row: &Row<'_>| running_attempt(row, &summary);
    if let Some((running, its_progress)) = session.first(sql::RUNNING_ATTEMPT, params![place], running)? {
        attempts.push(running);
        progress = its_progress;
    }
    let result = match summary.state {
        State::Completed => {
            let result =
                session.first(sql::RESULT, [attempt_key(place, summary.attempts)], |row| Ok(row.get(0)?));
            result?.flatten()
        }
        _ => None,
    };
    let origin = session.first(sql::ORIGIN, params![place], origin)?;
    let (depth, requested_by) = origin.unwrap_or_default();
    Ok(Some(TaskView { summary, depth, requested_by, result, progress, attempts }))
}

fn origin(row: &Row<'_>) -> Result<(u32, Option<Actor>), Failure> {
    let name: Option<String> = row.get(1)?;
    Ok((row.get(0)?, name.as_deref().map(actor).transpose()?))
}

/// Reads the columns of the statements `SUMMARY_BY_…`.
pub(super) fn summary(row: &Row<'_>) -> Result<TaskSummary, Failure> {
    let running: Option<u32> = row.get(17)?;
    let stored = row.get(5)?;
    let state = state(stored, running.is_some())?;
    let time = |column| -> Result<Option<Timestamp>, rusqlite::Error> {
        Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_ms))
    };
    let parent: Option<[u8; 16]> = row.get(16)?;
    let tags: Option<String> = row.get(9)?;
    let schedule: Option<String> = row.get(21)?;
    Ok(TaskSummary {
        id: TaskId::from_bytes(row.get(1)?),
        place: place_out(row.get(0)?),
        job: job_name(row.get(2)?)?,
        source: row.get(3)?,
        revision: Digest::from_sha256(row.get(4)?),
        state,
        outcome: outcome(row.get(6)?)?,
        priority: row.get(7)?,
        label: row.get(8)?,
        tags: read_tags(tags.as_deref())?,
        created_at: Timestamp::from_ms(row.get(10)?),
        run_at: Timestamp::from_ms(row.get(11)?),
        expires_at: time(12)?,
        started_at: time(18)?.or(time(20)?),
        finished_at: time(13)?.filter(|_| state_code(state) != 0),
        attempts: running.map_or_else(|| row.get(14), Ok)?,
        max_attempts: row.get(15)?,
        cancel_requested: row.get::<_, Option<bool>>(19)?.unwrap_or(false),
        parent: parent.map(TaskId::from_bytes),
        schedule: schedule.as_deref().map(schedule_name).transpose()?,
        occurrence: time(22)?,
    })
}

fn attempt(row: &Row<'_>) -> Result<(AttemptView, Option<Progress>), Failure> {
    let figure = |column| -> Result<u64, rusqlite::Error> { Ok(unsigned(row.get(column)?)) };
    let code: Option<String> = row.get(16)?;
    let message: Option<String> = row.get(17)?;
    let hint = row.get(18)?;
    let attempt = AttemptView {
        number: row.get(0)?,
        outcome: outcome(row.get(1)?)?,
        started_at: Timestamp::from_ms(row.get(2)?),
        finished_at: Some(Timestamp::from_ms(row.get(3)?)),
        wait_ms: figure(4)?,
        usage: Usage {
            wall_us: figure(5)?,
            cpu_us: figure(6)?,
            peak_memory_bytes: figure(7)?,
            http_calls: figure(8)?,
            http_bytes_in: figure(9)?,
            http_bytes_out: figure(10)?,
            log_bytes: figure(11)?,
            log_lines_dropped: figure(12)?,
            output_bytes: figure(13)?,
        },
        revision: Digest::from_sha256(row.get(14)?),
        host: row.get(15)?,
        error: code.zip(message).map(|(code, message)| AttemptError { code, message, hint }),
    };
    Ok((attempt, read_progress(row, 19)?))
}

fn running_attempt(row: &Row<'_>, summary: &TaskSummary) -> Result<(AttemptView, Option<Progress>), Failure> {
    let started_at = Timestamp::from_ms(row.get(1)?);
    let attempt = AttemptView {
        number: row.get(0)?,
        outcome: None,
        started_at,
        finished_at: None,
        wait_ms: started_at.ms_since(summary.run_at),
        usage: Usage::default(),
        revision: summary.revision,
        host: row.get(2)?,
        error: None,
    };
    Ok((attempt, read_progress(row, 3)?))
}

/// Percent and message, from `column` on.
fn read_progress(row: &Row<'_>, column: usize) -> Result<Option<Progress>, Failure> {
    let percent: Option<u8> = row.get(column)?;
    let message: Option<String> = row.get(column + 1)?;
    Ok(percent.zip(message).map(|(percent, message)| Progress { percent, message }))
}

pub(super) fn log(session: &Session<'_>, read: &ReadLog) -> Result<Option<LogPage>, Failure> {
    let found = session.first(sql::LOG_STATE, params![read.task.as_bytes()], |row| {
        Ok((row.get::<_, i64>(0)?, state(row.get(1)?, row.get(2)?)?))
    })?;
    let Some((place, state)) = found else { return Ok(None) };
    let mut page = LogPage { next: read.from, state: Some(state), ..LogPage::default() };
    // The first line of the piece that `from` is in, or of the next one.
    let from = params![place, read.from.attempt, read.from.line];
    let first_line = session.first(sql::LOG_BEFORE, from, |row| Ok(row.get(0)?))?;
    let first_line: u32 = first_line.unwrap_or(read.from.line);

    let mut statement = session.statement(sql::LOG)?;
    let mut pieces = statement.query(params![place, read.from.attempt, first_line])?;
    let mut bytes = 0_usize;
    while let Some(piece) = pieces.next()? {
        let (attempt, first_line): (u32, u32) = (piece.get(0)?, piece.get(1)?);
        let lines = read_lines(piece.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?)?;
        for (number, line) in (first_line..).zip(lines) {
            if (LogPlace { attempt, line: number }) < read.from {
                continue;
            }
            if bytes >= read.bytes_max && !page.lines.is_empty() {
                page.more = true;
                return Ok(Some(page));
            }
            bytes = bytes.saturating_add(line.context.len() + line.message.len());
            page.lines.push((attempt, line));
            page.next = LogPlace { attempt, line: number.saturating_add(1) };
        }
    }
    Ok(Some(page))
}

fn read_lines(text: &str) -> Result<Vec<LogLine>, Failure> {
    let damaged = |problem: String| Failure::Damaged(format!("a piece of a log: {problem}"));
    let lines: Vec<(u64, String, String, String)> =
        serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
    let line = |(at_ms, level, context, message): (u64, String, String, String)| {
        let level = Level::parse(&level).ok_or_else(|| damaged(format!("`{level}` is not a level")))?;
        Ok(LogLine { at_ms, level, context, message })
    };
    lines.into_iter().map(line).collect()
}

/// The small value that is kept under a name.
pub(super) fn kept(session: &Session<'_>, name: &str) -> Result<Option<Vec<u8>>, Failure> {
    session.first(sql::KEPT, params![name], |row| Ok(row.get(0)?))
}

pub(super) fn overview(session: &Session<'_>) -> Result<Overview, Failure> {
    let mut overview = Overview {
        paused: session.first(sql::STORE, [], |row| Ok(row.get(0)?))?.unwrap_or(false),
        store_bytes: stored_bytes(session)?,
        ..Overview::default()
    };
    let jobs = session.all(sql::JOBS, [], |row| {
        let mut tasks = BTreeMap::new();
        for (column, state) in (4..).zip(State::ALL) {
            let count: i64 = row.get(column)?;
            if let Ok(count @ 1..) = u64::try_from(count) {
                tasks.insert(state, count);
            }
        }
        let job = JobOverview { paused: row.get(2)?, tasks, concurrency_max: row.get(3)? };
        Ok((job_name(row.get(1)?)?, job))
    })?;
    overview.jobs.extend(jobs);
    Ok(overview)
}
