//! `GET /v1/tasks/{id}/log`: what the attempts of a task said, by pages or as they say it.

use super::limits::LOG_PAGE_BYTES;
use super::problem::ApiError;
use super::query::Parameters;
use super::stream::{self, Source, event};
use super::tasks::{NamedTask, find, unknown};
use super::{Api, cursor, openapi, shown};
use crate::access::Caller;
use crate::followers::Follower;
use axum::Json;
use axum::extract::{Extension, State};
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Uri};
use mainworker_client::wire::{LogEnd, LogPage, ProgressInfo};
use mainworker_domain::lifecycle::State as TaskState;
use mainworker_domain::task_id::TaskId;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::log::{LogPage as Lines, LogPlace, ReadLog};
use mainworker_queue::verbs::task::TaskView;
use std::collections::VecDeque;
use std::sync::Arc;

const PARAMETERS: &[&str] = &["cursor", "follow"];

/// Where somebody who follows a log says what came last.
const LAST_EVENT_ID: &str = "last-event-id";

/// Reads the log of a task from its beginning, or from a cursor on.
///
/// With `follow` the answer is a stream of server-sent events that goes on until the task has ended: `line` (a `LogEntry`;
/// its id is the cursor after it), `progress` (a `ProgressInfo`), `end` (a `LogEnd`), and `stopping` if the host stops
/// before. A client that comes back with `Last-Event-ID` goes on after that line.
#[utoipa::path(
    get, path = "/v1/tasks/{id}/log", tag = "tasks", params(openapi::TaskPath, openapi::LogParameters),
    responses((status = 200, description = "A page; with `follow` a stream", content(
        (LogPage = "application/json"),
        (String = "text/event-stream")
    )))
)]
pub(super) async fn read_log(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Arc<Caller>>,
    NamedTask(id): NamedTask,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let parameters = Parameters::read(&uri, PARAMETERS)?;
    let query = query(id);
    let last_id = headers.get(LAST_EVENT_ID).map(|value| value.to_str().unwrap_or_default());
    let from = last_id.filter(|id| !id.is_empty()).or_else(|| parameters.get("cursor"));
    let from = from.map(|text| cursor::read(&query, text).map(cursor::log_place));
    let from = from.transpose()?.unwrap_or_default();
    let follows = parameters.is_on("follow")?;
    // Before anything is read: what comes in between is news.
    let follower = follows.then(|| api.host.followers.follow(id));
    find(&api, &caller, id).await?;
    match follower {
        Some(follower) => {
            let log = FollowedLog {
                api: Arc::clone(&api),
                id,
                from,
                follower,
                reads_at_once: true,
                progress: None,
            };
            stream::open(&api, &caller, log)
        }
        None => page(&api, id, from).await.map(|page| Json(page).into_response()),
    }
}

/// What the cursors of this log are bound to.
fn query(id: TaskId) -> String {
    format!("log {id}")
}

async fn read(api: &Api, id: TaskId, from: LogPlace) -> Result<Lines, ApiError> {
    let log = ReadLog { task: id, from, bytes_max: LOG_PAGE_BYTES };
    api.host.store.log(log).await?.ok_or_else(|| unknown(id))
}

/// Whether nothing follows these lines.
fn are_last(lines: &Lines) -> bool {
    !lines.more && lines.state.is_some_and(TaskState::is_terminal)
}

async fn page(api: &Api, id: TaskId, from: LogPlace) -> Result<LogPage, ApiError> {
    let lines = read(api, id, from).await?;
    let next_cursor = (!are_last(&lines)).then(|| cursor::write(&query(id), cursor::of_log(lines.next)));
    let lines = lines.lines.into_iter().map(|(attempt, line)| shown::line(attempt, line)).collect();
    Ok(LogPage { lines, next_cursor })
}

/// The log of a task that somebody follows.
struct FollowedLog {
    api: Arc<Api>,
    id: TaskId,
    from: LogPlace,
    follower: Follower,
    /// Whether there may be something without further news.
    reads_at_once: bool,
    /// What was told last.
    progress: Option<ProgressInfo>,
}

impl Source for FollowedLog {
    async fn read(&mut self, events: &mut VecDeque<Event>) -> bool {
        if !self.reads_at_once {
            self.follower.news().await;
            // From here on the news is taken: it must not be lost if this is dropped before it is read.
            self.reads_at_once = true;
        }
        self.read_or_tell(events).await
    }

    async fn read_last(&mut self, events: &mut VecDeque<Event>) -> bool {
        loop {
            let goes_on = self.read_or_tell(events).await;
            if !goes_on || !self.reads_at_once {
                return goes_on;
            }
        }
    }
}

impl FollowedLog {
    async fn read_or_tell(&mut self, events: &mut VecDeque<Event>) -> bool {
        self.read_on(events).await.unwrap_or_else(|error| {
            events.push_back(event("problem", &error.problem()));
            false
        })
    }

    async fn read_on(&mut self, events: &mut VecDeque<Event>) -> Result<bool, ApiError> {
        let lines = read(&self.api, self.id, self.from).await?;
        let view = match lines.more {
            true => None,
            false => Some(self.api.host.store.task(self.id).await?.ok_or_else(|| unknown(self.id))?),
        };
        // Somebody may have given it a new life between the two.
        let is_last = are_last(&lines) && view.as_ref().is_some_and(|view| view.summary.state.is_terminal());
        self.reads_at_once = lines.more;
        let query = query(self.id);
        for (attempt, line) in lines.lines {
            self.from = after_line(self.from, attempt);
            let id = cursor::write(&query, cursor::of_log(self.from));
            events.push_back(event("line", &shown::line(attempt, line)).id(id));
        }
        self.from = lines.next;
        let Some(TaskView { summary, progress, .. }) = view else { return Ok(true) };
        let progress = progress.map(|said| ProgressInfo { percent: said.percent, message: said.message });
        if progress.is_some() && progress != self.progress {
            events.extend(progress.iter().map(|progress| event("progress", progress)));
            self.progress = progress;
        }
        if is_last {
            let outcome = summary.outcome.map(|outcome| outcome.as_str().to_owned());
            events.push_back(event("end", &LogEnd { state: summary.state.as_str().to_owned(), outcome }));
        }
        Ok(!is_last)
    }
}

/// The place after the next line, which is one of `attempt`.
fn after_line(place: LogPlace, attempt: u32) -> LogPlace {
    let line = if place.attempt == attempt { place.line } else { 0 };
    LogPlace { attempt, line: line.saturating_add(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_anew_in_each_attempt() {
        let place = after_line(LogPlace::default(), 1);
        assert_eq!(place, LogPlace { attempt: 1, line: 1 });
        assert_eq!(after_line(place, 1), LogPlace { attempt: 1, line: 2 });
        assert_eq!(after_line(place, 3), LogPlace { attempt: 3, line: 1 });
    }

    #[test]
    fn only_the_last_lines_of_a_task_that_has_ended_are_the_last() {
        let lines = |more, state| Lines { more, state, ..Lines::default() };
        assert!(are_last(&lines(false, Some(TaskState::Failed))));
        assert!(!are_last(&lines(true, Some(TaskState::Failed))));
        assert!(!are_last(&lines(false, Some(TaskState::Running))));
        assert!(!are_last(&lines(false, None)));
    }
}
