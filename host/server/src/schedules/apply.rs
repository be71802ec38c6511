//! Creating, changing and deleting schedules: all of it, or nothing.

use super::policy;
use super::refused::ScheduleRefused;
use crate::access::Caller;
use crate::failure::Failure;
use crate::hints;
use crate::host::Host;
use mainworker_domain::event::Event;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::schedule::{Definition, ScheduleName};
use mainworker_queue::store::Store;
use mainworker_queue::verbs::schedules::{
    ApplyError, ApplyRefusal, ApplySchedules, PutSchedule, ScheduleChange, ScheduleRow,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// What there is to be.
#[derive(Clone, Debug)]
pub struct Apply {
    /// Who owns it; none for schedules that are managed one by one, of which only those that are named are touched.
    pub set: Option<ScheduleName>,
    /// The schedules.
    pub definitions: BTreeMap<ScheduleName, Definition>,
    /// Those that there are not to be, beside what the set owns and does not name.
    pub deletes: Vec<ScheduleName>,
    /// What the set owned when somebody looked, with revisions.
    pub seen: Option<BTreeMap<String, u64>>,
    /// Only say what would be done.
    pub preview: bool,
}

/// What is done to one schedule.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its name.
    pub name: ScheduleName,
    /// What.
    pub change: ScheduleChange,
    /// As it was.
    pub found: Option<ScheduleRow>,
    /// What it is to say.
    pub after: Option<Definition>,
    /// Whether its times begin anew.
    pub restarts: bool,
    /// Its next run by itself.
    pub next_at: Option<Timestamp>,
}

impl Host {
    /// Makes the schedules what is asked for, or says what that would change.
    ///
    /// # Errors
    /// The first schedule that cannot be so; then nothing is changed.
    pub async fn apply_schedules(
        self: &Arc<Self>,
        caller: &Caller,
        apply: Apply,
    ) -> Result<Vec<Change>, ScheduleRefused> {
        let _one_at_a_time = self.schedules.changing.lock().await;
        let rows = self.store.schedules().await?;
        let (set, preview, now) = (apply.set.clone(), apply.preview, self.now());
        let (host, caller_of_it) = (Arc::clone(self), caller.clone());
        // It reads modules that have changed, and renders payloads.
        let decided = spawn_blocking(move || host.decide(&caller_of_it, apply, rows, now)).await;
        let changes = decided.map_err(|_| ScheduleRefused::Host("comparing schedules failed"))??;
        if preview || changes.iter().all(|change| change.change == ScheduleChange::Unchanged) {
            return Ok(changes);
        }
        let request = ApplySchedules {
            set: set.clone(),
            puts: changes.iter().filter_map(|change| put(change, now)).collect(),
            deletes: names(&changes, ScheduleChange::Deleted),
            now,
            by: Some(caller.actor.clone()),
        };
        self.store.apply_schedules(request).await.map_err(|error| not_applied(error, set, &changes))?;
        self.schedules.wake.notify_one();
        for change in &changes {
            if let Some(word) = changed_word(change.change) {
                self.events.emit(Event::ScheduleChanged { schedule: change.name.clone(), change: word });
            }
        }
        Ok(changes)
    }

    fn decide(
        &self,
        caller: &Caller,
        apply: Apply,
        rows: Vec<ScheduleRow>,
        now: Timestamp,
    ) -> Result<Vec<Change>, ScheduleRefused> {
        let Apply { set, definitions, mut deletes, seen, .. } = apply;
        if set.is_some() {
            let owned = rows.iter().filter(|row| row.set == set);
            if let Some(seen) = seen {
                compare(&seen, owned.clone())?;
            }
            let left_out = owned.filter(|row| !definitions.contains_key(&row.name));
            deletes.extend(left_out.map(|row| row.name.clone()));
        }
        let mut rows: BTreeMap<ScheduleName, ScheduleRow> =
            rows.into_iter().map(|row| (row.name.clone(), row)).collect();
        let mut changes = Vec::with_capacity(definitions.len() + deletes.len());
        for (name, definition) in definitions {
            let found = rows.remove(&name);
            owned_by(set.as_ref(), &name, found.as_ref())?;
            changes.push(self.decide_put(caller, name, definition, found, now)?);
        }
        for name in deletes {
            let Some(row) = rows.remove(&name) else { continue };
            owned_by(set.as_ref(), &name, Some(&row))?;
            // Of one that cannot be read any more nobody knows whose it is.
            policy::check(&self.modules, caller, &name, &self.definition(&row)?.job)?;
            let change = ScheduleChange::Deleted;
            changes.push(Change {
                name,
                change,
                found: Some(row),
                after: None,
                restarts: false,
                next_at: None,
            });
        }
        Ok(changes)
    }

