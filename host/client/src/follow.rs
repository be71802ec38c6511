//! What happens, as it happens: the log of a task, the events of a host, the end of a task.

use crate::answer::Asked;
use crate::client::Client;
use crate::error::ClientError;
use crate::feed::{Fed, Feed};
use crate::sse::SseEvent;
use crate::target::Target;
use crate::wire::{LogEnd, LogEntry, Problem, ProgressInfo, Task};
use mainworker_domain::lifecycle::{State, backoff_bound_ms, backoff_ms};
use mainworker_domain::manifest::Retry;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Waits between two looks at a task whose log cannot be followed, and as much again at random.
const POLL: Retry = Retry { max_attempts: u32::MAX, base_ms: 250, cap_ms: 2_500 };

/// The status of a problem that may pass.
const SERVICE_UNAVAILABLE: u16 = 503;

/// One step of a log that is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// A line, each once.
    Line(LogEntry),
    /// How far the newest attempt has come.
    Progress(ProgressInfo),
    /// The task has ended; nothing follows.
    End(LogEnd),
}

/// A task's log while it grows. Comes back by itself when the connection breaks off, after the last line that came.
#[derive(Debug)]
pub struct LogFollower {
    feed: Feed,
    has_ended: bool,
}

impl LogFollower {
    /// The next step; none after the end. Dropping the future loses nothing, so it can stand in a `select`.
    ///
    /// # Errors
    /// `unknown_task`; a host that is away for longer than [`crate::ClientOptions::reconnect_ms_max`]; a stream that is
    /// none.
    pub async fn next(&mut self) -> Result<Option<Followed>, ClientError> {
        while !self.has_ended {
            let Fed::Event(event) = self.feed.next().await? else { continue };
            let asked = self.feed.asked();
            let followed = match event.kind.as_str() {
                "line" => Followed::Line(read(asked, &event)?),
                "progress" => Followed::Progress(read(asked, &event)?),
                "end" => {
                    self.has_ended = true;
                    Followed::End(read(asked, &event)?)
                }
                "problem" => {
                    let problem: Problem = read(asked, &event)?;
                    if problem.status != SERVICE_UNAVAILABLE {
                        return Err(ClientError::Problem(Box::new(problem)));
                    }
                    // It may pass: the host ends the stream, which then comes back.
                    continue;
                }
                // A host that stops says so and ends the stream; a newer one can say more.
                _ => continue,
            };
            return Ok(Some(followed));
        }
        Ok(None)
    }
}

/// Something that happened on a host.
#[derive(Clone, Debug, PartialEq)]
pub enum Happened {
    /// An event, with its fields.
    Event {
        /// Its word, such as `attempt-ended`.
        kind: String,
        /// All of it: `kind`, `at` and what belongs to the kind.
        data: Value,
    },
    /// Events did not come through: so many, or nobody knows how many, since the connection was away.
    Missed {
        /// How many, if the host counted them.
        count: Option<u64>,
    },
}

/// The events of a host from now on.
#[derive(Debug)]
pub struct EventFollower {
    feed: Feed,
}

impl EventFollower {
    /// The next of them. Dropping the future loses nothing, so it can stand in a `select`.
    ///
    /// # Errors
    /// As for [`LogFollower::next`].
    pub async fn next(&mut self) -> Result<Happened, ClientError> {
        let event = match self.feed.next().await? {
            Fed::Back => return Ok(Happened::Missed { count: None }),
            Fed::Event(event) => event,
        };
        let data: Value = read(self.feed.asked(), &event)?;
        Ok(match event.kind.as_str() {
            "missed" => Happened::Missed { count: data.get("count").and_then(Value::as_u64) },
            _ => Happened::Event { kind: event.kind, data },
        })
    }
}

fn read<T: DeserializeOwned>(asked: &Asked, event: &SseEvent) -> Result<T, ClientError> {
    serde_json::from_str(&event.data)
        .map_err(|error| asked.not_a_host(format!("an event `{}` with other data: {error}", event.kind)))
}

impl Client {
    /// Follows the log of a task from its beginning to the task's end.
    ///
    /// # Errors
    /// An id that cannot be one. What the host says comes with the first step.
    pub fn follow_log(&self, id: &str) -> Result<LogFollower, ClientError> {
        let target = Target::of_task(id, "/log?follow")?;
        Ok(LogFollower { feed: Feed::new(self, "following a log".to_owned(), target), has_ended: false })
    }

    /// Follows what happens from now on: of one job or all, of one kind or all.
    pub fn events(&self, job: Option<&str>, kind: Option<&str>) -> EventFollower {
        let target = Target::new("/v1/events").with("job", job).with("kind", kind);
        EventFollower { feed: Feed::new(self, "following the events".to_owned(), target) }
    }

    /// Waits until a task has ended, and gives it.
    ///
    /// # Errors
    /// As for [`Client::wait_with`].
    pub async fn wait(&self, id: &str) -> Result<Task, ClientError> {
        self.wait_with(id, |_| {}).await
    }

    /// Waits until a task has ended, hands on what it says meanwhile, and gives the task. Where its log cannot be
    /// followed, as behind a proxy that knows no streams or where there are too many, the task is looked at every few
    /// seconds.
    ///
    /// # Errors
    /// `unknown_task`; a host that is away for longer than [`crate::ClientOptions::reconnect_ms_max`].
    pub async fn wait_with(&self, id: &str, mut said: impl FnMut(Followed)) -> Result<Task, ClientError> {
        loop {
            let mut log = self.follow_log(id)?;
            let followed = loop {
                match log.next().await {
                    Ok(Some(step)) => said(step),
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            match followed {
                Ok(()) => {}
                Err(error) if may_be_polled(&error) => return self.poll(id).await,
                Err(error) => return Err(error),
            }
            // Somebody may have given it a new life since.
            let task = self.task(id).await?;
            if has_ended(&task) {
                return Ok(task);
            }
        }
    }

    async fn poll(&self, id: &str) -> Result<Task, ClientError> {
        let chance = &self.options().chance;
        let mut looks = 0;
        loop {
            let task = self.task(id).await?;
            if has_ended(&task) {
                return Ok(task);
            }
            looks += 1;
            (chance.wait)(backoff_bound_ms(&POLL, looks) + backoff_ms(&POLL, looks, (chance.jitter)())).await;
        }
    }
}

/// Whether a stream was refused by somebody who may answer other requests.
fn may_be_polled(error: &ClientError) -> bool {
    match error {
        ClientError::NotAHost { .. } | ClientError::Timeout { .. } => true,
        ClientError::Problem(problem) => problem.code == "rate_limited",
        _ => false,
    }
}

fn has_ended(task: &Task) -> bool {
    State::parse(&task.state).is_some_and(State::is_terminal)
}
