//! Bringing back what was kept of a revision and is lost or damaged: from where it was published, and as it was deployed. Which
//! revision is current stays as it is.

use super::{DeploymentRefused, End, Run};
use crate::job_modules::Pinned;
use crate::vouched::Vouched;
use std::sync::Arc;

impl Run<'_> {
    /// The revision that is wanted by its version or its manifest, if it was deployed here and what was kept of it is not whole.
    pub(super) async fn lost(&self) -> Option<Pinned> {
        let pinned = self.modules.named(&self.asked.wanted)?;
        if self.modules.is_whole(&pinned).await { None } else { Some(pinned) }
    }

    /// Keeps what came, and looks whether it can be used.
    pub(super) async fn restore(&self, vouched: &Vouched) -> Result<End, DeploymentRefused> {
        let (job, revision) = (&self.asked.wanted.job, vouched.module.revision());
        self.tell(|info| {
            info.version = Some(revision.manifest().job.version.to_string());
            info.revision = Some(revision.digest().to_string());
        });
        self.keep(vouched).await?;
        self.tell(|info| info.state = "compiling".to_owned());
        let ready = self.host.deployments.runner.prepare_revision(job, revision.digest()).await;
        ready.map_err(|failure| DeploymentRefused::NotReady(Box::new(failure)))?;
        if self.modules.current_of(job).is_some_and(|current| current.module == revision.digest()) {
            self.modules.set_current(job, Some(Arc::clone(revision)));
        }
        self.host.tell_deployment(job, "restored", Some(revision.digest()));
        Ok(End::Restored)
    }
}
