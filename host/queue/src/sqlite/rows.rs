//! How the domain's values stand in columns, and the row of a task.

use super::failure::Failure;
use super::session::Session;
use super::sql;
use crate::verbs::enqueue::NewTask;
use mainworker_domain::audit::Actor;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{OrderKey, SealedConfiguration, State, Tally, Task, Timestamp};
use mainworker_domain::manifest::Retry;
use mainworker_domain::outcome::Outcome;
use mainworker_domain::task_id::TaskId;
use rusqlite::{Row as SqlRow, params};

/// A task as its row says it. One that runs is known by heart
/// ([`Running`](super::known::Running)); its row alone looks like a queued one's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) place: i64,
    pub(super) id: TaskId,
    pub(super) job: i64,
    pub(super) source: i64,
    pub(super) revision: i64,
    pub(super) memory_bytes_max: u64,
    /// Whether it came with a unique key.
    pub(super) unique: bool,
    /// What it has in tables that few tasks have rows in.
    pub(super) beside: Beside,
    pub(super) life: Task,
}

/// The column that says in which tables a task has rows that few tasks have any in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Beside(i64);

impl Beside {
    const ORIGIN: i64 = 1;
    const SCHEDULED: i64 = 2;
    const KEYED: i64 = 4;

    /// Of a task that comes in.
    pub(super) fn of(task: &NewTask, scheduled: bool) -> Self {
        let origin = scheduled || task.depth > 0 || task.by.is_some();
        let flags = [
            (origin, Self::ORIGIN),
            (scheduled, Self::SCHEDULED),
            (task.concurrency_key.is_some(), Self::KEYED),
        ];
        Self(flags.into_iter().filter(|(there, _)| *there).map(|(_, flag)| flag).sum())
    }

    /// As it stands in the column.
    pub(super) const fn code(self) -> i64 {
        self.0
    }

    /// Whether there is more to say of where it comes from.
    pub(super) const fn origin(self) -> bool {
        self.0 & Self::ORIGIN != 0
    }

    /// Whether it is a task of a schedule.
    pub(super) const fn scheduled(self) -> bool {
        self.0 & Self::SCHEDULED != 0
    }

    /// Whether it has a concurrency key.
    pub(super) const fn keyed(self) -> bool {
        self.0 & Self::KEYED != 0
    }
}

impl Row {
    /// Reads the columns of the statements `ROW_BY_…`.
    pub(super) fn read(row: &SqlRow<'_>) -> Result<Self, Failure> {
        let expires_at: Option<i64> = row.get(12)?;
        Ok(Self {
            place: row.get(0)?,
            id: TaskId::from_bytes(row.get(1)?),
            job: row.get(2)?,
            source: row.get(3)?,
            revision: row.get(14)?,
            memory_bytes_max: unsigned(row.get(19)?),
            unique: row.get(20)?,
            beside: Beside(row.get(21)?),
            life: Task {
                state: state(row.get(4)?, false)?,
                outcome: outcome(row.get(5)?)?,
                run_at: Timestamp::from_ms(row.get(10)?),
                order_key: OrderKey::from_i64(row.get(11)?),
                priority: row.get(15)?,
                expires_at: expires_at.map(Timestamp::from_ms),
                retry: Retry {
                    max_attempts: row.get(16)?,
                    base_ms: unsigned(row.get(17)?),
                    cap_ms: unsigned(row.get(18)?),
                },
                attempts: row.get(6)?,
                tally: Tally { attempts: row.get(7)?, losses: row.get(8)?, module_unavailable: row.get(9)? },
                cancel_requested: false,
                configuration: configuration(row.get(13)?)?,
            },
        })
    }

    pub(super) fn by_place(session: &Session<'_>, place: i64) -> Result<Option<Self>, Failure> {
        session.first(sql::ROW_BY_PLACE, params![place], Self::read)
    }

    pub(super) fn by_id(session: &Session<'_>, id: TaskId) -> Result<Option<Self>, Failure> {
        session.first(sql::ROW_BY_ID, params![id.as_bytes()], Self::read)
    }
}

/// Unsigned figures are stored bit by bit, so that none is too large.
pub(super) const fn unsigned(stored: i64) -> u64 {
    stored.cast_unsigned()
}

/// See [`unsigned`].
pub(super) const fn signed(figure: u64) -> i64 {
    figure.cast_signed()
}

/// A place as requests and answers have it.
pub(super) fn place_out(place: i64) -> u64 {
    u64::try_from(place).unwrap_or(0)
}

/// A place that a request names; one that cannot be is the last there could be.
pub(super) fn place_in(place: u64) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}

/// Numbers of attempts in a key. With 43 bits for the place it stays within 63.
const ATTEMPT_KEYS: i64 = 1 << 20;

/// The key of an attempt's row.
pub(super) fn attempt_key(place: i64, number: u32) -> i64 {
    place.saturating_mul(ATTEMPT_KEYS).saturating_add(i64::from(number).min(ATTEMPT_KEYS - 1))
}

/// The first and the last key that an attempt of a task can have.
pub(super) fn attempt_keys(place: i64) -> [i64; 2] {
    [attempt_key(place, 0), attempt_key(place, u32::MAX)]
}

/// A bound on rows, as a statement takes it.
pub(super) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// The state in the column: a task that runs looks like one that is queued, and has a lease.
pub(super) const fn state_code(state: State) -> i64 {
    match state {
        State::Queued | State::Running => 0,
        State::Completed => 1,
        State::Failed => 2,
        State::Cancelled => 3,
        State::Expired => 4,
    }
}

