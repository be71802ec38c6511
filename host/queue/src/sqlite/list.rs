//! Tasks by what they are and how they went.
//!
//! Each thing that a list asks for and that has an index is a stream of places, the newest first. A list goes down all of them
//! at once: to the highest place that none has passed yet, until all stand at the same. So a page costs what its rarest
//! filter costs. What has no index is looked at row by row.

use super::failure::Failure;
use super::read::summary;
use super::rows::{attempt_key, outcome_code, place_in, place_out, state, state_code, state_index, unsigned};
use super::session::Session;
use super::sql;
use super::streams::{Stream, Union};
use crate::verbs::list::{Filter, List, Page};
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::outcome::Outcome;
use rusqlite::params;
use rusqlite::types::Value;
use std::collections::BTreeSet;

pub(super) fn list(session: &Session<'_>, list: &List) -> Result<Page, Failure> {
    let mut page = Page::default();
    // A page that looked at nothing could not say where the next begins.
    let (tasks_max, examined_max) = (list.tasks_max.max(1), list.examined_max.max(1));
    let created = Created::read(session, &list.filter)?;
    let newest = created.newest(session, list.before.map_or(i64::MAX, place_in))?;
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
        match fits(session, list, &states, &created, found)? {
            Fit::Fits => page.tasks.extend(session.first(sql::SUMMARY_BY_PLACE, params![found], summary)?),
            Fit::DoesNot => {}
            Fit::NorDoesAnyOlder => return Ok(page),
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
    if let Some(schedule) = &filter.schedule {
        let name = params![schedule.as_str()];
        let schedule = session.first(sql::SCHEDULE_NAME_ID, name, |row| Ok(row.get::<_, i64>(0)?))?;
        let Some(schedule) = schedule else { return Ok(None) };
        unions.push(vec![Stream::new(sql::PLACES_BY_SCHEDULE, [Value::from(schedule)])]);
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

/// Whether a task is one of those that are asked for.
enum Fit {
    Fits,
    DoesNot,
    NorDoesAnyOlder,
}

/// Looks at all that no stream has made sure of.
fn fits(
    session: &Session<'_>,
    list: &List,
    states: &BTreeSet<State>,
    created: &Created,
    place: i64,
) -> Result<Fit, Failure> {
    let filter = &list.filter;
    let mut statement = session.statement(sql::LISTED)?;
    let mut rows = statement.query(params![place])?;
    let Some(row) = rows.next()? else { return Ok(Fit::DoesNot) };
    let created_at = Timestamp::from_ms(row.get(2)?);
    if created.is_too_old_for_good(created_at) {
        return Ok(Fit::NorDoesAnyOlder);
    }
    let claimed_at = row.get::<_, Option<i64>>(4)?.map(Timestamp::from_ms);
    let job = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
    let fits = states.contains(&state(row.get(1)?, claimed_at.is_some())?)
        && filter.job.as_ref().is_none_or(|asked| asked.as_str() == job)
        && created.contains(created_at);
    let ran_longer = |longer_than_ms| -> Result<bool, Failure> {
        let ran_ms = match claimed_at {
            Some(claimed_at) => Some(list.now.ms_since(claimed_at)),
            None => session.first(sql::RAN, [attempt_key(place, row.get(3)?)], |row| {
                Ok(Timestamp::from_ms(row.get(1)?).ms_since(Timestamp::from_ms(row.get(0)?)))
            })?,
        };
        Ok(ran_ms.is_some_and(|ran_ms| ran_ms > longer_than_ms))
    };
    let fits = fits && filter.longer_than_ms.map_or(Ok(true), ran_longer)?;
    Ok(if fits { Fit::Fits } else { Fit::DoesNot })
}

/// When the tasks that are asked for were accepted. There is no index for it: places are given in the order of acceptance, so
/// times run along with them, but for what the clock went back.
struct Created {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    /// The most that a task was accepted before an older one, by the clock.
    clock_back_ms: u64,
}

impl Created {
    fn read(session: &Session<'_>, filter: &Filter) -> Result<Self, Failure> {
        let clock_back_ms = session.first(sql::STORE, [], |row| Ok(unsigned(row.get(3)?)))?;
        let clock_back_ms = clock_back_ms.unwrap_or(u64::MAX);
        Ok(Self { from: filter.created_from, to: filter.created_to, clock_back_ms })
    }

    fn contains(&self, created_at: Timestamp) -> bool {
        self.from.is_none_or(|from| created_at >= from) && self.to.is_none_or(|to| created_at < to)
    }

    /// Whether each task of a lower place is too old as well.
    fn is_too_old_for_good(&self, created_at: Timestamp) -> bool {
        self.from.is_some_and(|from| created_at.after_ms(self.clock_back_ms) < from)
    }

    /// A place that no task which was accepted early enough has, nor any above it; not above `newest`.
    fn newest(&self, session: &Session<'_>, newest: i64) -> Result<i64, Failure> {
        let Some(to) = self.to else { return Ok(newest) };
        let last_place = session.first(sql::STORE, [], |row| Ok(row.get::<_, i64>(1)?))?;
        let too_young_for_good = to.after_ms(self.clock_back_ms);
        // All from `high` on are too young; one below `low` is not.
        let (mut low, mut high) = (1, newest.min(last_place.unwrap_or(0).saturating_add(1)));
        while low < high {
            let middle = low + (high - low) / 2;
            let found = session.first(sql::CREATED_FROM_PLACE, params![middle], |row| {
                Ok((row.get::<_, i64>(0)?, Timestamp::from_ms(row.get(1)?)))
            })?;
            match found {
                Some((place, created_at)) if created_at < too_young_for_good => low = place.saturating_add(1),
                _ => high = middle,
            }
        }
        Ok(high.max(low).min(newest))
    }
}
