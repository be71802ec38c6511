//! The same for programs without async: each call returns when it is done.
//!
//! A [`Scheduler`] has a thread of its own on which its requests run, so it can be called from any thread. On a thread of an
//! async runtime it works too, and holds that thread meanwhile: there the calls of the crate's root are the right ones, or
//! `spawn_blocking` around these.
//!
//! ```no_run
//! use mainworker_client::{Client, blocking};
//! use serde_json::json;
//!
//! let client = Client::new("http://127.0.0.1:8080", Some("the-token".into()))?;
//! let scheduler = blocking::Scheduler::of(mainworker_client::Scheduler::new(client, "api"))?;
//! let task = scheduler.send(scheduler.task_of("echo", &json!({ "hello": "world" })).label("first try"))?;
//! println!("{}", task.result()?);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

use crate::error::ClientError;
use crate::follow::{Followed, LogFollower as AsyncLogFollower};
use crate::scheduler::{
    ResultError, ScheduleError, Scheduler as AsyncScheduler, TaskBuilder, TaskHandle as AsyncTaskHandle,
};
use crate::wire::{CancelAnswer, Task};
use mainworker_models::JobPayload;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::future::Future;
use std::panic::resume_unwind;
use std::sync::{Arc, mpsc};
use std::{fmt, io, thread};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// A [`crate::Scheduler`] whose calls wait. Clones share its thread, which ends with the last of them.
#[derive(Clone)]
pub struct Scheduler {
    scheduler: AsyncScheduler,
    thread: Arc<Thread>,
}

/// The thread on which requests run.
struct Thread {
    handle: Handle,
    /// Dropped, it ends the thread.
    _ends: oneshot::Sender<()>,
}

impl Thread {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (handle, (ends, ended)) = (runtime.handle().clone(), oneshot::channel::<()>());
        thread::Builder::new().name("mainworker-client".to_owned()).spawn(move || {
            // Its only end is that nobody is left to ask for anything.
            let _ = runtime.block_on(ended);
        })?;
        Ok(Self { handle, _ends: ends })
    }

    /// What `asked` comes to, done on that thread. A panic there is one here. None if the thread is gone, which is not before
    /// this is.
    fn run<T: Send + 'static>(&self, asked: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let (tell, told) = mpsc::sync_channel(1);
        self.handle.spawn(async move {
            // Nobody is gone: whoever asked waits.
            let _ = tell.send(tokio::spawn(asked).await);
        });
        match told.recv().ok()? {
            Ok(done) => Some(done),
            Err(error) => error.try_into_panic().map_or(None, |panic| resume_unwind(panic)),
        }
    }
}

impl Scheduler {
    /// Waits for the answers to what `scheduler` asks.
    ///
    /// # Errors
    /// No thread could be started.
    pub fn of(scheduler: AsyncScheduler) -> io::Result<Self> {
        Ok(Self { scheduler, thread: Arc::new(Thread::start()?) })
    }

    /// A task of the job that this payload belongs to, to be given to [`Scheduler::send`].
    pub fn task<P: JobPayload>(&self, payload: &P) -> TaskBuilder<P::Result> {
        self.scheduler.task(payload)
    }

    /// A task of a job by its name, to be given to [`Scheduler::send`].
    pub fn task_of<P: Serialize + ?Sized>(
        &self,
        job: impl Into<String>,
        payload: &P,
    ) -> TaskBuilder<Box<RawValue>> {
        self.scheduler.task_of(job, payload)
    }

    /// A task that was accepted before, by its id.
    pub fn handle<R>(&self, task_id: impl Into<String>) -> TaskHandle<R> {
        self.handle_of(self.scheduler.handle(task_id))
    }

