//! Why a revision is not deployed, or not rolled back to.

use crate::failure::Failure;
use crate::hints;
use crate::vouched::NotVouched;
use mainworker_domain::capability::NotAllowed;
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_publishing::place::NotAPlace;
use mainworker_publishing::publication::PublicationError;
use mainworker_queue::store::StoreError;

/// Why not. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum DeploymentRefused {
    /// The host runs the modules of a folder.
    #[error(
        "this host runs the modules of a folder (`--dev`), expected one that runs what is deployed to it"
    )]
    OfFolder,
    /// Something of the request cannot be meant.
    #[error("`{found}` is no {what}: {expected}")]
    Invalid {
        /// Where, as a JSON pointer.
        pointer: &'static str,
        /// What it should be.
        what: &'static str,
        /// What was found, shortened.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// Both a version and a digest.
    #[error("the request names a version and a digest, expected one of them")]
    TwoWishes,
    /// A place that means nothing.
    #[error(transparent)]
    Place(#[from] NotAPlace),
    /// A place from which this host takes nothing.
    #[error(
        "taking modules from `{found}`: the host's settings do not name it, expected {}",
        places(allowed)
    )]
    PlaceNotAllowed {
        /// The place.
        found: String,
        /// Those that the settings name.
        allowed: Vec<String>,
    },
    /// How a registry is asked cannot be had: a password or authorities that cannot be read.
    #[error("asking `{host}`: {problem}")]
    Registry {
        /// The registry.
        host: String,
        /// What was found.
        problem: String,
    },
    /// It did not come in time.
    #[error("the module was not here within {seconds} seconds")]
    TookTooLong {
        /// How long it may take.
        seconds: u64,
    },
    /// Nobody who is trusted vouches for it.
    #[error(transparent)]
    NotVouched(#[from] NotVouched),
    /// It may do what nobody has seen.
    #[error(transparent)]
    Widened(#[from] NotAllowed),
    /// Older than what is current.
    #[error("`{job}` {found} is older than {current}, which {}, expected a newer one", if *runs { "is current" } else { "ran last" })]
    Downgrade {
        /// The job.
        job: JobName,
        /// The version.
        found: String,
        /// That of the current revision, or of the last one of a job that was taken away.
        current: String,
        /// Whether that is current.
        runs: bool,
    },
    /// It cannot be compiled, or not be kept.
    #[error("{}", .0.message)]
    NotReady(Box<Failure>),
    /// It cannot be kept in the host's own folder.
    #[error("keeping the module: {0}")]
    NotKept(PublicationError),
    /// Something else was deployed meanwhile.
    #[error("another revision of `{job}` was deployed meanwhile, {}; nothing was changed", current.map_or_else(|| "none is current".to_owned(), |current| format!("{current} is current")))]
    Stale {
        /// The job.
        job: JobName,
        /// What is current.
        current: Option<Digest>,
    },
    /// Nothing of the job is deployed.
    #[error("there is no job `{job}` here")]
    NotDeployed {
        /// The job, shortened.
        job: String,
        /// Names like it.
        nearest: Vec<String>,
    },
    /// The job was taken away.
    #[error("`{job}` was taken away, and none of its revisions is current")]
    Undeployed {
        /// The job.
        job: JobName,
    },
    /// A revision that is not kept.
    #[error("`{job}` has no revision {revision} here")]
    UnknownRevision {
        /// The job.
        job: JobName,
        /// As given, shortened.
        revision: String,
    },
    /// The current revision is so by a rollback, and none was named.
    #[error("`{job}` is at {current} by a rollback already, expected the revision to go to")]
    RolledBackAlready {
        /// The job.
        job: JobName,
        /// What is current.
        current: Digest,
    },
    /// Nothing was current when the current one was deployed.
    #[error("none was current before the current revision of `{job}` was deployed")]
    NoFormer {
        /// The job.
        job: JobName,
        /// Revisions that are kept.
        kept: usize,
    },
    /// A deployment that nobody asked for, or that ended long ago.
    #[error("there is no deployment `{id}` here")]
    UnknownDeployment {
        /// As given, shortened.
        id: String,
    },
    /// As many wait as may.
    #[error("{allowed} deployments wait, expected fewer")]
    TooMany {
        /// How many may.
        allowed: usize,
    },
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DeploymentRefused {
    /// The stable code.
    pub fn code(&self) -> &str {
        match self {
            Self::OfFolder => "modules_of_folder",
            Self::Invalid { .. } | Self::TwoWishes | Self::Place(_) => "deployment_invalid",
            Self::PlaceNotAllowed { .. } => "place_not_allowed",
            Self::Registry { .. } => "settings_unusable",
            Self::TookTooLong { .. } => "repository_unavailable",
            Self::NotVouched(error) => error.code(),
            Self::Widened(_) => "widening_not_allowed",
            Self::Downgrade { .. } => "version_downgrade",
            Self::NotReady(failure) => &failure.code,
            Self::NotKept(_) => "module_not_kept",
            Self::Stale { .. } => "deployment_changed",
            Self::NotDeployed { .. } | Self::Undeployed { .. } => "unknown_job",
            Self::UnknownRevision { .. } => "unknown_revision",
            Self::RolledBackAlready { .. } => "rolled_back_already",
            Self::NoFormer { .. } => "no_former_revision",
            Self::UnknownDeployment { .. } => "unknown_deployment",
            Self::TooMany { .. } => "rate_limited",
            Self::Store(_) => "store_unavailable",
        }
    }

    /// Where in the request, as a JSON pointer.
    pub fn pointer(&self) -> Option<&'static str> {
        match self {
            Self::Invalid { pointer, .. } => Some(pointer),
            Self::TwoWishes => Some("/digest"),
            Self::Place(_) | Self::PlaceNotAllowed { .. } => Some("/from"),
            _ => None,
        }
    }

    /// What to try.
    pub fn hint(&self) -> Option<String> {
        hints::of_deployment(self)
    }
}

fn places(allowed: &[String]) -> String {
    match allowed {
        [] => "a place under `[trust] from`, and there is none".to_owned(),
        some => format!("one of `{}`", some.join("`, `")),
    }
}
