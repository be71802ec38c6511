//! The running host: the rooms that an envelope passes between the API and the sandbox, in one place.
//!
//! Whatever changes a task from outside goes through here, so that the store, the dispatch and whoever listens always hear
//! of it together, in this order.

mod running;

pub use running::Running;

use crate::access::{Access, Caller};
use crate::clock::HostClock;
use crate::deployments::Deployments;
use crate::events::Events;
use crate::failure::Failure;
use crate::followers::Followers;
use crate::hints;
use crate::intake::{Asked, Named, Refused, Taken, TaskIntake, rejection};
use crate::job_modules::JobModules;
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::schedules::Schedules;
use crate::tokens::{self, TokenAsked, TokenMade, TokenNotMade};
use mainworker_domain::access::TokenId;
use mainworker_domain::event::Event;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{Reason, State, Timestamp};
use mainworker_domain::rejection::Rejection;
use mainworker_domain::task_id::TaskId;
use mainworker_queue::dispatch::Dispatch;
use mainworker_queue::sqlite::SqliteStore;
use mainworker_queue::store::{Store, StoreError};
use mainworker_queue::verbs::cancel::{Cancel, Cancelled, CancelledTask};
use mainworker_queue::verbs::enqueue::{Enqueue, EnqueueError, Enqueued, How, NewTask};
use mainworker_queue::verbs::pause::Pause;
use mainworker_queue::verbs::retry::{Retried, RetriedTask, Retry};
use mainworker_queue::verbs::tokens::{RevokeToken, Revoked, TouchTokens};
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use tokio::task;

/// Envelopes of a batch that are checked without handing them to another thread. Each takes some microseconds.
const CHECKED_HERE_MAX: usize = 32;

/// A host that serves.
#[derive(Debug)]
pub struct Host {
    /// Who this is, for rows and pages.
    pub name: String,
    /// Since when.
    pub started_at: Timestamp,
    /// What time it is, for all of it.
    pub clock: Arc<HostClock>,
    /// Attempts at a time.
    pub slots: usize,
    /// Tasks that may be queued or running.
    pub tasks_max: u64,
    /// Where tasks live.
    pub store: Arc<SqliteStore>,
    /// What runs them.
    pub dispatch: Dispatch,
    /// Who is told.
    pub events: Arc<Events>,
    /// What is counted; an observer of the events.
    pub metrics: Arc<Metrics>,
    /// Who waits for news of a task; an observer of the events.
    pub followers: Arc<Followers>,
    /// The jobs.
    pub modules: Arc<JobModules>,
    /// What deploying needs.
    pub deployments: Deployments,
    /// Whether it takes tasks; an observer of the events.
    pub readiness: Arc<Readiness>,
    /// Who may ask.
    pub access: Access,
    /// What schedules need.
    pub schedules: Schedules,
    /// What makes tasks of envelopes.
    pub intake: Arc<TaskIntake>,
    /// Whether it was asked to stop.
    pub stopping: AtomicBool,
}

/// Why nothing of a request was taken.
#[derive(Debug)]
pub struct NotTaken {
    /// Which of its envelopes is to blame, from 0.
    pub index: usize,
    /// The job that it names, if it came so far.
    pub job: Option<String>,
    /// Why.
    pub failure: Box<Failure>,
}

impl Host {
    /// Takes tasks: all of them, or none.
    ///
    /// # Errors
    /// The first that is not taken, or a store that cannot take any.
    pub async fn enqueue(&self, caller: &Caller, asked: Vec<Asked>) -> Result<Vec<Enqueued>, NotTaken> {
        let now = self.now();
        let checked = self.check(caller, asked, now).await.and_then(|taken| self.count(caller, taken));
        let (tasks, named) = checked.inspect_err(|not_taken| {
            self.events.emit(Event::EnvelopeRejected {
                code: not_taken.failure.code.clone(),
                detail: not_taken.failure.message.clone(),
                job: not_taken.job.clone(),
                source: Some(caller.source.clone()),
            });
        })?;
        let enqueue = Enqueue { tasks, now, open_max: self.tasks_max };
        let answer = self.store.enqueue(enqueue).await;
        self.give_back(caller, &named, answer.as_deref().ok());
        let enqueued = answer.map_err(|error| match error {
            EnqueueError::Refused { index, refusal } => {
                let failure = match named.get(index) {
                    Some(task) => Failure::from(rejection(refusal, task, named.len() as u64)),
                    None => Failure::host("a task was refused that was not asked for"),
                };
                let job = named.get(index).map(|task| task.job.to_string());
                self.events.emit(Event::EnvelopeRejected {
                    code: failure.code.clone(),
                    detail: failure.message.clone(),
                    job: job.clone(),
                    source: Some(caller.source.clone()),
                });
                NotTaken { index, job, failure: Box::new(failure) }
            }
            EnqueueError::Store(error) => {
                NotTaken { index: 0, job: None, failure: Box::new(self.store_failed(&error)) }
            }
        })?;
        self.dispatch.wake();
        for (task, enqueued) in named.into_iter().zip(&enqueued) {
            self.tell_enqueued(task.id, task.job, enqueued, &caller.source);
        }
        Ok(enqueued)
    }

