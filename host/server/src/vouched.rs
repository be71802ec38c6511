//! From a repository to a module that somebody vouches for: pull → verify → admit. Each step takes only what the step before
//! produced, so nothing runs that was not verified. The way is the same whether a module comes from a registry, a directory or
//! the host's own folder.

use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::hints;
use mainworker_domain::capability::capabilities;
use mainworker_domain::catalog::Revision;
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::outcome::Outcome;
use mainworker_publishing::place::Wanted;
use mainworker_publishing::publication::{PublicationError, pull};
use mainworker_publishing::repository::{Repository, RepositoryError};
use mainworker_publishing::trust::{Distrust, Release, TrustPolicy};
use mainworker_sandbox::module_file::ModuleFile;
use mainworker_sandbox::refusal::ModuleRefusal;
use std::collections::BTreeSet;

/// A module that somebody vouches for.
#[derive(Debug)]
pub struct Vouched {
    /// The module, admitted.
    pub module: ModuleFile,
    /// What was signed of it, by whom, and all of its content.
    pub release: Release,
}

/// Why nobody vouches for a module.
#[derive(Debug, thiserror::Error)]
pub enum NotVouched {
    /// It did not come, or not whole.
    #[error(transparent)]
    Publication(#[from] PublicationError),
    /// Nobody whom the settings trust says so.
    #[error(transparent)]
    Distrust(#[from] Distrust),
    /// It is no module for this host.
    #[error("the module is refused: {0}")]
    Module(#[from] ModuleRefusal),
    /// It is vouched for, and not what was pinned.
    #[error("the manifest that was pinned leads to the module {found}, expected {expected}")]
    OtherModule {
        /// The module.
        found: Digest,
        /// The module that was pinned with it.
        expected: Digest,
    },
}

/// Whose modules are taken, and when that is judged.
#[derive(Clone, Copy, Debug)]
pub struct Judge<'a> {
    /// The policy of the settings.
    pub policy: &'a TrustPolicy,
    /// Jobs whose names must not be imitated.
    pub deployed: &'a BTreeSet<JobName>,
    /// The time for which keys must be valid.
    pub at: Timestamp,
}

impl NotVouched {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Publication(error) => error.code(),
            Self::Distrust(distrust) => distrust.code(),
            Self::Module(refusal) => refusal.code(),
            Self::OtherModule { .. } => "module_mismatch",
        }
    }

    /// Whether a registry cannot be reached, or does not take the credentials.
    fn is_out_of_reach(&self) -> bool {
        matches!(
            self,
            Self::Publication(PublicationError::Repository(
                RepositoryError::Unavailable { .. } | RepositoryError::Denied { .. }
            ))
        )
    }

    /// Whether it may be there another time: nothing wrong came, only nothing.
    fn is_absence(&self) -> bool {
        let is_missing = matches!(
            self,
            Self::Publication(PublicationError::Repository(
                RepositoryError::Missing { .. } | RepositoryError::NotARepository { .. }
            ))
        );
        is_missing || self.is_out_of_reach()
    }

    /// Whether something came that is not taken, which somebody may have to look at: not a place out of reach, nor the name of
    /// something that there is not.
    pub fn is_refusal(&self) -> bool {
        let is_unknown = matches!(self, Self::Publication(PublicationError::NoSuchVersion { .. }));
        !is_unknown && !self.is_absence()
    }
}

/// Pulls what is wanted, and takes it only if whoever signed it is trusted. `progress` hears of bytes, so many of so many.
///
/// # Errors
/// The first of these steps that fails. Nothing was kept.
pub async fn vouch(
    repository: &impl Repository,
    wanted: &Wanted,
    judge: Judge<'_>,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Vouched, NotVouched> {
    let pulled = pull(repository, wanted, progress).await?;
    let verified = judge.policy.verify(pulled, judge.deployed, judge.at)?;
    let module = ModuleFile::admit(verified.module().to_vec())?;
    let release = verified.admit(module.revision(), &capability_names(module.revision()))?;
    Ok(Vouched { module, release })
}

/// What a revision may do, as statements name it.
pub fn capability_names(revision: &Revision) -> Vec<String> {
    capabilities(revision.description()).iter().map(ToString::to_string).collect()
}

impl From<NotVouched> for Failure {
    fn from(error: NotVouched) -> Self {
        let outcome = if error.is_absence() { Outcome::ModuleUnavailable } else { Outcome::Refused };
        Self {
            code: error.code().to_owned(),
            message: error.to_string(),
            pointer: None,
            hint: hints::of_not_vouched(&error),
            retry_after_seconds: None,
            exit: if error.is_out_of_reach() { ExitCode::Unreachable } else { ExitCode::Refused },
            outcome,
        }
    }
}
