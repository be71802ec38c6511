//! The scheduler: looks at schedules when they are due and brings about their runs.
//!
//! What a look brings about is decided by [`plan`], made into tasks by the host ([`ScheduleHost`]) and written down by the
//! store in one transaction ([`fire`](crate::verbs::fire)), which knows each occurrence for ever. So nothing depends on there
//! being one scheduler, on when it looks, or on what its clock did before: of two that look at once one is told that it
//! saw something old, and looks anew.
//!
//! It sleeps until the next run is due, at most a second, since the wall's clock may be set meanwhile. One that was set back
//! is noticed by what is decided about already; the schedules then stand at the time that it is, and what a clock that was
//! ahead skipped runs at its real time.

mod timetable;

use crate::dispatch::Clock;
use crate::store::{Store, StoreError};
use crate::verbs::enqueue::NewTask;
use crate::verbs::fire::{Done, Fire, Fired, Run};
use crate::verbs::schedules::ScheduleRow;
use jiff::tz::TimeZoneDatabase;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::schedule::{Definition, Plan, ScheduleName, Standing, plan};
use mainworker_domain::task_id::TaskId;
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use timetable::Timetable;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Milliseconds after which the clock is looked at again, whatever the next run's distance: somebody may have set it.
const TICK_MS: u64 = 1_000;
/// Milliseconds until a schedule is looked at again whose tasks cannot be made for now, or whose store failed.
const RETRY_MS: u64 = 5_000;

/// Why there is no task for a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotMade {
    /// It would be rejected, now and later: the run is refused for good.
    #[error("{code}: {message}")]
    Refused {
        /// The stable code.
        code: String,
        /// Why.
        message: String,
    },
    /// The host cannot make it for now, such as without the job's module. The run stays due.
    #[error("{code}: {message}")]
    NotNow {
        /// The stable code.
        code: String,
        /// Why.
        message: String,
    },
}

/// What a scheduler needs of its host.
pub trait ScheduleHost: Send + Sync + 'static {
    /// The task for the run that is meant for `occurrence`.
    fn task(
        &self,
        name: &ScheduleName,
        definition: &Definition,
        occurrence: Timestamp,
        now: Timestamp,
    ) -> impl Future<Output = Result<Box<NewTask>, NotMade>> + Send;

    /// Hears what a look brought about, after it was written down.
    fn fired(&self, looked: Looked);

    /// Hears of a schedule whose runs cannot be brought about for now, once for each trouble.
    fn hindered(&self, name: &ScheduleName, problem: &str);

    /// Hears that the store failed, once for each trouble.
    fn store_failed(&self, error: &StoreError);
}

/// What a look at a schedule brought about.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The schedule.
    pub name: ScheduleName,
    /// Its job.
    pub job: JobName,
    /// What was to be brought about, in order.
    pub wanted: Vec<Wanted>,
    /// What became of it.
    pub done: Done,
    /// Runs that fell due and were left out since they were missed.
    pub dropped: u64,
    /// Whether more were left out than were counted.
    pub dropped_at_least: bool,
}

/// A run that fell due.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The moment that it is for.
    pub occurrence: Timestamp,
    /// Its task, or why it was refused before the store was asked.
    pub task: Result<TaskId, NotMade>,
}

/// A scheduler that goes on until it is stopped. Ends when it is dropped.
#[derive(Debug)]
pub struct Scheduler {
    stop: watch::Sender<bool>,
    work: JoinHandle<()>,
}

impl Scheduler {
    /// Begins at once. `wake` is told whenever a schedule is applied or resumed.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn start<S: Store, H: ScheduleHost>(
        store: Arc<S>,
        host: Arc<H>,
        zones: TimeZoneDatabase,
        clock: Arc<dyn Clock>,
        wake: Arc<Notify>,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let worker = Worker {
            store,
            host,
            zones,
            clock,
            timetable: Timetable::default(),
            known: Vec::new(),
            is_stale: true,
            troubled: false,
        };
        Self { stop, work: tokio::spawn(worker.work(wake, stopped)) }
    }

    /// Finishes the look that is under way, and ends.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // An error says that it has ended otherwise, which is just as well.
        let _ = (&mut self.work).await;
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.work.abort();
    }
}

struct Worker<S, H> {
    store: Arc<S>,
    host: Arc<H>,
    zones: TimeZoneDatabase,
    clock: Arc<dyn Clock>,
    timetable: Timetable,
    /// The schedules as they stand, what was written down since they were read included.
    known: Vec<Known>,
    /// They may be others: somebody changed some, or it is not known what was written down.
    is_stale: bool,
    /// The store failed when it was asked last; somebody was told.
    troubled: bool,
}

/// A schedule, with what it says.
struct Known {
    row: ScheduleRow,
    definition: Result<Arc<Definition>, String>,
}

/// What is to be done after a look.
enum Next {
    /// The schedule is decided about up to now, and is due again then.
    At(Option<Timestamp>),
    /// It is not what was seen.
    Stale,
    /// It cannot be decided about for now.
    Later,
}

