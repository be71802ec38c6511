//! What can be asked about jobs, and about the host itself.

use crate::client::{Call, Client};
use crate::error::ClientError;
use crate::retries::Repeat;
use crate::target::Target;
use crate::wire::{Job, JobList, PauseAnswer, Stats};

impl Client {
    /// All jobs.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn jobs(&self) -> Result<JobList, ClientError> {
        self.json(Call::get("listing jobs", Target::new("/v1/jobs"))).await
    }

    /// One job.
    ///
    /// # Errors
    /// `unknown_job`; or why there is no answer.
    pub async fn job(&self, name: &str) -> Result<Job, ClientError> {
        self.json(Call::get("reading a job", Target::of_job(name, "")?)).await
    }

    /// Lets no attempt of a job begin, or none at all, until it is resumed. Tasks are taken all the same.
    ///
    /// # Errors
    /// `unknown_job`; or why there is no answer.
    pub async fn pause(&self, job: Option<&str>) -> Result<PauseAnswer, ClientError> {
        let target = match job {
            Some(job) => Target::of_job(job, "/pause")?,
            None => Target::new("/v1/pause"),
        };
        self.json(Call::post("pausing", target, Repeat::Harmless)).await
    }

    /// Lets attempts begin again. Resuming everything leaves a job paused that was paused by its name.
    ///
    /// # Errors
    /// `unknown_job`; or why there is no answer.
    pub async fn resume(&self, job: Option<&str>) -> Result<PauseAnswer, ClientError> {
        let target = match job {
            Some(job) => Target::of_job(job, "/resume")?,
            None => Target::new("/v1/resume"),
        };
        self.json(Call::post("resuming", target, Repeat::Harmless)).await
    }

    /// How the host is and what it does now.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn stats(&self) -> Result<Stats, ClientError> {
        self.json(Call::get("reading the stats", Target::new("/v1/stats"))).await
    }

    /// Whether the host lives. Needs no token.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn healthy(&self) -> Result<(), ClientError> {
        self.text(Call::get("asking for its health", Target::new("/healthz"))).await.map(drop)
    }

    /// Whether the host takes tasks: it may live and be stopping. Needs no token.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn ready(&self) -> Result<(), ClientError> {
        self.text(Call::get("asking whether it is ready", Target::new("/readyz"))).await.map(drop)
    }

    /// Its metrics, as OpenMetrics text.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn metrics(&self) -> Result<String, ClientError> {
        self.text(Call::get("reading the metrics", Target::new("/metrics"))).await
    }

    /// The description of its API, as OpenAPI JSON.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn openapi(&self) -> Result<String, ClientError> {
        self.text(Call::get("reading the description of the API", Target::new("/openapi.json"))).await
    }
}
