//! Schedules of a running host: changing them, and bringing about runs by hand.
//!
//! A schedule asks as `scheduler`, and so would be a way around what a job's manifest allows. Whoever changes, triggers or
//! backfills one must be able to ask for its job anyway, or have the role `admin` (`policy`).

mod apply;
mod by_hand;
mod policy;
mod refused;
mod runs;

pub use apply::{Apply, Change};
pub use by_hand::{Backfill, Backfilled};
pub use refused::ScheduleRefused;
pub use runs::SchedulingHost;

use crate::access::Caller;
use crate::host::Host;
use jiff::tz::TimeZoneDatabase;
use mainworker_domain::event::Event;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::nearest::nearest_few;
use mainworker_domain::schedule::{Definition, ScheduleName};
use mainworker_queue::store::{Store, StoreError};
use mainworker_queue::verbs::schedules::{
    PauseSchedule, ScheduleId, SchedulePaused, ScheduleRow, ScheduleView,
};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};
use tokio::sync::{Mutex, Notify};

/// Names that are proposed for one that is not known.
const PROPOSED: usize = 3;

/// What a host needs for schedules, beside its store.
#[derive(Debug)]
pub struct Schedules {
    /// The rules of time zones: those of this system, or where it has none those that the program was built with.
    pub zones: TimeZoneDatabase,
    /// Tells the scheduler that there is something to look at.
    pub wake: Arc<Notify>,
    /// One change at a time: what is decided on what was read is still so when it is written.
    changing: Mutex<()>,
    /// What each says, by its revision; those that are gone are forgotten when all are looked at.
    definitions: StdMutex<HashMap<ScheduleId, (u64, Arc<Definition>)>>,
}

impl Schedules {
    /// With these time zones.
    pub fn new(zones: TimeZoneDatabase) -> Self {
        Self { zones, wake: Arc::default(), changing: Mutex::default(), definitions: StdMutex::default() }
    }
}

impl Schedules {
    fn definitions(&self) -> MutexGuard<'_, HashMap<ScheduleId, (u64, Arc<Definition>)>> {
        // Entries are put in whole.
        self.definitions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host {
    /// A schedule with what became of its runs.
    ///
    /// # Errors
    /// No such schedule, or a store that does not answer.
    pub async fn schedule(&self, name: &str) -> Result<ScheduleView, ScheduleRefused> {
        if let Ok(name) = ScheduleName::parse(name)
            && let Some(view) = self.store.schedule(name).await?
        {
            return Ok(view);
        }
        let rows = self.store.schedules().await?;
        let known = rows.iter().map(|row| row.name.as_str());
        let nearest = nearest_few(name, known, PROPOSED).into_iter().map(str::to_owned).collect();
        Err(ScheduleRefused::Unknown { name: name.chars().take(80).collect(), nearest })
    }

    /// What a schedule says.
    ///
    /// # Errors
    /// A definition that another version of the host wrote, or a time zone that is not known here.
    pub fn definition(&self, row: &ScheduleRow) -> Result<Arc<Definition>, ScheduleRefused> {
        if let Some((revision, definition)) = self.schedules.definitions().get(&row.id)
            && *revision == row.revision
        {
            return Ok(Arc::clone(definition));
        }
        let parsed = Definition::parse(&row.definition, &self.schedules.zones);
        let parsed = parsed
            .map_err(|error| ScheduleRefused::Invalid { name: row.name.clone(), error: Box::new(error) })?;
        let definition = Arc::new(parsed);
        self.schedules.definitions().insert(row.id, (row.revision, Arc::clone(&definition)));
        Ok(definition)
    }

    /// All schedules, by name.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn all_schedules(&self) -> Result<Vec<ScheduleRow>, StoreError> {
        let rows = self.store.schedules().await?;
        let there: HashSet<ScheduleId> = rows.iter().map(|row| row.id).collect();
        self.schedules.definitions().retain(|id, _| there.contains(id));
        Ok(rows)
    }

    /// The next runs of a schedule, before any jitter; as many as `count`, if there are so many.
    ///
    /// # Errors
    /// As [`Host::definition`].
    pub fn next_times(&self, row: &ScheduleRow, count: usize) -> Result<Vec<Timestamp>, ScheduleRefused> {
        let definition = self.definition(row)?;
        let left = definition.runs_max.map_or(u64::MAX, |runs_max| runs_max.saturating_sub(row.runs));
        let count = count.min(usize::try_from(left).unwrap_or(usize::MAX));
        let from = self.now().max(row.evaluated_to);
        Ok(definition.occurrences(row.since).between(from, Timestamp::MAX).take(count).collect())
    }

    /// Lets a schedule stand still, or go on.
    ///
    /// # Errors
    /// No such schedule, or a store that cannot write it down.
    pub async fn pause_schedule(&self, name: &str, paused: bool, by: &Caller) -> Result<(), ScheduleRefused> {
        let _one_at_a_time = self.schedules.changing.lock().await;
        let ScheduleView { row, .. } = self.schedule(name).await?;
        if by.jobs.is_some() {
            policy::check_credential(by, &row.name, &self.definition(&row)?.job)?;
        }
        let now = self.now();
        // What fell due meanwhile is decided about by the next look.
        let next_at = (!paused && row.ended.is_none()).then_some(now);
        let pause =
            PauseSchedule { name: row.name.clone(), paused, next_at, now, by: Some(by.actor.clone()) };
        if self.store.pause_schedule(pause).await? == SchedulePaused::Now {
            self.schedules.wake.notify_one();
            let change = if paused { "paused" } else { "resumed" };
            self.events.emit(Event::ScheduleChanged { schedule: row.name, change });
        }
        Ok(())
    }
}
