//! Schedules: what there are of them, and how they are changed.

use super::change::Writing;
use super::failure::Failure;
use super::read::summary;
use super::rows::{limit, place_in, place_out, signed, unsigned};
use super::session::Session;
use super::sql::{self, Sql};
use crate::verbs::schedules::{
    AppliedSchedule, ApplyRefusal, ApplySchedules, OCCURRENCES_SHOWN_MAX, OccurrenceFate, OccurrenceView,
    PauseSchedule, PutSchedule, ScheduleChange, ScheduleId, SchedulePaused, ScheduleProblem, ScheduleRow,
    ScheduleView,
};
use mainworker_domain::audit::Object;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::limits::SCHEDULES_MAX;
use mainworker_domain::schedule::{Open, ScheduleName};
use rusqlite::{Params, Row, params};

/// A schedule and the number that stands in for its name.
pub(super) type Named = (i64, ScheduleRow);

impl Writing<'_, '_> {
    /// Decided as a whole before any of it is written, so that a refusal leaves nothing to undo.
    pub(super) fn apply_schedules(
        &mut self,
        apply: &ApplySchedules,
    ) -> Result<Result<Vec<AppliedSchedule>, (ScheduleName, ApplyRefusal)>, Failure> {
        if let Some(name) = apply.twice() {
            return Ok(Err((name.clone(), ApplyRefusal::Twice)));
        }
        let (mut puts, mut deletes) = (Vec::new(), Vec::new());
        for put in &apply.puts {
            let found = by_name(self.session, &put.name)?;
            match apply.decide_put(put, found.as_ref().map(|(_, row)| row)) {
                Ok(change) => puts.push((put, found, change)),
                Err(refusal) => return Ok(Err((put.name.clone(), refusal))),
            }
        }
        for name in &apply.deletes {
            let found = by_name(self.session, name)?;
            match apply.decide_delete(found.as_ref().map(|(_, row)| row)) {
                Ok(change) => deletes.push((name, found, change)),
                Err(refusal) => return Ok(Err((name.clone(), refusal))),
            }
        }
        let created = puts.iter().filter(|(.., change)| *change == ScheduleChange::Created).count();
        let deleted = deletes.iter().filter(|(.., change)| *change == ScheduleChange::Deleted).count();
        if let Some(first) = apply.puts.first()
            && created > 0
            && self.count_schedules()? + created > SCHEDULES_MAX + deleted
        {
            return Ok(Err((first.name.clone(), ApplyRefusal::TooMany { allowed: SCHEDULES_MAX })));
        }

        let mut applied = Vec::new();
        for (put, found, change) in puts {
            self.put_schedule(apply, put, found)?;
            applied.push(AppliedSchedule { name: put.name.clone(), change });
        }
        for (name, found, change) in deletes {
            if let Some((_, row)) = found {
                let id = params![place_in(row.id.number())];
                self.session.execute(sql::DELETE_OCCURRENCES, id)?;
                self.session.execute(sql::DELETE_SCHEDULE, id)?;
            }
            applied.push(AppliedSchedule { name: name.clone(), change });
        }
        for AppliedSchedule { name, change } in &applied {
            if let Some(action) = change.action() {
                self.note(apply.now, apply.by.as_ref(), action, &Object::Schedule(name.clone()), None)?;
            }
        }
        Ok(Ok(applied))
    }

    fn count_schedules(&self) -> Result<usize, Failure> {
        let found = self.session.first(sql::COUNT_SCHEDULES, [], |row| Ok(row.get::<_, i64>(0)?))?;
        Ok(found.and_then(|found| usize::try_from(found).ok()).unwrap_or(0))
    }

    fn put_schedule(
        &mut self,
        apply: &ApplySchedules,
        put: &PutSchedule,
        found: Option<Named>,
    ) -> Result<(), Failure> {
        match found {
            None => {
                let name = self.add_schedule_name(&put.name)?;
                let id = self.session.insert(sql::ADD_SCHEDULE, params![name, apply.now.as_ms()])?;
                self.write_schedule(&apply.created(ScheduleId::from_number(place_out(id)), put))
            }
            Some((_, row)) if row.definition == put.definition => Ok(()),
            Some((_, mut row)) => {
                apply.change(&mut row, put);
                self.write_schedule(&row)
            }
        }
    }

    /// The number that stands in for the name of a schedule.
    fn add_schedule_name(&self, name: &ScheduleName) -> Result<i64, Failure> {
        let known = self
            .session
            .first(sql::SCHEDULE_NAME_ID, params![name.as_str()], |row| Ok(row.get::<_, i64>(0)?))?;
        known.map_or_else(|| self.session.insert(sql::ADD_SCHEDULE_NAME, params![name.as_str()]), Ok)
    }

