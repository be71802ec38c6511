//! `/v1/deployments`, and the revisions of jobs.

use super::body::{self, Kind};
use super::fields::{missing, text, texts};
use super::named::Named;
use super::problem::ApiError;
use super::tasks::check_for;
use super::{Api, openapi, shortened};
use crate::access::Caller;
use crate::deployments::{DeployAsked, DeploymentRefused, RevisionName, WentBack};
use axum::Json;
use axum::extract::{Extension, Request, State};
use http::StatusCode;
use mainworker_client::wire::{
    DeploymentAccepted, DeploymentEntry, DeploymentInfo, DeploymentRequest, RevisionInfo, RevisionList,
    RollbackAnswer, RollbackRequest, UndeployAnswer,
};
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_domain::limits::WIDENINGS_MAX;
use mainworker_publishing::place::{Wanted, WantedRevision};
use mainworker_queue::verbs::deployments::{JobRevisions, RevisionRow};
use serde_json::Value;
use std::sync::Arc;

const DEPLOYMENT: &[&str] = &["job", "version", "digest", "from", "allowWidening"];

/// Takes a module from somewhere and lets it run for its job from now on.
///
/// It goes on beside everything else: ask how far it is. Tasks that are queued keep the revision they were accepted with.
#[utoipa::path(
    post, path = "/v1/deployments", tag = "deployments", request_body = DeploymentRequest,
    responses((status = 202, description = "It begins", body = DeploymentAccepted))
)]
pub(super) async fn deploy(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Arc<Caller>>,
    request: Request,
) -> Result<(StatusCode, Json<DeploymentAccepted>), ApiError> {
    let fields = body::small(&body::read(&api, request, Kind::Small).await?.bytes, DEPLOYMENT)?;
    let asked = asked(&fields)?;
    check_for(&caller, Some(asked.wanted.job.clone()))?;
    if api.host.is_stopping() {
        return Err(ApiError::Stopping);
    }
    let id = api.host.deploy(asked, &caller)?;
    Ok((StatusCode::ACCEPTED, Json(DeploymentAccepted { deployment_id: id.to_string() })))
}

/// Shows how far a deployment is.
///
/// What became of it is known until the host ends, or a hundred others followed.
#[utoipa::path(
    get, path = "/v1/deployments/{id}", tag = "deployments", params(openapi::DeploymentPath),
    responses((status = 200, description = "As it stands", body = DeploymentInfo))
)]
pub(super) async fn show_deployment(
    State(api): State<Arc<Api>>,
    Named(id): Named,
) -> Result<Json<DeploymentInfo>, ApiError> {
    Ok(Json(api.host.deployment(&id)?))
}

/// Lists the revisions of a job that are kept, and what changed which one is current.
#[utoipa::path(
    get, path = "/v1/jobs/{name}/revisions", tag = "deployments", params(openapi::JobPath),
    responses((status = 200, description = "All of them", body = RevisionList))
)]
pub(super) async fn list_revisions(
    State(api): State<Arc<Api>>,
    Named(name): Named,
) -> Result<Json<RevisionList>, ApiError> {
    let job = known(&api, &name)?;
    let JobRevisions { revisions, history, .. } = api.host.revisions(&job).await?;
    let history = history.into_iter().map(|entry| DeploymentEntry {
        at: entry.at.to_string(),
        by: entry.by.to_string(),
        change: entry.change.as_str().to_owned(),
        revision: entry.module.to_string(),
        allowed_widenings: entry.allowed_widenings,
    });
    let revisions = revisions.into_iter().map(shown);
    Ok(Json(RevisionList {
        job: job.to_string(),
        revisions: revisions.collect(),
        history: history.collect(),
    }))
}

