//! What is done with revisions that are here: going back to one, taking a job away, listing them.

use super::DeploymentRefused;
use crate::access::Caller;
use crate::host::Host;
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::deployments::{
    JobRevisions, RevisionRow, Rollback, RolledBack, Undeploy, Undeployed,
};
use semver::Version;
use std::fmt;
use std::sync::Arc;

/// What a rollback did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WentBack {
    /// What was current; none if the job had been taken away.
    pub from: Option<Digest>,
    /// What is.
    pub to: Digest,
    /// Whether that is new.
    pub now: bool,
}

impl Host {
    /// Lets a former revision of a job run from now on: the named one, also of a job that was taken away, or the one before the
    /// current. It is verified and compiled first, as at its deployment.
    ///
    /// # Errors
    /// A revision that is not here, or cannot be used any more.
    pub async fn roll_back(
        &self,
        job: &JobName,
        to: Option<&RevisionName>,
        by: &Caller,
    ) -> Result<WentBack, DeploymentRefused> {
        let modules = self.modules.as_deployed().ok_or(DeploymentRefused::OfFolder)?;
        let _turn = self.deployments.turn.lock().await;
        let found = self.store.revisions(job.clone()).await?;
        let to = match to {
            Some(name) => name.among(job, &found.revisions)?,
            None => found.rollback.map_err(|why| self.not_rolled_back(job, why, &found))?,
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
                Ok(WentBack { from, to, now: true })
            }
            RolledBack::Already => Ok(WentBack { from: Some(to), to, now: false }),
            RolledBack::UnknownRevision => {
                Err(DeploymentRefused::UnknownRevision { job: job.clone(), revision: to.to_string() })
            }
            why @ (RolledBack::NoFormer | RolledBack::NotDeployed) => {
                Err(self.not_rolled_back(job, why, &found))
            }
        }
    }

    /// Why a rollback leads nowhere.
    fn not_rolled_back(&self, job: &JobName, why: RolledBack, found: &JobRevisions) -> DeploymentRefused {
        let current = found.revisions.iter().find(|row| row.is_current());
        match (why, current) {
            // By itself it would lead back to what was just fled from.
            (RolledBack::Already, Some(current)) => {
                DeploymentRefused::RolledBackAlready { job: job.clone(), current: current.revision.module }
            }
            (RolledBack::NotDeployed, _) if !found.history.is_empty() => {
                DeploymentRefused::Undeployed { job: job.clone() }
            }
            (RolledBack::NotDeployed, _) => self.not_deployed(job.as_str()),
            _ => DeploymentRefused::NoFormer { job: job.clone(), kept: found.revisions.len() },
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

/// A revision of a job as people name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevisionName {
    /// By its module or its manifest.
    Digest(Digest),
    /// By the digits with which the digest of either begins.
    Digits(String),
    /// By its version.
    Version(Version),
}

/// Digits of a digest that are enough to name a revision: as many as are shown of one.
const DIGITS_MIN: usize = 12;

impl RevisionName {
    /// The revision that a text names.
    ///
    /// # Errors
    /// A text that is neither digest nor version.
    pub fn parse(text: &str) -> Result<Self, DeploymentRefused> {
        if let Some(digest) = Digest::parse(text) {
            return Ok(Self::Digest(digest));
        }
        let digits = text.strip_prefix("sha256:").unwrap_or(text);
        let is_digit = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        if (DIGITS_MIN..=64).contains(&digits.len()) && digits.bytes().all(is_digit) {
            return Ok(Self::Digits(digits.to_owned()));
        }
        Version::parse(text).map(Self::Version).map_err(|_| DeploymentRefused::Invalid {
            pointer: "/revision",
            what: "revision",
            found: text.chars().take(80).collect(),
            expected: format!("expected a version, or at least {DIGITS_MIN} lower-case digits of a digest"),
        })
    }

    fn is_of(&self, row: &RevisionRow) -> bool {
        match self {
            Self::Digest(digest) => [row.revision.module, row.revision.oci_manifest].contains(digest),
            Self::Digits(digits) => {
                let digests = [row.revision.module, row.revision.oci_manifest];
                digests.iter().any(|digest| digest.hex().starts_with(digits))
            }
            Self::Version(version) => row.revision.version == version.to_string(),
        }
    }

    /// The one revision of this name.
    fn among(&self, job: &JobName, rows: &[RevisionRow]) -> Result<Digest, DeploymentRefused> {
        let named: Vec<Digest> =
            rows.iter().filter(|row| self.is_of(row)).map(|row| row.revision.module).collect();
        match named.as_slice() {
            [] => {
                let revision = self.to_string();
                Err(DeploymentRefused::UnknownRevision { job: job.clone(), revision })
            }
            [one] => Ok(*one),
            several => {
                let several: Vec<String> = several.iter().map(Digest::to_string).collect();
                Err(DeploymentRefused::Invalid {
                    pointer: "/revision",
                    what: "single revision",
                    found: self.to_string(),
                    expected: format!("`{job}` has {}, expected one of them", several.join(" and ")),
                })
            }
        }
    }
}

impl fmt::Display for RevisionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(digest) => digest.fmt(f),
            Self::Digits(digits) => f.write_str(digits),
            Self::Version(version) => version.fmt(f),
        }
    }
}
