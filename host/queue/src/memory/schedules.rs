//! Schedules, and what a look at one brings about.

use super::rows::{Rows, Scheduled};
use crate::verbs::cancel::Cancelled;
use crate::verbs::enqueue::NewTask;
use crate::verbs::fire::{CancelledForRun, Done, Fire, Fired, Run, RunFate};
use crate::verbs::schedules::{
    AppliedSchedule, ApplyRefusal, ApplySchedules, OCCURRENCES_SHOWN_MAX, OccurrenceView, PauseSchedule,
    PutSchedule, ScheduleChange, ScheduleId, SchedulePaused, ScheduleRow, ScheduleView,
};
use mainworker_domain::audit::{Action, Object};
use mainworker_domain::lifecycle::State;
use mainworker_domain::limits::SCHEDULES_MAX;
use mainworker_domain::schedule::{Open, OverlapDecision, ScheduleName, overlap};

impl Rows {
    pub(super) fn apply_schedules(
        &mut self,
        apply: &ApplySchedules,
    ) -> Result<Vec<AppliedSchedule>, (ScheduleName, ApplyRefusal)> {
        if let Some(name) = apply.twice() {
            return Err((name.clone(), ApplyRefusal::Twice));
        }
        let mut changes = Vec::new();
        for put in &apply.puts {
            let change = apply.decide_put(put, self.find_schedule(&put.name));
            changes.push(change.map_err(|refusal| (put.name.clone(), refusal))?);
        }
        for name in &apply.deletes {
            let change = apply.decide_delete(self.find_schedule(name));
            changes.push(change.map_err(|refusal| (name.clone(), refusal))?);
        }
        let count = |wanted| changes.iter().filter(|&&change| change == wanted).count();
        let (created, deleted) = (count(ScheduleChange::Created), count(ScheduleChange::Deleted));
        if let Some(first) = apply.puts.first()
            && created > 0
            && self.schedules.len() + created > SCHEDULES_MAX + deleted
        {
            return Err((first.name.clone(), ApplyRefusal::TooMany { allowed: SCHEDULES_MAX }));
        }

        let mut changes = changes.into_iter();
        let mut applied = Vec::new();
        for (put, change) in apply.puts.iter().zip(&mut changes) {
            self.put_schedule(apply, put, change);
            applied.push(AppliedSchedule { name: put.name.clone(), change });
        }
        for (name, change) in apply.deletes.iter().zip(changes) {
            if let Some(id) = self.find_schedule(name).map(|row| row.id) {
                self.schedules.remove(&id);
                self.occurrences.retain(|(schedule, _), _| *schedule != id);
            }
            applied.push(AppliedSchedule { name: name.clone(), change });
        }
        for AppliedSchedule { name, change } in &applied {
            if let Some(action) = change.action() {
                self.note(apply.now, apply.by.as_ref(), action, Object::Schedule(name.clone()), None);
            }
        }
        Ok(applied)
    }

    fn put_schedule(&mut self, apply: &ApplySchedules, put: &PutSchedule, change: ScheduleChange) {
        match change {
            ScheduleChange::Created => {
                self.last_schedule += 1;
                let id = ScheduleId::from_number(self.last_schedule);
                self.schedules.insert(id, apply.created(id, put));
            }
            ScheduleChange::Changed => {
                if let Some(row) = self.schedules.values_mut().find(|row| row.name == put.name) {
                    apply.change(row, put);
                }
            }
            ScheduleChange::Unchanged | ScheduleChange::Deleted | ScheduleChange::Unknown => {}
        }
    }

    fn find_schedule(&self, name: &ScheduleName) -> Option<&ScheduleRow> {
        self.schedules.values().find(|row| row.name == *name)
    }

    pub(super) fn pause_schedule(&mut self, pause: &PauseSchedule) -> SchedulePaused {
        let row = self.schedules.values_mut().find(|row| row.name == pause.name);
        let Some(row) = row else { return SchedulePaused::Unknown };
        if row.paused == pause.paused {
            return SchedulePaused::Already;
        }
        row.paused = pause.paused;
        row.next_at = pause.next_at;
        let object = Object::Schedule(pause.name.clone());
        self.note(pause.now, pause.by.as_ref(), pause.action(), object, None);
        SchedulePaused::Now
    }

