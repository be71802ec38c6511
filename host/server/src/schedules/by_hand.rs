//! Runs that people bring about: one now, or those of a time that is over.

use super::policy;
use super::refused::ScheduleRefused;
use crate::access::Caller;
use crate::host::Host;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::limits::OCCURRENCES_AT_ONCE_MAX;
use mainworker_domain::schedule::{Definition, Overlap};
use mainworker_queue::store::Store;
use mainworker_queue::verbs::fire::{Done, Fire, Fired, Run, RunFate};
use mainworker_queue::verbs::schedules::{ScheduleRow, ScheduleView};
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// Times that a schedule is looked at anew because it was changed meanwhile.
const LOOKS_MAX: u32 = 5;

/// A time to make up for.
#[derive(Clone, Copy, Debug)]
pub struct Backfill {
    /// From when, that moment included.
    pub from: Timestamp,
    /// Until when, that moment not included.
    pub to: Timestamp,
    /// Only say which runs there would be.
    pub preview: bool,
}

/// A run that is made up for.
#[derive(Clone, Debug)]
pub struct Backfilled {
    /// The moment that it is for.
    pub at: Timestamp,
    /// What became of it; none in a preview.
    pub fate: Option<RunFate>,
}

impl Host {
    /// Brings about a run now, beside those at their times.
    ///
    /// # Errors
    /// No such schedule; whoever asks may not; its task is rejected.
    pub async fn trigger_schedule(
        self: &Arc<Self>,
        name: &str,
        caller: &Caller,
    ) -> Result<RunFate, ScheduleRefused> {
        let bring_about = async |row: &ScheduleRow, definition: Arc<Definition>| {
            let overlap = definition.overlap;
            let run = self.runs_by_hand(row, definition, vec![None], caller).await?;
            self.fire_by_hand(row, run, overlap, caller).await
        };
        for _ in 0..LOOKS_MAX {
            let (row, definition) = self.allowed(name, caller).await?;
            if let Some(done) = bring_about(&row, definition).await? {
                let fate = done.fates.into_iter().next();
                return fate.ok_or(ScheduleRefused::Host("a run was asked for and nothing became of it"));
            }
        }
        Err(ScheduleRefused::Host("the schedule was changed each time that it was looked at"))
    }

    /// Brings about the runs of a time that is over, each at most once for ever: an occurrence that was decided about is
    /// left alone. Each becomes a task, whatever the schedule says of runs that overlap.
    ///
    /// # Errors
    /// No such schedule; whoever asks may not; a time that is not over, or with too many runs; a task of it is rejected, and
    /// then there is none.
    pub async fn backfill_schedule(
        self: &Arc<Self>,
        name: &str,
        backfill: Backfill,
        caller: &Caller,
    ) -> Result<Vec<Backfilled>, ScheduleRefused> {
        for _ in 0..LOOKS_MAX {
            let (row, definition) = self.allowed(name, caller).await?;
            let times = due(&definition, &row, backfill, self.now())?;
            if backfill.preview || times.is_empty() {
                return Ok(times.into_iter().map(|at| Backfilled { at, fate: None }).collect());
            }
            let runs = times.iter().copied().map(Some).collect();
            let runs = self.runs_by_hand(&row, definition, runs, caller).await?;
            if let Some(done) = self.fire_by_hand(&row, runs, Overlap::Allow, caller).await? {
                let fates = times.into_iter().zip(done.fates);
                return Ok(fates.map(|(at, fate)| Backfilled { at, fate: Some(fate) }).collect());
            }
        }
        Err(ScheduleRefused::Host("the schedule was changed each time that it was looked at"))
    }

    /// The schedule, if whoever asks may bring about runs of it.
    async fn allowed(
        self: &Arc<Self>,
        name: &str,
        caller: &Caller,
    ) -> Result<(ScheduleRow, Arc<Definition>), ScheduleRefused> {
        let ScheduleView { row, .. } = self.schedule(name).await?;
        let definition = self.definition(&row)?;
        let (host, caller) = (Arc::clone(self), caller.clone());
        let checked = spawn_blocking(move || {
            policy::check(&host.modules, &caller, &row.name, &definition.job).map(|()| (row, definition))
        });
        checked.await.map_err(|_| ScheduleRefused::Host("reading a module failed"))?
    }

    /// The tasks of runs, each for its moment, or for none.
    async fn runs_by_hand(
        self: &Arc<Self>,
        row: &ScheduleRow,
        definition: Arc<Definition>,
        moments: Vec<Option<Timestamp>>,
        caller: &Caller,
    ) -> Result<Vec<Run>, ScheduleRefused> {
        let (host, name, by, now) = (Arc::clone(self), row.name.clone(), caller.actor.clone(), self.now());
        let make = move || {
            let run = |occurrence: Option<Timestamp>| {
                let at = occurrence.unwrap_or(now);
                let mut options = definition.task_options(&name, at);
                // Somebody wants it now: no jitter, and what counts from the time of a run counts from now.
                options.run_at = None;
                options.expires_at = definition.options.expires_after_ms().map(|ms| now.after_ms(ms));
                let payload = definition.payload(at);
                let taken =
                    host.intake.take_scheduled(&definition.job, &payload, &options, Some(by.clone()), now);
                let refused =
                    |failure| ScheduleRefused::NotTaken { name: name.clone(), failure: Box::new(failure) };
                Ok(Run { occurrence, task: Ok(Box::new(taken.map_err(refused)?)) })
            };
            moments.into_iter().map(run).collect()
        };
        spawn_blocking(make).await.map_err(|_| ScheduleRefused::Host("making tasks of runs failed"))?
    }

    /// Writes runs down. None if the schedule is another by now.
    async fn fire_by_hand(
        &self,
        row: &ScheduleRow,
        runs: Vec<Run>,
        overlap: Overlap,
        caller: &Caller,
    ) -> Result<Option<Done>, ScheduleRefused> {
        let Some(job) = runs.iter().find_map(|run| Some(run.task.as_ref().ok()?.job.clone())) else {
            return Err(ScheduleRefused::Host("runs without tasks were to be brought about"));
        };
        let fire = Fire { runs, overlap, ..Fire::beside(row, self.now(), Some(caller.actor.clone())) };
        match self.store.fire(fire).await? {
            Fired::Stale => Ok(None),
            Fired::Done(done) => {
                self.tell_fired(&job, &done);
                Ok(Some(done))
            }
        }
    }
}

/// The moments of a time that is over.
fn due(
    definition: &Definition,
    row: &ScheduleRow,
    Backfill { from, to, .. }: Backfill,
    now: Timestamp,
) -> Result<Vec<Timestamp>, ScheduleRefused> {
    let invalid = |pointer, problem| Err(ScheduleRefused::Backfill { pointer, problem });
    if to > now {
        return invalid("/to", format!("the time to make up for ends at {to}, expected at most now, {now}"));
    }
    if from >= to {
        let problem =
            format!("the time to make up for begins at {from}, expected a time before its end, {to}");
        return invalid("/from", problem);
    }
    let before = |moment: Timestamp| Timestamp::from_ms(moment.as_ms().saturating_sub(1));
    let occurrences = definition.occurrences(row.since);
    let times: Vec<Timestamp> =
        occurrences.between(before(from), before(to)).take(OCCURRENCES_AT_ONCE_MAX + 1).collect();
    if let Some(beyond) = times.get(OCCURRENCES_AT_ONCE_MAX) {
        let problem = format!(
            "the time to make up for has more than {OCCURRENCES_AT_ONCE_MAX} runs, expected at most so many, such as those before {beyond}"
        );
        return invalid("/to", problem);
    }
    Ok(times)
}
