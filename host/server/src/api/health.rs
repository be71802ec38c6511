//! What machines ask for: whether the host lives, whether it takes tasks, its figures, the description of this API.

use super::Api;
use super::openapi::DESCRIPTION;
use super::problem::ApiError;
use crate::metrics::{CONTENT_TYPE as OPENMETRICS, Standing};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use mainworker_queue::store::Store;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Says that the process lives.
#[utoipa::path(
    get, path = "/healthz", tag = "machines",
    responses((status = 200, description = "`ok`", body = String, content_type = "text/plain"))
)]
pub(super) async fn alive() -> &'static str {
    "ok"
}

/// Says whether the host takes tasks: its store answers, can be written to, and it was not asked to
/// stop.
#[utoipa::path(
    get, path = "/readyz", tag = "machines",
    responses((status = 200, description = "`ok`", body = String, content_type = "text/plain"))
)]
pub(super) async fn ready(State(api): State<Arc<Api>>) -> Result<&'static str, ApiError> {
    if api.host.is_stopping() {
        return Err(ApiError::Stopping);
    }
    api.host.readiness.check(&api.host.store).await?;
    Ok("ok")
}

/// Shows the host's figures as OpenMetrics text, for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "machines",
    responses((status = 200, description = "All figures", body = String, content_type = "application/openmetrics-text"))
)]
pub(super) async fn metrics(State(api): State<Arc<Api>>) -> Result<Response, ApiError> {
    let standing = Standing {
        overview: api.host.store.overview().await.ok(),
        running: api.host.dispatch.running().await.len(),
        slots: api.host.slots,
        connections: api.connections.load(Ordering::Relaxed),
        streams: api.streams_open(),
        started_at: api.host.started_at,
    };
    let text = api.host.metrics.encode(&standing);
    let text = text.map_err(|_| ApiError::Host("writing figures as text failed"))?;
    Ok(([(CONTENT_TYPE, OPENMETRICS)], text).into_response())
}

/// Shows this description.
#[utoipa::path(
    get, path = "/openapi.json", tag = "machines",
    responses((status = 200, description = "OpenAPI 3.1", body = Object))
)]
pub(super) async fn openapi() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DESCRIPTION.as_str())
}