/// The state of a task with this column, and with a lease or without.
pub(super) fn state(code: i64, leased: bool) -> Result<State, Failure> {
    Ok(match code {
        0 if leased => State::Running,
        0 => State::Queued,
        1 => State::Completed,
        2 => State::Failed,
        3 => State::Cancelled,
        4 => State::Expired,
        _ => return Err(Failure::Damaged(format!("the state of a task is {code}, expected 0 to 4"))),
    })
}

/// Where a state stands among the counts of a job.
pub(super) const fn state_index(state: State) -> usize {
    match state {
        State::Queued => 0,
        State::Running => 1,
        State::Completed => 2,
        State::Failed => 3,
        State::Cancelled => 4,
        State::Expired => 5,
    }
}

/// The outcome in the column. 0 and 1 take no room in a row, so they are those that nearly all tasks have.
pub(super) const fn outcome_code(outcome: Option<Outcome>) -> i64 {
    match outcome {
        None => 0,
        Some(Outcome::Completed) => 1,
        Some(Outcome::Rejected) => 2,
        Some(Outcome::Failed) => 3,
        Some(Outcome::RetryAsked) => 4,
        Some(Outcome::Trapped) => 5,
        Some(Outcome::TimedOut) => 6,
        Some(Outcome::OverCpu) => 7,
        Some(Outcome::OutOfMemory) => 8,
        Some(Outcome::OverLimit) => 9,
        Some(Outcome::Refused) => 10,
        Some(Outcome::ModuleUnavailable) => 11,
        Some(Outcome::HostError) => 12,
        Some(Outcome::Cancelled) => 13,
        Some(Outcome::Interrupted) => 14,
        Some(Outcome::Lost) => 15,
    }
}

/// See [`outcome_code`].
pub(super) fn outcome(code: i64) -> Result<Option<Outcome>, Failure> {
    if code == 0 {
        return Ok(None);
    }
    let known = Outcome::ALL.into_iter().find(|&outcome| outcome_code(Some(outcome)) == code);
    known.map(Some).ok_or_else(|| Failure::Damaged(format!("an outcome is {code}, expected 0 to 15")))
}

/// What became of the configuration, in the column.
pub(super) const fn configuration_code(configuration: SealedConfiguration) -> i64 {
    match configuration {
        SealedConfiguration::Empty => 0,
        SealedConfiguration::Kept => 1,
        SealedConfiguration::Deleted => 2,
    }
}

fn configuration(code: i64) -> Result<SealedConfiguration, Failure> {
    Ok(match code {
        0 => SealedConfiguration::Empty,
        1 => SealedConfiguration::Kept,
        2 => SealedConfiguration::Deleted,
        _ => return Err(Failure::Damaged(format!("a configuration is {code}, expected 0 to 2"))),
    })
}

/// The name of a job, as the column says it.
pub(super) fn job_name(name: String) -> Result<JobName, Failure> {
    JobName::parse(&name).map_err(|error| Failure::Damaged(error.to_string()))
}

/// Words as they stand in a row.
pub(super) fn write_list<'w>(words: impl Iterator<Item = &'w str>) -> Result<String, Failure> {
    let words: Vec<_> = words.collect();
    serde_json::to_string(&words).map_err(|error| Failure::Damaged(error.to_string()))
}

/// See [`write_list`].
pub(super) fn read_list(words: &str) -> Result<Vec<String>, Failure> {
    serde_json::from_str(words).map_err(|error| Failure::Damaged(format!("a list of words: {error}")))
}

/// Who asked for something, as the column says it.
pub(super) fn actor(text: &str) -> Result<Actor, Failure> {
    Actor::parse(text).ok_or_else(|| Failure::Damaged(format!("an actor is `{text}`, which is none")))
}

/// Tags as they stand in a row, in the order they were given; null if there are none.
pub(super) fn write_tags(tags: &[String]) -> Result<Option<String>, Failure> {
    if tags.is_empty() {
        return Ok(None);
    }
    serde_json::to_string(tags).map(Some).map_err(|error| Failure::Damaged(error.to_string()))
}

/// See [`write_tags`].
pub(super) fn read_tags(tags: Option<&str>) -> Result<Vec<String>, Failure> {
    let Some(tags) = tags else { return Ok(Vec::new()) };
    serde_json::from_str(tags).map_err(|error| Failure::Damaged(format!("the tags of a task: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for expected in State::ALL {
            let leased = expected == State::Running;
            assert_eq!(state(state_code(expected), leased).unwrap(), expected);
            assert_eq!(State::ALL[state_index(expected)], expected);
        }
        for expected in Outcome::ALL.map(Some).into_iter().chain([None]) {
            assert_eq!(outcome(outcome_code(expected)).unwrap(), expected);
        }
        for figure in [0, 1, u64::MAX, 1 << 63] {
            assert_eq!(unsigned(signed(figure)), figure);
        }
        let tags = vec!["b".to_owned(), "a\"\n".to_owned()];
        assert_eq!(read_tags(write_tags(&tags).unwrap().as_deref()).unwrap(), tags);
        assert_eq!(write_tags(&[]).unwrap(), None);
    }

    #[test]
    fn what_is_never_written_is_damage() {
        for problem in [state(5, false).err(), outcome(16).err(), read_tags(Some("[1]")).err()] {
            assert!(matches!(problem, Some(Failure::Damaged(_))), "{problem:?}");
        }
    }
}
