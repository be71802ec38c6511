//! `POST /v1/tasks/{id}/cancel`: somebody does not want a task any more.

use super::body::{self, Kind};
use super::problem::ApiError;
use super::tasks::{NamedTask, check_job, find, unknown};
use super::{Api, openapi};
use crate::access::Caller;
use axum::Json;
use axum::extract::{Extension, Request, State};
use http::StatusCode;
use mainworker_client::wire::CancelAnswer;
use mainworker_domain::access::Role;
use mainworker_domain::task_id::TaskId;
use mainworker_queue::verbs::cancel::Cancelled;
use std::sync::Arc;

/// Cancels a task.
///
/// One that runs is told to stop; if its attempt completes all the same, it is completed. Doing it twice is as good as
/// once.
#[utoipa::path(
    post, path = "/v1/tasks/{id}/cancel", tag = "tasks", params(openapi::TaskPath),
    responses(
        (status = 200, description = "It is cancelled, or was before", body = CancelAnswer),
        (status = 202, description = "Its attempt is told to stop", body = CancelAnswer)
    )
)]
pub(super) async fn cancel_task(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Arc<Caller>>,
    NamedTask(id): NamedTask,
    request: Request,
) -> Result<(StatusCode, Json<CancelAnswer>), ApiError> {
    body::small(&body::read(&api, request, Kind::Small).await?.bytes, &[])?;
    if !caller.may(Role::Operate) {
        check_own(&api, &caller, id).await?;
    }
    check_job(&api, &caller, id).await?;
    let cancelled = api.host.cancel(vec![id], &caller).await?;
    let (status, cancel) = match cancelled.first() {
        Some(Cancelled::Now) => (StatusCode::OK, "cancelled"),
        Some(Cancelled::Requested { .. }) => (StatusCode::ACCEPTED, "requested"),
        Some(Cancelled::Already) => (StatusCode::OK, "already"),
        Some(Cancelled::Refused(refusal)) => return Err(ApiError::refused(*refusal)),
        Some(Cancelled::Unknown) => return Err(unknown(id)),
        None => return Err(ApiError::Host("a task was cancelled without an answer")),
    };
    Ok((status, Json(CancelAnswer { task_id: id.to_string(), cancel: cancel.to_owned() })))
}

/// Whoever may ask for tasks may cancel its own.
async fn check_own(api: &Api, caller: &Caller, id: TaskId) -> Result<(), ApiError> {
    let source = find(api, caller, id).await?.summary.source;
    if source == caller.source && caller.may(Role::Enqueue) {
        return Ok(());
    }
    let needed: &[Role] =
        if source == caller.source { &[Role::Enqueue, Role::Operate] } else { &[Role::Operate] };
    Err(ApiError::RoleMissing { source_name: caller.source.clone(), needed })
}