impl<S: Store, H: ScheduleHost> Worker<S, H> {
    async fn work(mut self, wake: Arc<Notify>, mut stopped: watch::Receiver<bool>) {
        loop {
            // Whoever wakes while this looks is heard by the next wait.
            self.look_at_all().await;
            loop {
                let wait_ms = self.timetable.wait_ms(self.clock.now(), TICK_MS);
                tokio::select! {
                    biased;
                    // An error says that the handle is gone.
                    _ = stopped.wait_for(|&stopped| stopped) => return,
                    () = wake.notified() => {
                        self.is_stale = true;
                        break;
                    }
                    () = sleep(Duration::from_millis(wait_ms)) => {}
                }
                if self.timetable.is_due(self.clock.now(), self.clock.steady()) {
                    break;
                }
            }
        }
    }

    /// Brings about what is due of all schedules, which are read if they may be others by now.
    async fn look_at_all(&mut self) {
        if self.is_stale
            && let Err(error) = self.read().await
        {
            return self.tell_trouble(&error);
        }
        let mut known = std::mem::take(&mut self.known);
        for Known { row, definition } in &mut known {
            let (now, steady) = (self.clock.now(), self.clock.steady());
            if !self.timetable.wants(row, now, steady) {
                continue;
            }
            match self.look(row, definition).await {
                Ok(Next::At(next_at)) => {
                    self.troubled = false;
                    self.timetable.decided(row, now, next_at);
                }
                // Whoever changed it has woken this too, or another scheduler has done what there was to do.
                Ok(Next::Stale) => {
                    self.is_stale = true;
                    self.timetable.again(row, steady);
                }
                Ok(Next::Later) => self.timetable.again(row, steady.after_ms(RETRY_MS)),
                Err(error) => {
                    self.tell_trouble(&error);
                    self.timetable.again(row, steady.after_ms(RETRY_MS));
                }
            }
        }
        self.known = known;
    }

    /// Reads all schedules. What one says is read anew only where it is another.
    async fn read(&mut self) -> Result<(), StoreError> {
        let rows = self.store.schedules().await?;
        self.is_stale = false;
        self.timetable.keep_only(&rows);
        let former = std::mem::take(&mut self.known).into_iter();
        let mut former: HashMap<_, _> =
            former.map(|known| ((known.row.id, known.row.revision), known.definition)).collect();
        let known = rows.into_iter().map(|row| {
            let definition = former.remove(&(row.id, row.revision)).unwrap_or_else(|| {
                let parsed = Definition::parse(&row.definition, &self.zones);
                // It was checked when it was applied: another version of the host did, or the time zones are others.
                parsed.map(Arc::new).map_err(|error| format!("schedule_invalid: {error}"))
            });
            Known { row, definition }
        });
        self.known = known.collect();
        Ok(())
    }

    async fn look(
        &mut self,
        row: &mut ScheduleRow,
        definition: &Result<Arc<Definition>, String>,
    ) -> Result<Next, StoreError> {
        let definition = match definition {
            Ok(definition) => Arc::clone(definition),
            Err(problem) => return self.hinder(row, problem).await,
        };
        let now = self.clock.now();
        let standing = Standing { created_at: row.since, evaluated_to: row.evaluated_to, runs: row.runs };
        let Plan { run, dropped, evaluated_to, next_at, ended } = plan(&definition, &standing, now);
        let (mut runs, mut wanted) = (Vec::with_capacity(run.len()), Vec::with_capacity(run.len()));
        for occurrence in run {
            let task = self.host.task(&row.name, &definition, occurrence, now).await;
            if let Err(not_now @ NotMade::NotNow { .. }) = &task {
                return self.hinder(row, &not_now.to_string()).await;
            }
            let id = task.as_ref().map(|task| task.id).map_err(NotMade::clone);
            wanted.push(Wanted { occurrence, task: id });
            let task = task.map_err(|refused| refused.to_string());
            runs.push(Run { occurrence: Some(occurrence), task });
        }
        let fire = Fire {
            runs,
            overlap: definition.overlap,
            dropped: dropped.count,
            evaluated_to,
            next_at,
            ended: ended.map(|ended| ended.as_str().to_owned()),
            ..Fire::beside(row, now, None)
        };
        let written = fire.clone_without_runs();
        let Fired::Done(done) = self.store.fire(fire).await? else { return Ok(Next::Stale) };
        // As the store has it by now.
        written.conclude(row, &done.fates);
        self.host.fired(Looked {
            name: row.name.clone(),
            job: definition.job.clone(),
            wanted,
            done,
            dropped: dropped.count,
            dropped_at_least: dropped.at_least,
        });
        Ok(Next::At(next_at))
    }

    /// Leaves the schedule as it is, and tells why if that was not told yet.
    async fn hinder(&mut self, row: &ScheduleRow, problem: &str) -> Result<Next, StoreError> {
        if !self.timetable.is_new_trouble(row, problem) {
            return Ok(Next::Later);
        }
        let told = Some(problem.to_owned());
        let noted = Fire { problem: told, ..Fire::beside(row, self.clock.now(), None) };
        match self.store.fire(noted).await? {
            Fired::Stale => Ok(Next::Stale),
            Fired::Done(_) => {
                self.timetable.troubled(row, problem);
                self.host.hindered(&row.name, problem);
                Ok(Next::Later)
            }
        }
    }

    fn tell_trouble(&mut self, error: &StoreError) {
        if !self.troubled {
            self.troubled = true;
            self.host.store_failed(error);
        }
        self.is_stale = true;
        self.timetable.read_again(self.clock.steady().after_ms(RETRY_MS));
    }
}