    /// Counts tasks by the rates of their jobs and of whoever asks for them.
    fn count(&self, caller: &Caller, taken: Vec<Taken>) -> Result<(Vec<NewTask>, Vec<Named>), NotTaken> {
        let named: Vec<Named> = taken.iter().map(Named::of).collect();
        let counted = self.intake.rates().take(&caller.source, named.iter().map(Named::rated));
        counted.map_err(|(index, over)| NotTaken {
            index,
            job: named.get(index).map(|task| task.job.to_string()),
            failure: Box::new(Failure::from(Rejection::from(over))),
        })?;
        Ok((taken.into_iter().map(|taken| taken.task).collect(), named))
    }

    /// Counts those no more that did not come to be: none has, if the store took nothing.
    fn give_back(&self, caller: &Caller, named: &[Named], enqueued: Option<&[Enqueued]>) {
        let came_to_be = |index: usize| {
            let how = enqueued.and_then(|enqueued| enqueued.get(index)).map(|enqueued| enqueued.how);
            matches!(how, Some(How::New | How::Replaced(_)))
        };
        let unused = named.iter().enumerate().filter(|(index, _)| !came_to_be(*index));
        self.intake.rates().give_back(&caller.source, unused.map(|(_, task)| task.rated()));
    }

    /// Tells of a task that is new.
    pub(crate) fn tell_enqueued(&self, id: TaskId, job: JobName, enqueued: &Enqueued, source: &str) {
        match enqueued.how {
            How::New | How::Replaced(_) => {}
            How::Known | How::Existing => return,
        }
        if let How::Replaced(other) = enqueued.how {
            let (job, state, reason) = (job.clone(), State::Cancelled, Reason::Cancelled);
            self.events.emit(Event::TaskChanged { task_id: other, job, state, reason });
        }
        self.events.emit(Event::TaskEnqueued { task_id: id, job, source: source.to_owned() });
    }

    async fn check(
        &self,
        caller: &Caller,
        asked: Vec<Asked>,
        now: Timestamp,
    ) -> Result<Vec<Taken>, NotTaken> {
        let check = move |intake: &TaskIntake, caller: &Caller, first: usize, asked: &[Asked]| {
            let tasks = asked.iter().zip(first..).map(|(asked, index)| {
                let taken = intake.take(caller, asked, now);
                taken.map_err(|Refused { job, failure }| NotTaken { index, job, failure })
            });
            tasks.collect::<Result<Vec<_>, _>>()
        };
        let count = asked.len();
        if count <= CHECKED_HERE_MAX {
            return check(&self.intake, caller, 0, &asked);
        }
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let share = count.div_ceil(threads);
        let mut asked = asked.into_iter();
        let shares = (0..count).step_by(share).map(|first| {
            let (intake, caller) = (Arc::clone(&self.intake), caller.clone());
            let asked: Vec<Asked> = asked.by_ref().take(share).collect();
            task::spawn_blocking(move || check(&intake, &caller, first, &asked))
        });
        let mut tasks = Vec::with_capacity(count);
        // In order, so that the first that is not taken is the one that is named.
        for share in shares.collect::<Vec<_>>() {
            let checked = share.await;
            tasks.extend(checked.unwrap_or_else(|error| {
                Err(NotTaken { index: 0, job: None, failure: Box::new(Failure::host(error)) })
            })?);
        }
        Ok(tasks)
    }

