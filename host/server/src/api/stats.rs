//! `GET /v1/stats`: how the host is and what it does now.

use super::jobs::Known;
use super::problem::ApiError;
use super::{Api, shown};
use crate::clock::Mode;
use axum::Json;
use axum::extract::State;
use mainworker_client::wire::{DevInfo, RunningInfo, Stats};
use std::sync::Arc;

/// Shows how the host is and what it does now.
#[utoipa::path(
    get, path = "/v1/stats", tag = "host",
    responses((status = 200, description = "Now", body = Stats))
)]
pub(super) async fn stats(State(api): State<Arc<Api>>) -> Result<Json<Stats>, ApiError> {
    let known = Known::look(&api).await?;
    let running = api.host.dispatch.running().await.into_iter().map(|attempt| RunningInfo {
        task_id: attempt.task_id.to_string(),
        job: attempt.job.to_string(),
        attempt: attempt.attempt,
        started_at: attempt.claimed_at.to_string(),
    });
    Ok(Json(Stats {
        host: api.host.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: api.host.started_at.to_string(),
        now: api.host.now().to_string(),
        dev: match api.host.clock.mode() {
            Mode::Service => None,
            Mode::Development { clock } => Some(DevInfo { clock: clock.map(|moment| moment.to_string()) }),
        },
        paused: known.overview.paused,
        slots: api.host.slots as u64,
        running: running.collect(),
        tasks: shown::tasks(&known.overview),
        store_bytes: known.overview.store_bytes,
        jobs: known.jobs(),
    }))
}
