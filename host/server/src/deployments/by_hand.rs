//! What is done with revisions that are here: going back to one, taking a job away, listing them.

use super::DeploymentRefused;
use crate::access::Caller;
use crate::host::Host;
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::deployments::{
    Change, JobRevisions, Rollback, RolledBack, Undeploy, Undeployed,
};
use std::sync::Arc;

/// What a rollback did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WentBack {
    /// What was current.
    pub from: Option<Digest>,
    /// What is.
    pub to: Digest,
    /// Whether that is new.
    pub now: bool,
}

impl Host {
    /// Lets a former revision of a job run from now on: the named one, or the one before the current. It is verified and
    /// compiled first, as at its deployment.
    ///
    /// # Errors
    /// A revision that is not here, or cannot be used any more.
    pub async fn roll_back(
        &self,
        job: &JobName,
        to: Option<Digest>,
        by: &Caller,
    ) -> Result<WentBack, DeploymentRefused> {
        let modules = self.modules.as_deployed().ok_or(DeploymentRefused::OfFolder)?;
        let _turn = self.deployments.turn.lock().await;
        let to = match to {
            Some(to) => to,
            None => match former(&self.store.revisions(job.clone()).await?) {
                Former::Revision(to) => to,
                Former::IsCurrent(current) => {
                    return Err(DeploymentRefused::RolledBackAlready { job: job.clone(), current });
                }
                Former::None => return Err(DeploymentRefused::NoFormer { job: job.clone() }),
                Former::NotDeployed => return Err(self.not_deployed(job.as_str())),
            },
        };
        if !modules.knows(job, to) {
            return Err(DeploymentRefused::UnknownRevision { job: job.clone(), revision: to.to_string() });
        }
        let ready = self.deployments.runner.prepare_revision(job, to).await;
        let revision = ready.map_err(|failure| DeploymentRefused::NotReady(Box::new(failure)))?;
        let rollback = Rollback { job: job.clone(), to: Some(to), now: self.now(), by: by.actor.clone() };
        match self.store.rollback(rollback).await.inspect_err(|error| drop(self.store_failed(error)))? {
            RolledBack::Now { from, to } => {
                modules.set_current(job, Some(Arc::clone(&revision)));
                self.tell_deployment(job, "rolled-back", Some(to));
                Ok(WentBack { from: Some(from), to, now: true })
            }
            RolledBack::Already => Ok(WentBack { from: Some(to), to, now: false }),
            RolledBack::NoFormer => Err(DeploymentRefused::NoFormer { job: job.clone() }),
            RolledBack::UnknownRevision => {
                Err(DeploymentRefused::UnknownRevision { job: job.clone(), revision: to.to_string() })
            }
            RolledBack::NotDeployed => Err(self.not_deployed(job.as_str())),
        }
    }

    /// Takes a job away: tasks of it are not accepted any more. Those that are queued keep their revision.
    ///
    /// # Errors
    /// A job that is not deployed.
    pub async fn undeploy(&self, job: &JobName, by: &Caller) -> Result<Digest, DeploymentRefused> {
        let modules = self.modules.as_deployed().ok_or(DeploymentRefused::OfFolder)?;
        let _turn = self.deployments.turn.lock().await;
        let undeploy = Undeploy { job: job.clone(), now: self.now(), by: by.actor.clone() };
        match self.store.undeploy(undeploy).await.inspect_err(|error| drop(self.store_failed(error)))? {
            Undeployed::Now { was } => {
                modules.set_current(job, None);
                self.tell_deployment(job, "undeployed", None);
                Ok(was)
            }
            Undeployed::NotDeployed => Err(self.not_deployed(job.as_str())),
        }
    }

    /// The revisions of a job that are kept.
    ///
    /// # Errors
    /// A job that never was deployed, or a store that does not answer.
    pub async fn revisions(&self, job: &JobName) -> Result<JobRevisions, DeploymentRefused> {
        if self.modules.as_deployed().is_none() {
            return Err(DeploymentRefused::OfFolder);
        }
        let revisions = self.store.revisions(job.clone()).await?;
        if revisions.history.is_empty() {
            return Err(self.not_deployed(job.as_str()));
        }
        Ok(revisions)
    }
}

/// Where a rollback leads that names no revision.
enum Former {
    Revision(Digest),
    /// The current one is so by a rollback: a second one would lead back to what was just fled from.
    IsCurrent(Digest),
    None,
    NotDeployed,
}

fn former(revisions: &JobRevisions) -> Former {
    let Some(latest) = revisions.history.first() else { return Former::NotDeployed };
    match latest.change {
        Change::Undeployed => Former::NotDeployed,
        Change::RolledBack => Former::IsCurrent(latest.module),
        // What was only signed anew became current before.
        Change::Deployed => {
            let mut befores = revisions.history.iter().take_while(|entry| entry.module == latest.module);
            let before = befores.find_map(|entry| entry.before.filter(|before| *before != latest.module));
            before.map_or(Former::None, Former::Revision)
        }
    }
}
