//! Why a release is not trusted.

use super::TrustedKey;
use crate::bundle::BundleError;
use crate::publication::PublicationError;
use crate::statement::{Predicate, StatementError};
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use semver::Version;

/// Why a release is not trusted. [`Distrust::code`] is for programs.
#[derive(Debug, thiserror::Error)]
pub enum Distrust {
    /// Nobody signed it.
    #[error("nobody signed {manifest}, expected signed statements about it")]
    SignatureMissing {
        /// Its manifest.
        manifest: Digest,
    },
    /// What should be a signature cannot be read.
    #[error("a signature cannot be read: {0}")]
    SignatureUnreadable(#[from] BundleError),
    /// The key did not sign this.
    #[error("the signature is not one of the key `{key}`")]
    SignatureInvalid {
        /// The key that the signature names.
        key: String,
    },
    /// What was signed cannot be meant.
    #[error("what the key `{key}` signed is not taken: {error}")]
    StatementInvalid {
        /// The key.
        key: String,
        /// Why.
        error: StatementError,
    },
    /// A statement that the policy requires.
    #[error("it has no signed {0}, which is required")]
    StatementMissing(Predicate),
    /// A signature of a key that is not in the policy.
    #[error("the signing key `{hint}` is not known, expected one of {known} trusted keys")]
    KeyUnknown {
        /// How the signature names it, shortened.
        hint: String,
        /// How many keys are trusted.
        known: usize,
    },
    /// The key is no longer valid.
    #[error("the key `{key}` expired at {valid_until}, it is {at}")]
    KeyExpired {
        /// The key.
        key: String,
        /// When its time was over.
        valid_until: Timestamp,
        /// When it was judged.
        at: Timestamp,
    },
    /// The key is not valid yet.
    #[error("the key `{key}` is valid from {valid_from} on, it is {at}")]
    KeyNotYetValid {
        /// The key.
        key: String,
        /// When its time begins.
        valid_from: Timestamp,
        /// When it was judged.
        at: Timestamp,
    },
    /// The key was revoked.
    #[error("the key `{key}` was revoked")]
    KeyRevoked {
        /// Its id or its fingerprint, as it was revoked by.
        key: String,
    },
    /// The key is trusted for other jobs.
    #[error("the key `{key}` is trusted for {patterns}, found `{job}`")]
    KeyNotForJob {
        /// The key.
        key: String,
        /// The patterns of its jobs.
        patterns: String,
        /// The job.
        job: JobName,
    },
    /// Somebody else built it.
    #[error("it was built by `{builder}`, which the key `{key}` is not trusted for")]
    BuilderNotAllowed {
        /// The key.
        key: String,
        /// The builder.
        builder: String,
    },
    /// The module or its manifest was revoked.
    #[error("the {what} {digest} was revoked")]
    Revoked {
        /// `module` or `manifest`.
        what: &'static str,
        /// Which.
        digest: Digest,
    },
    /// The module is not the one that was signed.
    #[error("the module is {found}, signed was {expected}")]
    ModuleMismatch {
        /// The module.
        found: Digest,
        /// The module that the statement or the manifest is about.
        expected: Digest,
    },
    /// The manifest or its config is not the one that was signed or asked for.
    #[error("the {what} is {found}, expected {expected}")]
    ManifestMismatch {
        /// `manifest` or `config`.
        what: &'static str,
        /// What came.
        found: Digest,
        /// What was signed, asked for, or named by the manifest.
        expected: Digest,
    },
    /// A manifest that says nothing of a module.
    #[error("the manifest is not one of a job module: {0}")]
    ManifestUnreadable(Box<PublicationError>),
    /// It is another job.
    #[error("it is the job `{found}`, expected `{expected}`")]
    JobMismatch {
        /// The job that it is.
        found: JobName,
        /// The job that was asked for or signed.
        expected: JobName,
    },
    /// It is another version.
    #[error("it is version {found}, expected {expected}")]
    VersionMismatch {
        /// The version that it is.
        found: Version,
        /// The version that was asked for or signed.
        expected: Version,
    },
    /// The signed statement says of the module what the module does not say of itself.
    #[error("the signed {claim} is not the module's own: signed {said}, found {found}")]
    ClaimsMismatch {
        /// What it is about.
        claim: &'static str,
        /// What was signed.
        said: String,
        /// What the module says of itself.
        found: String,
    },
    /// An older version than the policy takes.
    #[error("`{job}` {found} is too old, expected at least {minimum}")]
    VersionTooLow {
        /// The job.
        job: JobName,
        /// Its version.
        found: Version,
        /// The lowest that is taken.
        minimum: Version,
    },
    /// The signed test result does not say that tests passed.
    #[error("the signed test result says {found}, expected tests that passed and none that failed")]
    Untested {
        /// What it says.
        found: String,
    },
    /// Its name is easily taken for that of a deployed job.
    #[error(
        "`{job}` is easily taken for the deployed job `{imitated}`, and the key `{key}` is not trusted for exactly it"
    )]
    NameImitates {
        /// Its name.
        job: JobName,
        /// The deployed job.
        imitated: JobName,
        /// The key.
        key: String,
    },
}

impl Distrust {
    /// The word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SignatureMissing { .. } => "signature_missing",
            Self::SignatureUnreadable(_) | Self::SignatureInvalid { .. } => "signature_invalid",
            Self::StatementInvalid { .. } => "statement_invalid",
            Self::StatementMissing(_) => "statement_missing",
            Self::KeyUnknown { .. } => "key_unknown",
            Self::KeyExpired { .. } => "key_expired",
            Self::KeyNotYetValid { .. } => "key_not_yet_valid",
            Self::KeyRevoked { .. } => "key_revoked",
            Self::KeyNotForJob { .. } => "key_not_for_job",
            Self::BuilderNotAllowed { .. } => "builder_not_allowed",
            Self::Revoked { .. } => "module_revoked",
            Self::ModuleMismatch { .. } => "module_mismatch",
            Self::ManifestMismatch { .. } | Self::ManifestUnreadable(_) => "manifest_mismatch",
            Self::JobMismatch { .. } => "job_mismatch",
            Self::VersionMismatch { .. } => "version_mismatch",
            Self::ClaimsMismatch { .. } => "claims_mismatch",
            Self::VersionTooLow { .. } => "version_too_low",
            Self::Untested { .. } => "untested",
            Self::NameImitates { .. } => "name_imitates",
        }
    }

    /// How far a bundle came before it was refused. Of several, the one that came farthest says what is wrong.
    pub(super) fn step(&self) -> u8 {
        match self {
            Self::SignatureUnreadable(_) => 0,
            Self::KeyUnknown { .. } => 1,
            Self::SignatureInvalid { .. } => 2,
            Self::KeyRevoked { .. } => 3,
            Self::KeyExpired { .. } | Self::KeyNotYetValid { .. } => 4,
            Self::StatementInvalid { .. } => 5,
            _ => 6,
        }
    }

    pub(super) fn key_not_for_job(key: &TrustedKey, job: &JobName) -> Self {
        let patterns: Vec<String> = key.jobs.iter().map(|pattern| format!("`{pattern}`")).collect();
        let patterns = if patterns.is_empty() { "no job".to_owned() } else { patterns.join(", ") };
        Self::KeyNotForJob { key: key.id.clone(), patterns, job: job.clone() }
    }
}
