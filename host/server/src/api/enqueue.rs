//! `POST /v1/tasks` and `POST /v1/tasks/batch`: tasks come in.

use super::body::{self, Kind};
use super::problem::ApiError;
use super::{Api, openapi};
use crate::access::Caller;
use crate::host::NotTaken;
use crate::intake::Asked;
use axum::Json;
use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::LOCATION;
use mainworker_client::wire::{TaskAccepted, TasksAccepted};
use mainworker_domain::event::Event;
use mainworker_queue::verbs::enqueue::{Enqueued, How};
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// Takes a task.
///
/// It was stored when the answer comes: a task that was accepted ends, exactly once, in one terminal state.
#[utoipa::path(
    post, path = "/v1/tasks", tag = "tasks", request_body = openapi::TaskRequest,
    responses(
        (status = 202, description = "The task is stored", body = TaskAccepted,
            headers(("Location" = String, description = "`/v1/tasks/{id}`"))),
        (status = 200, description = "It was there already, under its idempotency key or its unique key", body = TaskAccepted)
    )
)]
pub(super) async fn enqueue(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Arc<Caller>>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = read_task(&api, request).await.inspect_err(|error| tell_rejected(&api, &caller, error))?;
    let enqueued = take(&api, &caller, vec![asked]).await.map_err(|(error, _)| error)?;
    let [enqueued] = enqueued.as_slice() else {
        return Err(ApiError::Host("one task was asked for and another number was taken"));
    };
    let status = match enqueued.how {
        How::New | How::Replaced(_) => StatusCode::ACCEPTED,
        How::Known | How::Existing => StatusCode::OK,
    };
    let task_id = enqueued.id.to_string();
    let location = [(LOCATION, format!("/v1/tasks/{task_id}"))];
    Ok((status, location, Json(TaskAccepted { task_id })).into_response())
}

/// Takes many tasks: all of them, or none.
///
/// A problem names the task that is to blame by its place in the batch.
#[utoipa::path(
    post, path = "/v1/tasks/batch", tag = "tasks", request_body = openapi::BatchRequest,
    responses((status = 202, description = "The tasks are stored, or were there already under their keys", body = TasksAccepted))
)]
pub(super) async fn enqueue_batch(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Arc<Caller>>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = read_batch(&api, request).await.inspect_err(|error| tell_rejected(&api, &caller, error))?;
    let enqueued = if asked.is_empty() {
        Vec::new()
    } else {
        let taken = take(&api, &caller, asked).await;
        taken.map_err(|(error, index)| error.of_batch(index))?
    };
    let task_ids = enqueued.iter().map(|enqueued| enqueued.id.to_string()).collect();
    Ok((StatusCode::ACCEPTED, Json(TasksAccepted { task_ids })).into_response())
}

async fn read_task(api: &Api, request: Request) -> Result<Asked, ApiError> {
    let body = body::read(api, request, Kind::Task).await?;
    body::task(&body.bytes)
}

async fn read_batch(api: &Api, request: Request) -> Result<Vec<Asked>, ApiError> {
    let body = body::read(api, request, Kind::Batch).await?;
    // Walking through 64 MiB takes longer than others should wait for this thread.
    let bytes = body.bytes.clone();
    let read = spawn_blocking(move || body::batch(&bytes)).await;
    read.map_err(|_| ApiError::Host("reading a batch failed"))?
}

/// Hands tasks to the intake; an error comes with the place of the task that is to blame.
async fn take(api: &Api, caller: &Caller, asked: Vec<Asked>) -> Result<Vec<Enqueued>, (ApiError, usize)> {
    if api.host.is_stopping() {
        return Err((ApiError::Stopping, 0));
    }
    let taken = api.host.enqueue(caller, asked).await;
    taken.map_err(|NotTaken { index, failure, .. }| (ApiError::NotTaken(failure), index))
}

/// What does not come as far as the intake is a rejection too; what did not come at all is none.
fn tell_rejected(api: &Api, caller: &Caller, error: &ApiError) {
    if matches!(error, ApiError::BrokenOff | ApiError::Timeout { .. } | ApiError::Host(_)) {
        return;
    }
    api.host.events.emit(Event::EnvelopeRejected {
        code: error.code().to_owned(),
        detail: error.to_string(),
        job: None,
        source: Some(caller.source.clone()),
    });
}