    /// Cancels tasks, and tells the attempts of those that run.
    ///
    /// # Errors
    /// A store that cannot write it down.
    pub async fn cancel(&self, tasks: Vec<TaskId>, by: &Caller) -> Result<Vec<Cancelled>, StoreError> {
        let answers = self
            .store
            .cancel(Cancel { tasks: tasks.clone(), now: self.now(), by: Some(by.actor.clone()) })
            .await?;
        let mut cancelled = Vec::with_capacity(answers.len());
        for (task_id, CancelledTask { how, job }) in tasks.into_iter().zip(answers) {
            match how {
                Cancelled::Requested { attempt } => self.dispatch.stop_attempt(task_id, attempt),
                Cancelled::Now => {
                    // It may have stood before others, for want of room.
                    self.dispatch.wake();
                    self.tell_changed(task_id, job, State::Cancelled, Reason::Cancelled);
                }
                Cancelled::Already | Cancelled::Refused(_) | Cancelled::Unknown => {}
            }
            cancelled.push(how);
        }
        Ok(cancelled)
    }

    /// Gives tasks that ended a new life.
    ///
    /// # Errors
    /// A store that cannot write it down.
    pub async fn retry(
        &self,
        tasks: Vec<TaskId>,
        delay_ms: u64,
        by: &Caller,
    ) -> Result<Vec<Retried>, StoreError> {
        let retry = Retry { tasks: tasks.clone(), delay_ms, now: self.now(), by: Some(by.actor.clone()) };
        let answers = self.store.retry(retry).await?;
        self.dispatch.wake();
        let mut retried = Vec::with_capacity(answers.len());
        for (task_id, RetriedTask { how, job }) in tasks.into_iter().zip(answers) {
            if how == Retried::Queued {
                self.tell_changed(task_id, job, State::Queued, Reason::RetriedByHand);
            }
            retried.push(how);
        }
        Ok(retried)
    }

    /// Tells that a task changed. One that did is there, and so is its job.
    fn tell_changed(&self, task_id: TaskId, job: Option<JobName>, state: State, reason: Reason) {
        if let Some(job) = job {
            self.events.emit(Event::TaskChanged { task_id, job, state, reason });
        }
    }

    /// Makes a token, which is good at once; its secret is in the answer and nowhere else.
    ///
    /// # Errors
    /// Too many tokens, a system without random bytes, a store that cannot write it down.
    pub async fn create_token(&self, asked: TokenAsked, by: &Caller) -> Result<TokenMade, TokenNotMade> {
        if let Some(allowed) = &by.jobs
            && !asked.jobs.as_ref().is_some_and(|jobs| jobs.iter().all(|job| allowed.contains(job)))
        {
            return Err(TokenNotMade::BeyondJobs { jobs: asked.jobs, allowed: allowed.clone() });
        }
        let made = tokens::create(&*self.store, asked, by.actor.clone(), self.now()).await?;
        self.know_tokens().await?;
        Ok(made)
    }

    /// Makes a token worthless, at once and for good.
    ///
    /// # Errors
    /// A store that cannot write it down.
    pub async fn revoke_token(&self, id: TokenId, by: &Caller) -> Result<Revoked, StoreError> {
        let revoke = RevokeToken { id, now: self.now(), by: by.actor.clone() };
        let revoked = self.store.revoke_token(revoke).await?;
        self.know_tokens().await?;
        Ok(revoked)
    }

    /// Lets the tokens in that the store has.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn know_tokens(&self) -> Result<(), StoreError> {
        self.access.know(self.store.tokens().await?);
        Ok(())
    }

    /// Writes down when tokens were used last.
    pub async fn keep_last_used(&self) {
        let used = self.access.take_used();
        if !used.is_empty()
            && let Err(error) = self.store.touch_tokens(TouchTokens { used }).await
        {
            // What is told of a store in trouble is told where it matters.
            tracing::debug!(%error, "when tokens were used last is not known");
        }
    }

    /// Pauses or resumes a job, or everything.
    ///
    /// # Errors
    /// A store that cannot write it down.
    pub async fn pause(&self, job: Option<JobName>, paused: bool, by: &Caller) -> Result<(), StoreError> {
        self.store
            .pause(Pause { job: job.clone(), paused, now: self.now(), by: Some(by.actor.clone()) })
            .await?;
        self.dispatch.wake();
        self.events.emit(Event::Paused { job, paused });
        Ok(())
    }

    /// A store that did not do what it was asked, for whoever asked.
    pub fn store_failed(&self, error: &StoreError) -> Failure {
        let code = "store_unavailable";
        self.events.emit(Event::HostError { code: code.to_owned(), message: error.to_string() });
        Failure { code: code.to_owned(), hint: Some(hints::of_store(error)), ..Failure::host(error) }
    }

    /// Whether it was asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
