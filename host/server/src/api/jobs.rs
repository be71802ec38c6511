//! `GET /v1/jobs` and `GET /v1/jobs/{name}`: the jobs, with how many tasks they have. And
//! `GET /v1/jobs/{name}/description`: what changes with a job's module alone, so that it is worth keeping.

use super::named::Named;
use super::problem::ApiError;
use super::{Api, etag, openapi, shortened, shown};
use crate::failure::Failure;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use mainworker_client::wire::{Job, JobDescription, JobInfo, JobList};
use mainworker_domain::catalog::Revision;
use mainworker_domain::job_name::JobName;
use mainworker_domain::nearest::nearest_few;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::overview::Overview;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// What is known of the jobs: what their modules say, and what the store counts.
pub(super) struct Known {
    /// With what their modules say, or why they cannot be used.
    modules: BTreeMap<JobName, Result<Arc<Revision>, Failure>>,
    pub(super) overview: Overview,
}

impl Known {
    /// Looks at all modules and at the store.
    pub(super) async fn look(api: &Api) -> Result<Self, ApiError> {
        let modules = Arc::clone(&api.host.modules);
        // It reads a folder, and modules that have changed.
        let modules = spawn_blocking(move || {
            let of = |name: JobName| {
                let revision = modules.current(&name).transpose()?;
                Some((name, revision))
            };
            modules.names().into_iter().filter_map(of).collect()
        });
        let modules = modules.await.map_err(|_| ApiError::Host("reading the modules failed"))?;
        Ok(Self { modules, overview: api.host.store.overview().await? })
    }

    /// All jobs that have a module or ever had a task, by name.
    pub(super) fn jobs(&self) -> Vec<JobInfo> {
        let names: BTreeSet<&JobName> = self.modules.keys().chain(self.overview.jobs.keys()).collect();
        names.into_iter().map(|name| self.job(name)).collect()
    }

    fn job(&self, name: &JobName) -> JobInfo {
        shown::job(name, self.module(name), self.overview.jobs.get(name))
    }

    fn module(&self, name: &JobName) -> Option<Result<&Revision, &Failure>> {
        self.modules.get(name).map(|module| module.as_ref().map(Arc::as_ref))
    }

    /// The job of this name.
    ///
    /// # Errors
    /// `unknown_job` with the nearest names; a text that is no job name is unknown too.
    pub(super) fn find(&self, name: &str) -> Result<JobName, ApiError> {
        let is_known =
            |name: &JobName| self.modules.contains_key(name) || self.overview.jobs.contains_key(name);
        JobName::parse(name).ok().filter(is_known).ok_or_else(|| {
            let known = self.modules.keys().chain(self.overview.jobs.keys()).map(JobName::as_str);
            let known: BTreeSet<&str> = known.collect();
            ApiError::UnknownJob {
                name: shortened(name),
                nearest: nearest_few(name, known, 3).into_iter().map(str::to_owned).collect(),
            }
        })
    }
}

/// Lists the jobs: those that have a module here, and those that ever had a task.
#[utoipa::path(
    get, path = "/v1/jobs", tag = "jobs", params(openapi::Known),
    responses(
        (status = 200, description = "By name", body = JobList, headers(("ETag" = String, description = "Of this very answer"))),
        (status = 304, description = "It is what `If-None-Match` names")
    )
)]
pub(super) async fn list_jobs(State(api): State<Arc<Api>>, headers: HeaderMap) -> Result<Response, ApiError> {
    let known = Known::look(&api).await?;
    etag::json(&headers, &JobList { jobs: known.jobs(), paused: known.overview.paused })
}

/// Shows a job with its manifest and its schemas.
#[utoipa::path(
    get, path = "/v1/jobs/{name}", tag = "jobs", params(openapi::JobPath, openapi::Known),
    responses(
        (status = 200, description = "The job", body = Job, headers(("ETag" = String, description = "Of this very answer, counts included"))),
        (status = 304, description = "It is what `If-None-Match` names")
    )
)]
pub(super) async fn show_job(
    State(api): State<Arc<Api>>,
    Named(name): Named,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let known = Known::look(&api).await?;
    let name = known.find(&name)?;
    let description = known.module(&name).and_then(Result::ok).map(Revision::description);
    let job = Job {
        job: known.job(&name),
        manifest: description.map(|description| description.manifest.to_json()),
        payload_schema: description.and_then(|description| description.payload_schema.clone()),
        result_schema: description.and_then(|description| description.result_schema.clone()),
    };
    etag::json(&headers, &job)
}

/// Describes what a task of the job is checked against.
///
/// It changes with the job's module alone, so it can be kept, and asked for again with `If-None-Match`. A job that there is
/// not is the same problem as for a task of it.
#[utoipa::path(
    get, path = "/v1/jobs/{name}/description", tag = "jobs", params(openapi::JobPath, openapi::Known),
    responses(
        (status = 200, description = "Its manifest and its schemas", body = JobDescription,
            headers(("ETag" = String, description = "Of this very answer"))),
        (status = 304, description = "It is what `If-None-Match` names")
    )
)]
pub(super) async fn describe_job(
    State(api): State<Arc<Api>>,
    Named(name): Named,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let modules = Arc::clone(&api.host.modules);
    // It reads a module that has changed.
    let found = spawn_blocking(move || modules.find(&name)).await;
    let found = found.map_err(|_| ApiError::Host("reading the modules failed"))?;
    let revision = found.map_err(|failure| ApiError::NotTaken(Box::new(failure)))?;
    let description = revision.description();
    let described = JobDescription {
        name: description.manifest.job.name.to_string(),
        revision: revision.digest().to_string(),
        manifest: description.manifest.to_json(),
        payload_schema: description.payload_schema.clone(),
        result_schema: description.result_schema.clone(),
    };
    etag::json(&headers, &described)
}
