//! `POST …/pause` and `POST …/resume`: attempts do not begin, or begin again. Tasks are taken all the same.

use super::body::{self, Kind};
use super::jobs::Known;
use super::named::Named;
use super::problem::ApiError;
use super::tasks::check_for;
use super::{Api, openapi};
use crate::access::Caller;
use axum::Json;
use axum::extract::{Extension, Request, State};
use mainworker_client::wire::PauseAnswer;
use std::sync::Arc;

/// Lets no attempt of any job begin until it is resumed.
#[utoipa::path(
    post, path = "/v1/pause", tag = "host",
    responses((status = 200, description = "It is so", body = PauseAnswer))
)]
pub(super) async fn pause_all(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Arc<Caller>>,
    request: Request,
) -> Result<Json<PauseAnswer>, ApiError> {
    of_all(&api, &caller, request, true).await
}

/// Lets attempts begin again. A job that was paused by its name stays so.
#[utoipa::path(
    post, path = "/v1/resume", tag = "host",
    responses((status = 200, description = "It is so", body = PauseAnswer))
)]
pub(super) async fn resume_all(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Arc<Caller>>,
    request: Request,
) -> Result<Json<PauseAnswer>, ApiError> {
    of_all(&api, &caller, request, false).await
}

/// Lets no attempt of the job begin until it is resumed.
#[utoipa::path(
    post, path = "/v1/jobs/{name}/pause", tag = "jobs", params(openapi::JobPath),
    responses((status = 200, description = "It is so", body = PauseAnswer))
)]
pub(super) async fn pause_job(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Arc<Caller>>,
    job: Named,
    request: Request,
) -> Result<Json<PauseAnswer>, ApiError> {
    of_job(&api, &caller, job, request, true).await
}

/// Lets attempts of the job begin again.
#[utoipa::path(
    post, path = "/v1/jobs/{name}/resume", tag = "jobs", params(openapi::JobPath),
    responses((status = 200, description = "It is so", body = PauseAnswer))
)]
pub(super) async fn resume_job(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Arc<Caller>>,
    job: Named,
    request: Request,
) -> Result<Json<PauseAnswer>, ApiError> {
    of_job(&api, &caller, job, request, false).await
}

async fn of_all(
    api: &Api,
    caller: &Caller,
    request: Request,
    paused: bool,
) -> Result<Json<PauseAnswer>, ApiError> {
    body::small(&body::read(api, request, Kind::Small).await?.bytes, &[])?;
    check_for(caller, None)?;
    api.host.pause(None, paused, caller).await?;
    Ok(Json(PauseAnswer { job: None, paused }))
}

async fn of_job(
    api: &Api,
    caller: &Caller,
    Named(name): Named,
    request: Request,
    paused: bool,
) -> Result<Json<PauseAnswer>, ApiError> {
    body::small(&body::read(api, request, Kind::Small).await?.bytes, &[])?;
    // A name that is mistyped would be paused for ever without anybody noticing.
    let name = Known::look(api).await?.find(&name)?;
    check_for(caller, Some(name.clone()))?;
    let job = Some(name.to_string());
    api.host.pause(Some(name), paused, caller).await?;
    Ok(Json(PauseAnswer { job, paused }))
}
