//! The words for programs, of what a repository or a publication is refused for.

use crate::publication::PublicationError;
use crate::repository::RepositoryError;

impl RepositoryError {
    /// The word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "repository_unavailable",
            Self::Denied { .. } => "repository_denied",
            Self::Missing { .. } => "content_missing",
            Self::NotARepository { .. } => "not_a_repository",
            Self::OtherContent { .. } => "content_changed",
            Self::TooLarge { .. } => "content_too_large",
            Self::Malformed { .. } => "content_malformed",
            Self::TagMoved { .. } => "version_moved",
        }
    }
}

impl PublicationError {
    /// The word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Repository(error) => error.code(),
            Self::NoSuchVersion { .. } => "unknown_version",
            Self::NotAPublication { .. } => "not_a_publication",
            Self::TooLarge { .. } | Self::TooManyBundles { .. } => "content_too_large",
            Self::Untested { .. } => "untested",
            Self::Tag(_) => "version_too_long",
            Self::Statement(_) | Self::Bundle(_) => "statement_invalid",
        }
    }
}