    /// By name.
    pub(super) fn schedules(&self) -> Vec<ScheduleRow> {
        let mut rows: Vec<_> = self.schedules.values().cloned().collect();
        rows.sort_by(|one, other| one.name.cmp(&other.name));
        rows
    }

    pub(super) fn schedule(&self, name: &ScheduleName) -> Option<ScheduleView> {
        let row = self.find_schedule(name)?.clone();
        let its = self.occurrences.iter().filter(|((schedule, _), _)| *schedule == row.id);
        let newest = its.rev().take(OCCURRENCES_SHOWN_MAX);
        let occurrences = newest.map(|(&(_, at), &(fate, task))| {
            let task = task.and_then(|task| self.task(task)).map(|view| view.summary);
            OccurrenceView { at, fate, task }
        });
        let occurrences = occurrences.collect();
        Some(ScheduleView { occurrences, open: self.open_of_schedule(name), row })
    }

    fn open_of_schedule(&self, name: &ScheduleName) -> Open {
        let its = self.tasks.values().filter(|row| row.is_of(name));
        let states: Vec<_> = its.map(|row| row.life.state).collect();
        let count = |state| states.iter().filter(|&&its| its == state).count() as u64;
        Open { running: count(State::Running), queued: count(State::Queued) }
    }

    pub(super) fn fire(&mut self, fire: &Fire) -> Fired {
        let Some(mut row) = self.schedules.get(&fire.schedule).cloned() else { return Fired::Stale };
        if fire.is_stale(&row) {
            return Fired::Stale;
        }
        let mut done = Done::default();
        for run in &fire.runs {
            let fate = self.run(fire, &row, run, &mut done.cancelled);
            if let (Some(at), Some(decided)) = (run.occurrence, fate.of_occurrence()) {
                self.occurrences.insert((row.id, at), decided);
            }
            done.fates.push(fate);
        }
        fire.conclude(&mut row, &done.fates);
        if let Some((action, detail)) = fire.action(&done.fates) {
            let object = Object::Schedule(row.name.clone());
            self.note(fire.now, fire.by.as_ref(), action, object, Some(detail));
        }
        self.schedules.insert(row.id, row);
        Fired::Done(done)
    }

    fn run(
        &mut self,
        fire: &Fire,
        row: &ScheduleRow,
        run: &Run,
        cancelled: &mut Vec<CancelledForRun>,
    ) -> RunFate {
        if run.occurrence.is_some_and(|at| self.occurrences.contains_key(&(row.id, at))) {
            return RunFate::Known;
        }
        let task = match &run.task {
            Ok(task) => NewTask::clone(task),
            Err(problem) => return RunFate::Refused(problem.clone()),
        };
        let known = task.idempotency.as_ref().and_then(|key| self.known(&task.source, key));
        if known.is_none() {
            match overlap(fire.overlap, self.open_of_schedule(&row.name)) {
                OverlapDecision::Enqueue => {}
                OverlapDecision::Skip => return RunFate::Overlapped,
                OverlapDecision::CancelThenEnqueue => self.cancel_for_run(fire, &row.name, cancelled),
            }
        }
        let scheduled = Scheduled { name: row.name.clone(), occurrence: run.occurrence };
        match self.take(task, fire.now, None, Some(scheduled)) {
            Ok(enqueued) => RunFate::Enqueued(enqueued),
            Err(refusal) => RunFate::Refused(refusal.to_string()),
        }
    }

    fn cancel_for_run(&mut self, fire: &Fire, name: &ScheduleName, cancelled: &mut Vec<CancelledForRun>) {
        let its = self.tasks.values().filter(|row| row.is_of(name) && !row.life.state.is_terminal());
        let ids: Vec<_> = its.map(|row| (row.accepted.id, row.accepted.job.clone())).collect();
        for (id, job) in ids {
            let how = self.cancel_one(id, fire.now);
            if matches!(how, Cancelled::Now | Cancelled::Requested { .. }) {
                self.note(fire.now, fire.by.as_ref(), Action::TaskCancelled, Object::Task(id), None);
                cancelled.push(CancelledForRun { id, job, how });
            }
        }
    }
}