/// Lets a former revision of a job run from now on: the one before the current, unless another is named.
#[utoipa::path(
    post, path = "/v1/jobs/{name}/rollback", tag = "deployments", params(openapi::JobPath),
    request_body = RollbackRequest,
    responses((status = 200, description = "It is current", body = RollbackAnswer))
)]
pub(super) async fn roll_back(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Arc<Caller>>,
    Named(name): Named,
    request: Request,
) -> Result<Json<RollbackAnswer>, ApiError> {
    let fields = body::small(&body::read(&api, request, Kind::Small).await?.bytes, &["revision"])?;
    let job = known(&api, &name)?;
    check_for(&caller, Some(job.clone()))?;
    let to = text(&fields, "revision")?.map(RevisionName::parse).transpose()?;
    let WentBack { from, to, now } = api.host.roll_back(&job, to.as_ref(), &caller).await?;
    Ok(Json(RollbackAnswer {
        job: job.to_string(),
        from: from.map(|from| from.to_string()),
        to: to.to_string(),
        rollback: if now { "rolled-back" } else { "already" }.to_owned(),
    }))
}

/// Takes a job away: tasks of it are not accepted any more. Those that are queued keep their revision.
#[utoipa::path(
    post, path = "/v1/jobs/{name}/undeploy", tag = "deployments", params(openapi::JobPath),
    responses((status = 200, description = "It is gone", body = UndeployAnswer))
)]
pub(super) async fn undeploy(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Arc<Caller>>,
    Named(name): Named,
    request: Request,
) -> Result<Json<UndeployAnswer>, ApiError> {
    body::small(&body::read(&api, request, Kind::Small).await?.bytes, &[])?;
    let job = known(&api, &name)?;
    check_for(&caller, Some(job.clone()))?;
    let was = api.host.undeploy(&job, &caller).await?;
    Ok(Json(UndeployAnswer { job: job.to_string(), was: was.to_string() }))
}

fn known(api: &Api, name: &str) -> Result<JobName, ApiError> {
    JobName::parse(name).map_err(|_| api.host.not_deployed(name).into())
}

fn asked(fields: &Value) -> Result<DeployAsked, ApiError> {
    let name = text(fields, "job")?.ok_or_else(|| missing("job"))?;
    let job = JobName::parse(name).map_err(|error| invalid("/job", "job", name, error.to_string()))?;
    let revision = match (text(fields, "version")?, text(fields, "digest")?) {
        (Some(_), Some(_)) => return Err(DeploymentRefused::TwoWishes.into()),
        (None, Some(text)) => WantedRevision::Manifest(digest("/digest", text)?),
        (Some(text), None) => WantedRevision::Version(semver::Version::parse(text).map_err(|_| {
            invalid("/version", "version", text, "expected a version such as `1.2.3`".to_owned())
        })?),
        (None, None) => WantedRevision::Newest,
    };
    Ok(DeployAsked {
        wanted: Wanted { job, revision },
        from: text(fields, "from")?.ok_or_else(|| missing("from"))?.to_owned(),
        allow_widening: widenings(fields)?,
    })
}

fn digest(pointer: &'static str, text: &str) -> Result<Digest, ApiError> {
    let expected = "expected `sha256:` and 64 lower-case hexadecimal digits".to_owned();
    Digest::parse(text).ok_or_else(|| invalid(pointer, "digest", text, expected))
}

fn widenings(fields: &Value) -> Result<Vec<String>, ApiError> {
    let names = texts(fields, "allowWidening")?.unwrap_or_default();
    if names.len() > WIDENINGS_MAX {
        let (found, expected) =
            (format!("{} names", names.len()), format!("expected at most {WIDENINGS_MAX}"));
        return Err(invalid("/allowWidening", "list of widenings", &found, expected));
    }
    Ok(names)
}

fn invalid(pointer: &'static str, what: &'static str, found: &str, expected: String) -> ApiError {
    DeploymentRefused::Invalid { pointer, what, found: shortened(found), expected }.into()
}

fn shown(row: RevisionRow) -> RevisionInfo {
    let is_current = row.is_current();
    let revision = row.revision;
    RevisionInfo {
        revision: revision.module.to_string(),
        manifest: revision.oci_manifest.to_string(),
        version: revision.version,
        current: is_current,
        open_tasks: row.open_tasks,
        commit: revision.commit,
        builder: revision.builder,
        key: revision.key_id,
        key_fingerprint: revision.key_fingerprint,
        from: revision.from,
        first_deployed_at: row.first_deployed_at.to_string(),
        last_deployed_at: row.last_deployed_at.to_string(),
        deployed_by: row.deployed_by.to_string(),
    }
}
