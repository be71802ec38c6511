//! Tasks by what they are and how they went.
//!
//! Each thing that a list asks for and that has an index is a stream of places, the newest first. A list goes down all of them
//! at once: to the highest place that none has passed yet, until all stand at the same. So a page costs what its rarest
//! filter costs. What has no index is looked at row by row.

use super::failure::Failure;
use super::read::summary;
use super::rows::{outcome_code, place_in, place_out, state, state_code, state_index};
use super::session::Session;
use super::sql::{self, Sql};
use crate::verbs::list::{Filter, List, Page};
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::outcome::Outcome;
use rusqlite::types::Value;
use rusqlite::{params, params_from_iter};
use std::collections::{BTreeSet, BinaryHeap, VecDeque};

/// Places that a stream reads at first; more with each time that all of them were wanted.
const READ_MIN: i64 = 16;
/// See [`READ_MIN`].
const READ_MAX: i64 = 1_024;

/// Places from one index.
struct Stream {
    sql: Sql,
    /// What is looked for in the index.
    keys: Vec<Value>,
    read: VecDeque<i64>,
    read_max: i64,
    exhausted: bool,
}

/// Places that are in one of several streams: jobs, states.
struct Union {
    streams: Vec<Stream>,
    /// Where each stream stands, the highest first.
    heads: BinaryHeap<(i64, usize)>,
}

pub(super) fn list(session: &Session<'_>, list: &List) -> Result<Page, Failure> {
    let mut page = Page::default();
    // A page that looked at nothing could not say where the next begins.
    let (tasks_max, examined_max) = (list.tasks_max.max(1), list.examined_max.max(1));
    let newest = list.before.map_or(i64::MAX, place_in);
    let states = states(&list.filter);
    let Some(mut unions) = unions(session, &list.filter, &states, newest)? else { return Ok(page) };
    let mut below = newest;
    let mut examined = 0;
    while let Some(place) = below.checked_sub(1) {
        let mut target = place;
        // Round after round each union goes down to where the lowest stands.
        let found = loop {
            if examined >= examined_max {
                page.next = Some(place_out(target.saturating_add(1)));
                return Ok(page);
            }
            examined += 1;
            let mut lowest = target;
            for union in &mut unions {
                let Some(place) = union.seek(session, lowest)? else { return Ok(page) };
                lowest = place;
            }
            if lowest == target || unions.len() == 1 {
                break lowest;
            }
            target = lowest;
        };
        if page.tasks.len() >= tasks_max {
            page.next = Some(place_out(below));
            return Ok(page);
        }
        below = found;
        if fits(session, list, &states, found)? {
            page.tasks.extend(session.first(sql::SUMMARY_BY_PLACE, params![found], summary)?);
        }
    }
    Ok(page)
}

/// The states that are asked for. A task has the outcome `completed` if and only if it has that state.
fn states(filter: &Filter) -> BTreeSet<State> {
    let asked = State::ALL.into_iter().filter(|state| {
        (filter.states.is_empty() || filter.states.contains(state))
            && (filter.outcome != Some(Outcome::Completed) || *state == State::Completed)
    });
    asked.collect()
}

/// What the places of the list are in, all of them; none if there is no such task.
fn unions(
    session: &Session<'_>,
    filter: &Filter,
    states: &BTreeSet<State>,
    newest: i64,
) -> Result<Option<Vec<Union>>, Failure> {
    let mut unions = Vec::new();
    if let Some(label) = &filter.label {
        unions.push(vec![Stream::new(sql::PLACES_BY_LABEL, [Value::from(label.clone())])]);
    }
    if let Some(tag) = &filter.tag {
        unions.push(vec![Stream::new(sql::PLACES_BY_TAG, [Value::from(tag.clone())])]);
    }
    if let Some(outcome) = filter.outcome.filter(|outcome| *outcome != Outcome::Completed) {
        let code = Value::from(outcome_code(Some(outcome)));
        unions.push(vec![Stream::new(sql::PLACES_BY_OUTCOME, [code])]);
    }
    if let Some(source) = &filter.source {
        let source = session.first(sql::SOURCE_ID, params![source], |row| Ok(row.get::<_, i64>(0)?))?;
        let Some(source) = source else { return Ok(None) };
        unions.push(vec![Stream::new(sql::PLACES_BY_SOURCE, [Value::from(source)])]);
    }
    if filter.job.is_some() || states.len() < State::ALL.len() {
        unions.push(by_job_and_state(session, filter, states)?);
    }
    if unions.is_empty() {
        unions.push(vec![Stream::new(sql::PLACES, [])]);
    }
    let unions = unions.into_iter().map(|streams| Union::new(session, streams, newest));
    unions.collect::<Result<_, _>>().map(Some)
}

