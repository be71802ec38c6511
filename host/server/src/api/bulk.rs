//! `POST /v1/tasks/cancel` and `POST /v1/tasks/retry`: many tasks at once.
//!
//! Page by page from the newest to the oldest, so that the store is never held for long. Where no state is named, a cancel
//! looks at what is queued or running, and a retry at what failed: nobody means the others. What is left when the time is
//! over is for another request.

use super::body::{self, Kind, object};
use super::fields::{flag, missing};
use super::limits::{BULK, PAGE_TASKS_EXAMINED_MAX, PAGE_TASKS_MAX};
use super::problem::ApiError;
use super::{Api, filter};
use crate::access::Caller;
use axum::Json;
use axum::extract::{Extension, Request, State};
use mainworker_client::wire::{BulkAnswer, BulkRequest};
use mainworker_domain::lifecycle::{Refusal, State as TaskState};
use mainworker_domain::task_id::TaskId;
use mainworker_queue::store::{Store, StoreError};
use mainworker_queue::verbs::cancel::Cancelled;
use mainworker_queue::verbs::list::{Filter, List};
use mainworker_queue::verbs::retry::Retried;
use std::sync::Arc;
use std::time::Instant;

/// What is done to the tasks.
#[derive(Clone, Copy, Debug)]
enum Verb {
    Cancel,
    Retry,
}

/// What became of one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    Changed,
    /// It was so before.
    Already,
    Refused(&'static str),
}

/// Cancels all tasks that fit the filter; without `state`, those that are queued or running.
///
/// With `preview` they are only counted. If the answer says `more`, the time was over: send it again.
#[utoipa::path(
    post, path = "/v1/tasks/cancel", tag = "tasks", request_body = BulkRequest,
    responses((status = 200, description = "What was done", body = BulkAnswer))
)]
pub(super) async fn cancel_many(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Arc<Caller>>,
    request: Request,
) -> Result<Json<BulkAnswer>, ApiError> {
    change(&api, &caller, request, Verb::Cancel).await.map(Json)
}

/// Retries all tasks that fit the filter; without `state`, those that failed.
///
/// With `preview` they are only counted. If the answer says `more`, the time was over: send it again.
#[utoipa::path(
    post, path = "/v1/tasks/retry", tag = "tasks", request_body = BulkRequest,
    responses((status = 200, description = "What was done", body = BulkAnswer))
)]
pub(super) async fn retry_many(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Arc<Caller>>,
    request: Request,
) -> Result<Json<BulkAnswer>, ApiError> {
    change(&api, &caller, request, Verb::Retry).await.map(Json)
}

async fn change(api: &Api, caller: &Caller, request: Request, verb: Verb) -> Result<BulkAnswer, ApiError> {
    let body = body::read(api, request, Kind::Small).await?;
    let (filter, preview) = read(&body.bytes, verb)?;
    let begun = Instant::now();
    let mut answer = BulkAnswer::default();
    let mut before = None;
    loop {
        let list = List {
            filter: filter.clone(),
            before,
            tasks_max: PAGE_TASKS_MAX,
            examined_max: PAGE_TASKS_EXAMINED_MAX,
            now: api.host.now(),
        };
        let page = api.host.store.list(list).await?;
        answer.matched += page.tasks.len() as u64;
        let (tasks, others): (Vec<_>, Vec<_>) =
            page.tasks.iter().partition(|task| caller.may_ask_for(&task.job));
        if !preview && !others.is_empty() {
            *answer.refused.entry("source_not_allowed".to_owned()).or_default() += others.len() as u64;
        }
        if !preview && !tasks.is_empty() {
            let tasks = tasks.iter().map(|task| task.id).collect();
            for done in verb.apply(api, caller, tasks).await? {
                match done {
                    Done::Changed => answer.changed += 1,
                    Done::Already => {}
                    Done::Refused(code) => *answer.refused.entry(code.to_owned()).or_default() += 1,
                }
            }
        }
        match page.next {
            None => return Ok(answer),
            Some(_) if begun.elapsed() > BULK => {
                answer.more = true;
                return Ok(answer);
            }
            next => before = next,
        }
    }
}

