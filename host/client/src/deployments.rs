//! What can be asked about which revisions a host runs, by whoever may.

use crate::client::{Call, Client};
use crate::error::ClientError;
use crate::retries::Repeat;
use crate::target::Target;
use crate::wire::{
    DeploymentAccepted, DeploymentInfo, DeploymentRequest, RevisionList, RollbackAnswer, RollbackRequest,
    UndeployAnswer,
};

impl Client {
    /// Asks the host to take a module and to run it from now on. It goes on beside everything else; see
    /// [`Client::deployment`]. Asking twice is as good as once: what is current already is not deployed again.
    ///
    /// # Errors
    /// `missing_field`, `name_invalid`; or why there is no answer.
    pub async fn deploy(&self, request: &DeploymentRequest) -> Result<DeploymentAccepted, ClientError> {
        let call = Call::post("asking for a deployment", Target::new("/v1/deployments"), Repeat::Harmless);
        self.json(call.with(request)).await
    }

    /// How far a deployment is.
    ///
    /// # Errors
    /// `unknown_deployment`; or why there is no answer.
    pub async fn deployment(&self, id: &str) -> Result<DeploymentInfo, ClientError> {
        self.json(Call::get("looking how far a deployment is", Target::of_deployment(id)?)).await
    }

    /// The revisions of a job that the host keeps.
    ///
    /// # Errors
    /// `unknown_job`; or why there is no answer.
    pub async fn revisions(&self, job: &str) -> Result<RevisionList, ClientError> {
        self.json(Call::get("listing revisions", Target::of_job(job, "/revisions")?)).await
    }

    /// Lets a former revision of a job run from now on. Not asked again if the answer is lost and no revision was named: that
    /// could go further back.
    ///
    /// # Errors
    /// `unknown_job`, `unknown_revision`, `no_former_revision`; or why there is no answer.
    pub async fn rollback(
        &self,
        job: &str,
        request: &RollbackRequest,
    ) -> Result<RollbackAnswer, ClientError> {
        let repeat = if request.revision.is_some() { Repeat::Harmless } else { Repeat::Harmful };
        let call = Call::post("rolling back", Target::of_job(job, "/rollback")?, repeat);
        self.json(call.with(request)).await
    }

    /// Takes a job away: its tasks are not accepted any more. Those that are queued keep their revision.
    ///
    /// # Errors
    /// `unknown_job`; or why there is no answer.
    pub async fn undeploy(&self, job: &str) -> Result<UndeployAnswer, ClientError> {
        // A repetition would be told that there is no such job.
        let call = Call::post("undeploying", Target::of_job(job, "/undeploy")?, Repeat::Harmful);
        self.json(call).await
    }
}