/// A stream for each job and state that has tasks. What runs has one of its own, which is short.
fn by_job_and_state(
    session: &Session<'_>,
    filter: &Filter,
    states: &BTreeSet<State>,
) -> Result<Vec<Stream>, Failure> {
    let mut streams = Vec::new();
    if states.contains(&State::Running) && !states.contains(&State::Queued) {
        streams.push(Stream::new(sql::PLACES_RUNNING, []));
    }
    let mut statement = session.statement(sql::JOBS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (job, name): (i64, String) = (row.get(0)?, row.get(1)?);
        if filter.job.as_ref().is_some_and(|job| job.as_str() != name) {
            continue;
        }
        let mut codes = BTreeSet::new();
        for &state in states {
            let count: i64 = row.get(4 + state_index(state))?;
            if count > 0 && (state != State::Running || states.contains(&State::Queued)) {
                codes.insert(state_code(state));
            }
        }
        for code in codes {
            streams.push(Stream::new(sql::PLACES_BY_JOB_STATE, [Value::from(job), Value::from(code)]));
        }
    }
    Ok(streams)
}

/// Whether a task fits in all that no stream has made sure of.
fn fits(session: &Session<'_>, list: &List, states: &BTreeSet<State>, place: i64) -> Result<bool, Failure> {
    let filter = &list.filter;
    let mut statement = session.statement(sql::LISTED)?;
    let mut rows = statement.query(params![place])?;
    let Some(row) = rows.next()? else { return Ok(false) };
    let time = |column| -> Result<Option<Timestamp>, rusqlite::Error> {
        Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_ms))
    };
    let claimed_at = time(3)?;
    if !states.contains(&state(row.get(1)?, claimed_at.is_some())?) {
        return Ok(false);
    }
    let job = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
    if filter.job.as_ref().is_some_and(|asked| asked.as_str() != job) {
        return Ok(false);
    }
    let created_at = Timestamp::from_ms(row.get(2)?);
    if filter.created_from.is_some_and(|from| created_at < from)
        || filter.created_to.is_some_and(|to| created_at >= to)
    {
        return Ok(false);
    }
    let Some(longer_than_ms) = filter.longer_than_ms else { return Ok(true) };
    let ran_ms = match (claimed_at, time(4)?.zip(time(5)?)) {
        (Some(claimed_at), _) => list.now.ms_since(claimed_at),
        (None, Some((started_at, finished_at))) => finished_at.ms_since(started_at),
        (None, None) => return Ok(false),
    };
    Ok(ran_ms > longer_than_ms)
}

impl Union {
    fn new(session: &Session<'_>, mut streams: Vec<Stream>, newest: i64) -> Result<Self, Failure> {
        let mut heads = BinaryHeap::with_capacity(streams.len());
        for (index, stream) in streams.iter_mut().enumerate() {
            heads.extend(stream.seek(session, newest.saturating_sub(1))?.map(|place| (place, index)));
        }
        Ok(Self { streams, heads })
    }

    /// The highest place that is not above `target`. Targets only go down.
    fn seek(&mut self, session: &Session<'_>, target: i64) -> Result<Option<i64>, Failure> {
        while let Some(&(place, index)) = self.heads.peek() {
            if place <= target {
                return Ok(Some(place));
            }
            self.heads.pop();
            if let Some(stream) = self.streams.get_mut(index) {
                self.heads.extend(stream.seek(session, target)?.map(|place| (place, index)));
            }
        }
        Ok(None)
    }
}

impl Stream {
    fn new(sql: Sql, keys: impl Into<Vec<Value>>) -> Self {
        Self { sql, keys: keys.into(), read: VecDeque::new(), read_max: READ_MIN, exhausted: false }
    }

    /// See [`Union::seek`].
    fn seek(&mut self, session: &Session<'_>, target: i64) -> Result<Option<i64>, Failure> {
        let mut passed_over = 0;
        while self.read.front().is_some_and(|&place| place > target) {
            self.read.pop_front();
            passed_over += 1;
        }
        if self.read.is_empty() && !self.exhausted {
            // One that is stepped through is read in larger parts, one that is jumped over in small ones.
            self.read_max = if passed_over <= 1 { (self.read_max * 4).min(READ_MAX) } else { READ_MIN };
            let mut statement = session.statement(self.sql)?;
            let bounds = [Value::from(target), Value::from(self.read_max)];
            let mut rows = statement.query(params_from_iter(bounds.iter().chain(&self.keys)))?;
            while let Some(row) = rows.next()? {
                self.read.push_back(row.get(0)?);
            }
            self.exhausted = i64::try_from(self.read.len()).is_ok_and(|read| read < self.read_max);
        }
        Ok(self.read.front().copied())
    }
}