/// The filter, and whether to count only.
fn read(bytes: &[u8], verb: Verb) -> Result<(Filter, bool), ApiError> {
    let body = body::small(bytes, &["filter", "preview"])?;
    let preview = flag(&body["preview"], "preview")?;
    if body["filter"].is_null() {
        return Err(missing("filter"));
    }
    let fields = object(&body["filter"], "the filter", "/filter", filter::FIELDS)?;
    let mut filter = filter::read(&filter::of_json(fields, "/filter")?)?;
    if filter == Filter::default() {
        return Err(ApiError::BadFilter {
            name: "filter".to_owned(),
            found: "empty".to_owned(),
            expected: "at least one filter, such as `job`".to_owned(),
            nearest: None,
        });
    }
    if filter.states.is_empty() {
        filter.states = verb.states().to_vec();
    }
    Ok((filter, preview))
}

impl Verb {
    /// What is meant where no state is named.
    fn states(self) -> &'static [TaskState] {
        match self {
            Self::Cancel => &[TaskState::Queued, TaskState::Running],
            Self::Retry => &[TaskState::Failed],
        }
    }

    async fn apply(self, api: &Api, caller: &Caller, tasks: Vec<TaskId>) -> Result<Vec<Done>, StoreError> {
        Ok(match self {
            Self::Cancel => api.host.cancel(tasks, caller).await?.into_iter().map(Done::of_cancel).collect(),
            Self::Retry => api.host.retry(tasks, 0, caller).await?.into_iter().map(Done::of_retry).collect(),
        })
    }
}

impl Done {
    fn of_cancel(cancelled: Cancelled) -> Self {
        match cancelled {
            Cancelled::Now | Cancelled::Requested { .. } => Self::Changed,
            Cancelled::Already => Self::Already,
            Cancelled::Refused(refusal) => Self::refused(refusal),
            // Retention was faster.
            Cancelled::Unknown => Self::Refused("unknown_task"),
        }
    }

    fn of_retry(retried: Retried) -> Self {
        match retried {
            Retried::Queued => Self::Changed,
            Retried::Refused(refusal) => Self::refused(refusal),
            Retried::UniqueConflict { .. } => Self::Refused("unique_conflict"),
            Retried::Unknown => Self::Refused("unknown_task"),
        }
    }

    fn refused(refusal: Refusal) -> Self {
        Self::Refused(refusal.code().unwrap_or("host_error"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_needed_and_says_which_states_unless_it_names_them() {
        let (filter, preview) = read(br#"{"filter":{"job":"echo"},"preview":true}"#, Verb::Cancel).unwrap();
        assert_eq!((filter.states, preview), (vec![TaskState::Queued, TaskState::Running], true));
        let (filter, preview) = read(br#"{"filter":{"label":"x"}}"#, Verb::Retry).unwrap();
        assert_eq!((filter.states, preview), (vec![TaskState::Failed], false));
        let (filter, _) = read(br#"{"filter":{"state":"expired"}}"#, Verb::Retry).unwrap();
        assert_eq!(filter.states, [TaskState::Expired]);
    }

    #[test]
    fn what_cannot_be_meant_changes_nothing() {
        for (body, code) in [
            ("", "missing_field"),
            ("{}", "missing_field"),
            (r#"{"filter":{}}"#, "bad_filter"),
            (r#"{"filter":{"job":null}}"#, "bad_filter"),
            (r#"{"filter":{"jobs":"echo"}}"#, "unknown_field"),
            (r#"{"filter":{"job":"echo"},"dryRun":true}"#, "unknown_field"),
            (r#"{"filter":{"job":"echo"},"preview":"yes"}"#, "wrong_type"),
            (r#"{"filter":[]}"#, "wrong_type"),
            (r#"{"filter":{"state":"quued"}}"#, "bad_filter"),
            (r#"{"filter":{"job":"echo"},"filter":{"job":"edge-logs"}}"#, "malformed_json"),
        ] {
            assert_eq!(read(body.as_bytes(), Verb::Cancel).unwrap_err().code(), code, "{body}");
        }
    }
}
