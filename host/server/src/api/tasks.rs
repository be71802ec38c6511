//! `GET /v1/tasks` and `GET /v1/tasks/{id}`: what there is.

use super::limits::{PAGE_TASKS, PAGE_TASKS_EXAMINED_MAX, PAGE_TASKS_MAX};
use super::problem::ApiError;
use super::query::Parameters;
use super::{Api, cursor, filter, openapi, shortened, shown};
use crate::access::Caller;
use axum::Json;
use axum::extract::{Extension, FromRequestParts, Path, State};
use http::Uri;
use http::request::Parts;
use mainworker_client::wire;
use mainworker_domain::job_name::JobName;
use mainworker_domain::task_id::TaskId;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::list::List;
use mainworker_queue::verbs::task::TaskView;
use std::sync::Arc;

/// Checks that the credential is for the job of a task, seen or not.
///
/// # Errors
/// `unknown_task`, `source_not_allowed`.
pub(super) async fn check_job(api: &Api, caller: &Caller, id: TaskId) -> Result<(), ApiError> {
    if caller.jobs.is_none() {
        return Ok(());
    }
    let job = api.host.store.task(id).await?.ok_or_else(|| unknown(id))?.summary.job;
    check_for(caller, Some(job))
}

/// Checks that the credential is for a job, or for all of them.
///
/// # Errors
/// `source_not_allowed`.
pub(super) fn check_for(caller: &Caller, job: Option<JobName>) -> Result<(), ApiError> {
    let is_for = job.as_ref().map_or(caller.jobs.is_none(), |job| caller.may_ask_for(job));
    if is_for { Ok(()) } else { Err(ApiError::NotForJob { source_name: caller.source.clone(), job }) }
}

/// The task that a path names.
#[derive(Clone, Copy, Debug)]
pub(super) struct NamedTask(pub(super) TaskId);

impl FromRequestParts<Arc<Api>> for NamedTask {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, api).await;
        let text = path.map(|Path(text)| text).unwrap_or_default();
        TaskId::parse(&text).map(Self).ok_or_else(|| ApiError::UnknownTask { id: shortened(&text) })
    }
}

/// The task, if it is there for the caller. What somebody may not see is not there.
pub(super) async fn find(api: &Api, caller: &Caller, id: TaskId) -> Result<TaskView, ApiError> {
    match api.host.store.task(id).await? {
        Some(view) if caller.sees(&view.summary.source) => Ok(view),
        _ => Err(unknown(id)),
    }
}

pub(super) fn unknown(id: TaskId) -> ApiError {
    ApiError::UnknownTask { id: id.to_string() }
}

/// Lists tasks that fit all filters, the newest first.
///
/// Those of the own source, or with the role `read` those of all. A page may have fewer tasks than asked for, and still a
/// next one.
#[utoipa::path(
    get, path = "/v1/tasks", tag = "tasks", params(openapi::ListParameters),
    responses((status = 200, description = "A page", body = wire::TaskPage))
)]
pub(super) async fn list_tasks(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Arc<Caller>>,
    uri: Uri,
) -> Result<Json<wire::TaskPage>, ApiError> {
    let parameters = Parameters::read(&uri, filter::LIST_PARAMETERS)?;
    let mut fits = filter::read(&filter::of_query(&parameters))?;
    filter::narrow(&mut fits, &caller)?;
    let tasks_max = parameters.get("limit").map_or(Ok(PAGE_TASKS), limit)?;
    let query = filter::canonical(&fits);
    let before = parameters.get("cursor").map(|text| cursor::read(&query, text)).transpose()?;
    let list =
        List { filter: fits, before, tasks_max, examined_max: PAGE_TASKS_EXAMINED_MAX, now: api.host.now() };
    let page = api.host.store.list(list).await?;
    Ok(Json(wire::TaskPage {
        tasks: page.tasks.into_iter().map(shown::summary).collect(),
        next_cursor: page.next.map(|place| cursor::write(&query, place)),
    }))
}

fn limit(text: &str) -> Result<usize, ApiError> {
    let number = text.parse().ok().filter(|number| (1..=PAGE_TASKS_MAX).contains(number));
    number.ok_or_else(|| filter::bad("limit", text, format!("1 to {PAGE_TASKS_MAX}")))
}

/// Shows a task with its attempts.
#[utoipa::path(
    get, path = "/v1/tasks/{id}", tag = "tasks", params(openapi::TaskPath),
    responses((status = 200, description = "The task", body = wire::Task))
)]
pub(super) async fn show_task(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Arc<Caller>>,
    NamedTask(id): NamedTask,
) -> Result<Json<wire::Task>, ApiError> {
    find(&api, &caller, id).await.map(shown::task).map(Json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_bounded_number_of_tasks() {
        assert_eq!((limit("1").unwrap(), limit("500").unwrap()), (1, PAGE_TASKS_MAX));
        for bad in ["0", "501", "-1", "ten", "", "1e2"] {
            assert_eq!(limit(bad).unwrap_err().code(), "bad_filter", "{bad}");
        }
    }
}