    /// Checks a task as the host would, and sends it.
    ///
    /// # Errors
    /// As for [`TaskBuilder::send`].
    pub fn send<R: 'static>(&self, task: TaskBuilder<R>) -> Result<TaskHandle<R>, ScheduleError> {
        let scheduler = self.scheduler.clone();
        let sent = self.thread.run(async move { scheduler.send(task).await });
        sent.unwrap_or_else(|| Err(self.gone().into())).map(|handle| self.handle_of(handle))
    }

    /// Sends many tasks: all of them are taken, or none.
    ///
    /// # Errors
    /// As for [`crate::Scheduler::send_all`].
    pub fn send_all<R: 'static>(
        &self,
        tasks: Vec<TaskBuilder<R>>,
    ) -> Result<Vec<TaskHandle<R>>, ScheduleError> {
        let scheduler = self.scheduler.clone();
        let sent = self.thread.run(async move { scheduler.send_all(tasks).await });
        let sent = sent.unwrap_or_else(|| Err(self.gone().into()))?;
        Ok(sent.into_iter().map(|handle| self.handle_of(handle)).collect())
    }

    fn handle_of<R>(&self, handle: AsyncTaskHandle<R>) -> TaskHandle<R> {
        TaskHandle { handle, scheduler: self.clone() }
    }

    fn gone(&self) -> ClientError {
        ClientError::Unreachable {
            doing: "asking".to_owned(),
            origin: self.scheduler.client().origin(),
            problem: "the thread of this client has ended".to_owned(),
            may_be_done: true,
        }
    }
}

/// A [`crate::TaskHandle`] whose calls wait.
pub struct TaskHandle<R> {
    handle: AsyncTaskHandle<R>,
    scheduler: Scheduler,
}

impl<R> TaskHandle<R> {
    /// Its id.
    pub fn id(&self) -> &str {
        self.handle.id()
    }
}

impl<R: 'static> TaskHandle<R> {
    /// How it is, with its attempts.
    ///
    /// # Errors
    /// As for [`crate::TaskHandle::status`].
    pub fn status(&self) -> Result<Task, ClientError> {
        let handle = self.handle.clone();
        let asked = self.scheduler.thread.run(async move { handle.status().await });
        asked.unwrap_or_else(|| Err(self.scheduler.gone()))
    }

    /// Cancels it, or asks the attempt that runs to stop.
    ///
    /// # Errors
    /// As for [`crate::TaskHandle::cancel`].
    pub fn cancel(&self) -> Result<CancelAnswer, ClientError> {
        let handle = self.handle.clone();
        let asked = self.scheduler.thread.run(async move { handle.cancel().await });
        asked.unwrap_or_else(|| Err(self.scheduler.gone()))
    }

    /// Its log and its progress from the beginning to the task's end, as they come.
    ///
    /// # Errors
    /// As for [`crate::TaskHandle::follow`].
    pub fn follow(&self) -> Result<LogFollower, ClientError> {
        Ok(LogFollower { follower: Some(self.handle.follow()?), scheduler: self.scheduler.clone() })
    }
}

impl<R: DeserializeOwned + Send + 'static> TaskHandle<R> {
    /// Waits until it has ended, and gives its result.
    ///
    /// # Errors
    /// As for [`crate::TaskHandle::result`].
    pub fn result(&self) -> Result<R, ResultError> {
        let handle = self.handle.clone();
        let asked = self.scheduler.thread.run(async move { handle.result().await });
        asked.unwrap_or_else(|| Err(self.scheduler.gone().into()))
    }
}

impl<R> Clone for TaskHandle<R> {
    fn clone(&self) -> Self {
        self.scheduler.handle_of(self.handle.clone())
    }
}

impl<R> fmt::Debug for TaskHandle<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.handle, f)
    }
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.scheduler, f)
    }
}

/// A [`crate::LogFollower`] whose steps are waited for. After an error nothing follows.
#[derive(Debug)]
pub struct LogFollower {
    follower: Option<AsyncLogFollower>,
    scheduler: Scheduler,
}

impl Iterator for LogFollower {
    type Item = Result<Followed, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut follower = self.follower.take()?;
        let stepped = self.scheduler.thread.run(async move {
            let step = follower.next().await;
            (follower, step)
        });
        let Some((follower, step)) = stepped else { return Some(Err(self.scheduler.gone())) };
        if matches!(step, Ok(Some(_))) {
            self.follower = Some(follower);
        }
        step.transpose()
    }
}
