//! What a look at a schedule brings about.

use super::change::Writing;
use super::failure::Failure;
use super::rows::{Row, place_in};
use super::schedules::{Named, by_id, open};
use super::sql;
use crate::verbs::cancel::Cancelled;
use crate::verbs::enqueue::NewTask;
use crate::verbs::fire::{CancelledForRun, Done, Fire, Fired, Run, RunFate};
use mainworker_domain::audit::{Action, Object};
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::schedule::{OverlapDecision, overlap};
use mainworker_domain::task_id::TaskId;
use rusqlite::params;

/// Which schedule a task is of: the number of its name, and the occurrence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scheduled {
    pub(super) name: i64,
    pub(super) occurrence: Option<Timestamp>,
}

impl Writing<'_, '_> {
    pub(super) fn fire(&mut self, fire: &Fire) -> Result<Fired, Failure> {
        let Some((name, mut row)) = by_id(self.session, fire.schedule)? else { return Ok(Fired::Stale) };
        if fire.is_stale(&row) {
            return Ok(Fired::Stale);
        }
        let mut done = Done::default();
        let named = (name, row.clone());
        for run in &fire.runs {
            let fate = self.run(fire, &named, run, &mut done.cancelled)?;
            if let (Some(at), Some((decided, task))) = (run.occurrence, fate.of_occurrence()) {
                let task = task.as_ref().map(TaskId::as_bytes);
                self.session.execute(
                    sql::ADD_OCCURRENCE,
                    params![place_in(row.id.number()), at.as_ms(), decided.as_str(), task],
                )?;
            }
            done.fates.push(fate);
        }
        fire.conclude(&mut row, &done.fates);
        self.write_schedule(&row)?;
        if let Some((action, detail)) = fire.action(&done.fates) {
            let object = Object::Schedule(row.name);
            self.note(fire.now, fire.by.as_ref(), action, &object, Some(&detail))?;
        }
        Ok(Fired::Done(done))
    }

    fn run(
        &mut self,
        fire: &Fire,
        (name, row): &Named,
        run: &Run,
        cancelled: &mut Vec<CancelledForRun>,
    ) -> Result<RunFate, Failure> {
        if let Some(at) = run.occurrence {
            let key = params![place_in(row.id.number()), at.as_ms()];
            if self.session.first(sql::OCCURRENCE, key, |_| Ok(()))?.is_some() {
                return Ok(RunFate::Known);
            }
        }
        let task = match &run.task {
            Ok(task) => task,
            Err(problem) => return Ok(RunFate::Refused(problem.clone())),
        };
        if !self.is_known(task)? {
            match overlap(fire.overlap, open(self.session, *name)?) {
                OverlapDecision::Enqueue => {}
                OverlapDecision::Skip => return Ok(RunFate::Overlapped),
                OverlapDecision::CancelThenEnqueue => self.cancel_for_run(fire, *name, cancelled)?,
            }
        }
        let scheduled = Scheduled { name: *name, occurrence: run.occurrence };
        Ok(match self.take(task, fire.now, Some(scheduled))? {
            Ok(enqueued) => RunFate::Enqueued(enqueued),
            Err(refusal) => RunFate::Refused(refusal.to_string()),
        })
    }

    /// Whether its idempotency key is that of a task that is there.
    fn is_known(&self, task: &NewTask) -> Result<bool, Failure> {
        let Some(idempotency) = &task.idempotency else { return Ok(false) };
        Ok(self.known_task(task, idempotency, &super::intake::Earlier::default())?.is_some())
    }

    fn cancel_for_run(
        &mut self,
        fire: &Fire,
        name: i64,
        cancelled: &mut Vec<CancelledForRun>,
    ) -> Result<(), Failure> {
        let places: Vec<i64> = self.session.all(sql::OPEN_PLACES, params![name], |row| Ok(row.get(0)?))?;
        for place in places {
            let Some(Row { id, .. }) = Row::by_place(self.session, place)? else { continue };
            let Some(row) = self.find(id)? else { continue };
            let job = self.known.job(row.job)?.name.clone();
            let how = self.cancel_row(&row, fire.now)?;
            if matches!(how, Cancelled::Now | Cancelled::Requested { .. }) {
                self.note(fire.now, fire.by.as_ref(), Action::TaskCancelled, &Object::Task(id), None)?;
                cancelled.push(CancelledForRun { id, job, how });
            }
        }
        Ok(())
    }
}