    pub(super) fn pause_schedule(&mut self, pause: &PauseSchedule) -> Result<SchedulePaused, Failure> {
        let Some((_, mut row)) = by_name(self.session, &pause.name)? else {
            return Ok(SchedulePaused::Unknown);
        };
        if row.paused == pause.paused {
            return Ok(SchedulePaused::Already);
        }
        row.paused = pause.paused;
        row.next_at = pause.next_at;
        self.write_schedule(&row)?;
        let object = Object::Schedule(pause.name.clone());
        self.note(pause.now, pause.by.as_ref(), pause.action(), &object, None)?;
        Ok(SchedulePaused::Now)
    }

    /// Writes all of a row that can change.
    pub(super) fn write_schedule(&self, row: &ScheduleRow) -> Result<(), Failure> {
        self.session.execute(
            sql::WRITE_SCHEDULE,
            params![
                place_in(row.id.number()),
                row.set.as_ref().map(ScheduleName::as_str),
                row.definition,
                signed(row.revision),
                row.paused,
                row.changed_at.as_ms(),
                row.since.as_ms(),
                row.evaluated_to.as_ms(),
                row.next_at.map(Timestamp::as_ms),
                signed(row.runs),
                signed(row.missed),
                row.ended,
                row.last_problem.as_ref().map(|problem| &problem.message),
                row.last_problem.as_ref().map(|problem| problem.at.as_ms()),
            ],
        )?;
        Ok(())
    }
}

pub(super) fn by_id(session: &Session<'_>, id: ScheduleId) -> Result<Option<Named>, Failure> {
    first(session, sql::SCHEDULE_BY_ID, params![place_in(id.number())])
}

fn by_name(session: &Session<'_>, name: &ScheduleName) -> Result<Option<Named>, Failure> {
    first(session, sql::SCHEDULE_BY_NAME, params![name.as_str()])
}

fn first(session: &Session<'_>, sql: Sql, params: impl Params) -> Result<Option<Named>, Failure> {
    session.first(sql, params, named)
}

/// By name.
pub(super) fn schedules(session: &Session<'_>) -> Result<Vec<ScheduleRow>, Failure> {
    let mut rows = session.all(sql::SCHEDULES, [], |row| Ok(named(row)?.1))?;
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(rows)
}

pub(super) fn schedule(session: &Session<'_>, name: &ScheduleName) -> Result<Option<ScheduleView>, Failure> {
    let Some((number, row)) = by_name(session, name)? else { return Ok(None) };
    let newest = params![place_in(row.id.number()), limit(OCCURRENCES_SHOWN_MAX)];
    let occurrences = session.all(sql::OCCURRENCES, newest, |row| {
        let (fate, task): (String, Option<[u8; 16]>) = (row.get(1)?, row.get(2)?);
        let task = match task {
            Some(id) => session.first(sql::SUMMARY_BY_ID, params![id], summary)?,
            None => None,
        };
        let damaged = || Failure::Damaged(format!("the fate of an occurrence is `{fate}`, which is unknown"));
        let fate = OccurrenceFate::parse(&fate).ok_or_else(damaged)?;
        Ok(OccurrenceView { at: Timestamp::from_ms(row.get(0)?), fate, task })
    })?;
    Ok(Some(ScheduleView { occurrences, open: open(session, number)?, row }))
}

/// Tasks of a schedule that are not over, by the number of its name.
pub(super) fn open(session: &Session<'_>, name: i64) -> Result<Open, Failure> {
    let open = session.first(sql::SCHEDULE_OPEN, params![name], |row| {
        let (all, running) = (unsigned(row.get(0)?), unsigned(row.get(1)?));
        Ok(Open { running, queued: all.saturating_sub(running) })
    })?;
    Ok(open.unwrap_or_default())
}

/// A name, as the column says it.
pub(super) fn schedule_name(name: &str) -> Result<ScheduleName, Failure> {
    ScheduleName::parse(name).map_err(|error| Failure::Damaged(error.to_string()))
}

/// Reads the columns of the statements `SCHEDULE…`.
fn named(row: &Row<'_>) -> Result<Named, Failure> {
    let time = |column| -> Result<Timestamp, rusqlite::Error> { Ok(Timestamp::from_ms(row.get(column)?)) };
    let name: String = row.get(2)?;
    let set: Option<String> = row.get(3)?;
    let next_at: Option<i64> = row.get(11)?;
    let (message, at): (Option<String>, Option<i64>) = (row.get(15)?, row.get(16)?);
    let schedule = ScheduleRow {
        id: ScheduleId::from_number(place_out(row.get(0)?)),
        name: schedule_name(&name)?,
        set: set.as_deref().map(schedule_name).transpose()?,
        definition: row.get(4)?,
        revision: unsigned(row.get(5)?),
        paused: row.get(6)?,
        created_at: time(7)?,
        changed_at: time(8)?,
        since: time(9)?,
        evaluated_to: time(10)?,
        next_at: next_at.map(Timestamp::from_ms),
        runs: unsigned(row.get(12)?),
        missed: unsigned(row.get(13)?),
        ended: row.get(14)?,
        last_problem: message
            .zip(at)
            .map(|(message, at)| ScheduleProblem { at: Timestamp::from_ms(at), message }),
    };
    Ok((row.get(1)?, schedule))
}