    fn decide_put(
        &self,
        caller: &Caller,
        name: ScheduleName,
        definition: Definition,
        found: Option<ScheduleRow>,
        now: Timestamp,
    ) -> Result<Change, ScheduleRefused> {
        let text = definition.to_json();
        if let Some(row) = found.as_ref().filter(|row| row.definition == text) {
            let next_at = row.next_at.filter(|_| !row.paused);
            let change = ScheduleChange::Unchanged;
            return Ok(Change { name, change, after: Some(definition), restarts: false, next_at, found });
        }
        // One that cannot be read any more can be replaced by whoever may do so with what replaces it.
        let before = found.as_ref().and_then(|row| self.definition(row).ok());
        for job in before.iter().map(|before| &before.job).chain([&definition.job]) {
            policy::check(&self.modules, caller, &name, job)?;
        }
        definition
            .check(now)
            .map_err(|error| ScheduleRefused::Invalid { name: name.clone(), error: Box::new(error) })?;
        let same_times =
            |before: &Definition| before.when == definition.when && before.start_at == definition.start_at;
        let restarts = found.is_some() && !before.as_deref().is_some_and(same_times);
        let (since, evaluated_to) = match &found {
            Some(row) if !restarts => (row.since, row.evaluated_to),
            _ => (now, now),
        };
        let next_at = definition.occurrences(since).next_after(evaluated_to);
        // Its next task has to pass every check that it will have to pass then.
        let trial = next_at.unwrap_or(now);
        let options = definition.task_options(&name, trial);
        let payload = definition.payload(trial);
        self.intake.take_scheduled(&definition.job, &payload, &options, None, now).map_err(|failure| {
            let hint = hints::of_job_to_schedule(&failure, &definition.job).or_else(|| failure.hint.clone());
            ScheduleRefused::NotTaken { name: name.clone(), failure: Box::new(Failure { hint, ..failure }) }
        })?;
        let change = if found.is_some() { ScheduleChange::Changed } else { ScheduleChange::Created };
        Ok(Change { name, change, found, after: Some(definition), restarts, next_at })
    }
}

fn put(change: &Change, now: Timestamp) -> Option<PutSchedule> {
    let written = matches!(change.change, ScheduleChange::Created | ScheduleChange::Changed);
    let definition = change.after.as_ref().filter(|_| written)?;
    Some(PutSchedule {
        name: change.name.clone(),
        definition: definition.to_json(),
        evaluated_to: now,
        next_at: change.next_at,
        restarts: change.restarts,
        expected_revision: Some(change.found.as_ref().map(|row| row.revision)),
    })
}

/// Checks that what somebody saw of a set is still so.
fn compare<'a>(
    seen: &BTreeMap<String, u64>,
    owned: impl Iterator<Item = &'a ScheduleRow>,
) -> Result<(), ScheduleRefused> {
    let there: BTreeMap<&str, u64> = owned.map(|row| (row.name.as_str(), row.revision)).collect();
    let names = seen.keys().map(String::as_str).chain(there.keys().copied());
    for name in names {
        let (found, expected) = (there.get(name).copied(), seen.get(name).copied());
        if found != expected {
            return Err(ScheduleRefused::Changed { name: name.chars().take(80).collect(), found, expected });
        }
    }
    Ok(())
}

fn owned_by(
    set: Option<&ScheduleName>,
    name: &ScheduleName,
    found: Option<&ScheduleRow>,
) -> Result<(), ScheduleRefused> {
    match found {
        Some(row) if row.set.as_ref() != set => Err(ScheduleRefused::AnotherSet {
            name: name.clone(),
            set: row.set.clone(),
            expected: set.cloned(),
        }),
        _ => Ok(()),
    }
}

fn names(changes: &[Change], which: ScheduleChange) -> Vec<ScheduleName> {
    let fits = changes.iter().filter(|change| change.change == which);
    fits.map(|change| change.name.clone()).collect()
}

/// What the store says against it. Nobody else changes schedules meanwhile, so this is the number of them, or a defect.
fn not_applied(error: ApplyError, expected: Option<ScheduleName>, changes: &[Change]) -> ScheduleRefused {
    match error {
        ApplyError::Store(error) => ScheduleRefused::Store(error),
        ApplyError::Refused { name, refusal } => match refusal {
            ApplyRefusal::AnotherSet { set } => ScheduleRefused::AnotherSet { name, set, expected },
            ApplyRefusal::AnotherRevision { found } => {
                let seen = changes.iter().find(|change| change.name == name);
                let expected = seen.and_then(|change| change.found.as_ref()).map(|row| row.revision);
                ScheduleRefused::Changed { name: name.to_string(), found, expected }
            }
            ApplyRefusal::TooMany { .. } => ScheduleRefused::TooMany,
            ApplyRefusal::Twice => ScheduleRefused::Host("a schedule was to be written twice at once"),
        },
    }
}

/// What the event calls it; none if nothing changed.
fn changed_word(change: ScheduleChange) -> Option<&'static str> {
    match change {
        ScheduleChange::Created => Some("created"),
        ScheduleChange::Changed => Some("changed"),
        ScheduleChange::Deleted => Some("deleted"),
        ScheduleChange::Unchanged | ScheduleChange::Unknown => None,
    }
}
