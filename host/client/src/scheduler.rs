//! The one way to ask for work from a program: a source, and tasks that are built by their types.
//!
//! What is built is checked by the code that the host checks it with (`mainworker-domain`), against what the host says of
//! its jobs, and what is not taken is the same [`Rejected`](mainworker_domain::rejection::Rejected) wherever it was found.

mod builder;
mod check;
mod descriptions;
mod error;
mod handle;

pub use builder::TaskBuilder;
pub use error::{ResultError, ScheduleError};
pub use handle::TaskHandle;

use crate::client::Client;
use crate::tasks::NewTask;
use check::Prepared;
use descriptions::Descriptions;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::limits::{BATCH_BYTES_MAX, BATCH_TASKS_MAX};
use mainworker_domain::rejection::Rejection;
use mainworker_models::JobPayload;
use serde::Serialize;
use serde_json::value::RawValue;
use std::fmt;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// What a scheduler may take, and where its time comes from, so that a test can say.
#[derive(Clone, Debug)]
pub struct SchedulerOptions {
    /// Milliseconds for which what the host said of a job is used without asking again.
    pub description_age_ms: u64,
    /// Milliseconds that are waited for what the host says of a job. Without an answer by then the task is checked against
    /// what was said last, or sent unchecked: the host decides.
    pub description_answer_ms: u64,
    /// The time.
    pub clock: Clock,
}

impl Default for SchedulerOptions {
    fn default() -> Self {
        Self { description_age_ms: 60_000, description_answer_ms: 2_000, clock: Clock::default() }
    }
}

/// What time it is.
#[derive(Clone)]
pub struct Clock {
    /// As people say it: options such as `expiresAt` are checked against it.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Milliseconds since some moment, by a clock that never jumps.
    pub elapsed_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl Default for Clock {
    fn default() -> Self {
        let begun = Instant::now();
        Self {
            now: Arc::new(|| Timestamp::from(SystemTime::now())),
            elapsed_ms: Arc::new(move || u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").finish_non_exhaustive()
    }
}

/// Asks for work as one source. Clones share their connections, and what they know of the host's jobs.
#[derive(Clone)]
pub struct Scheduler {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    source: String,
    clock: Clock,
    descriptions: Descriptions,
}

impl Scheduler {
    /// Asks through `client` as `source`: the one that the client's token stands for.
    pub fn new(client: Client, source: impl Into<String>) -> Self {
        Self::with_options(client, source, SchedulerOptions::default())
    }

    /// The same with bounds of one's own.
    pub fn with_options(client: Client, source: impl Into<String>, options: SchedulerOptions) -> Self {
        let descriptions = Descriptions::new(&options);
        let source = source.into();
        Self { shared: Arc::new(Shared { client, source, clock: options.clock, descriptions }) }
    }

    /// The client, for all that is not about new tasks.
    pub fn client(&self) -> &Client {
        &self.shared.client
    }

    /// Who asks.
    pub fn source(&self) -> &str {
        &self.shared.source
    }

    /// A task of the job that this payload belongs to.
    pub fn task<P: JobPayload>(&self, payload: &P) -> TaskBuilder<P::Result> {
        TaskBuilder::new(self.clone(), P::JOB.to_owned(), payload)
    }

    /// A task of a job by its name, with whatever can be written as a JSON object: a type of one's own, a
    /// [`serde_json::Value`], a [`RawValue`]. [`TaskBuilder::returning`] says what the result is.
    pub fn task_of<P: Serialize + ?Sized>(
        &self,
        job: impl Into<String>,
        payload: &P,
    ) -> TaskBuilder<Box<RawValue>> {
        TaskBuilder::new(self.clone(), job.into(), payload)
    }

    /// A task that was accepted before, by its id. `R` is what its job returns.
    pub fn handle<R>(&self, task_id: impl Into<String>) -> TaskHandle<R> {
        TaskHandle::new(self.client().clone(), task_id.into())
    }

    /// Sends many tasks: all of them are taken, or none. The handles come in the order of `tasks`. Each is asked for as the
    /// source of this scheduler, whichever made it.
    ///
    /// # Errors
    /// The first rejection, with the task's place in [`Rejected::index`](mainworker_domain::rejection::Rejected::index);
    /// more tasks or bytes than a host takes at once; or why there is no answer.
    pub async fn send_all<R>(&self, tasks: Vec<TaskBuilder<R>>) -> Result<Vec<TaskHandle<R>>, ScheduleError> {
        if tasks.is_empty() {
            return Ok(Vec::new());
        }
        batch_fits("tasks", tasks.len(), BATCH_TASKS_MAX as u64)?;
        let written = tasks.into_iter().enumerate();
        let written = written
            .map(|(index, task)| self.write(task).map_err(|error| error.of_batch(index)))
            .collect::<Result<Vec<Prepared>, _>>()?;
        batch_fits("bytes", batch_bytes(&written), BATCH_BYTES_MAX)?;
        for (index, prepared) in written.iter().enumerate() {
            self.check(prepared).await.map_err(|error| error.of_batch(index))?;
        }
        let new: Vec<NewTask<'_>> = written
            .iter()
            .map(|prepared| NewTask { envelope: &prepared.text, options: &prepared.options })
            .collect();
        let accepted = self.client().enqueue_batch(&new).await?;
        Ok(accepted.task_ids.into_iter().map(|id| self.handle(id)).collect())
    }

    pub(crate) async fn send<R>(&self, task: TaskBuilder<R>) -> Result<TaskHandle<R>, ScheduleError> {
        let prepared = self.write(task)?;
        self.check(&prepared).await?;
        let accepted = self.client().enqueue(&prepared.text, &prepared.options).await?;
        Ok(self.handle(accepted.task_id))
    }
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler")
            .field("client", self.client())
            .field("source", &self.source())
            .finish_non_exhaustive()
    }
}

fn batch_fits(unit: &'static str, observed: usize, allowed: u64) -> Result<(), Rejection> {
    let observed = observed as u64;
    if observed > allowed {
        return Err(Rejection::BatchTooLarge { unit, observed, observed_is_least: false, allowed });
    }
    Ok(())
}

/// Bytes of the request that these tasks make.
fn batch_bytes(tasks: &[Prepared]) -> usize {
    const AROUND_ALL: usize = r#"{"tasks":[]}"#.len();
    const AROUND_EACH: usize = r#"{"envelope":,"options":},"#.len();
    let each = tasks.iter().map(|task| AROUND_EACH + task.text.get().len() + task.options_bytes());
    // The last one has no comma.
    (AROUND_ALL + each.sum::<usize>()).saturating_sub(1)
}
