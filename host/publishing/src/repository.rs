//! Where publications are kept: the verbs that a registry's repository and a directory have in common.
//!
//! Content is found by its digest; a tag is a name for people that leads to one. What comes back has the digest and
//! the size that were asked for, whoever sent it: a [`Repository`] checks both.

use mainworker_domain::digest::Digest;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::future::Future;

/// A pointer to content, as the OCI image specification has it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What kind of content.
    pub media_type: String,
    /// Which: the SHA-256 of its bytes.
    #[serde(with = "digest_text")]
    pub digest: Digest,
    /// How many bytes.
    pub size: u64,
    /// The kind of artifact, of a manifest in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What else is said of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

mod digest_text {
    use mainworker_domain::digest::Digest;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(digest)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        let text = String::deserialize(deserializer)?;
        let expected = "expected `sha256:` and 64 lower-case hexadecimal digits";
        Digest::parse(&text).ok_or_else(|| de::Error::custom(expected))
    }
}

/// The digest by which such bytes are found.
pub fn digest_of(bytes: &[u8]) -> Digest {
    Digest::from_sha256(Sha256::digest(bytes).into())
}

/// Content with its descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// What and which.
    pub descriptor: Descriptor,
    /// The bytes of that digest.
    pub bytes: Vec<u8>,
}

/// Why a repository did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// It cannot be reached, or answers with trouble of its own; trying again may help.
    #[error("{doing}: {problem}")]
    Unavailable {
        /// What was being done, with where.
        doing: String,
        /// What was found.
        problem: String,
    },
    /// It wants other credentials, or does not allow this to whoever they belong to.
    #[error("{doing}: it is not allowed: {problem}")]
    Denied {
        /// What was being done, with where.
        doing: String,
        /// What was found.
        problem: String,
    },
    /// It has no such content, though something names it.
    #[error("{doing}: {what} is not there")]
    Missing {
        /// What was being done, with where.
        doing: String,
        /// What is missing.
        what: String,
    },
    /// There is no repository there, or something else.
    #[error("{doing}: {problem}")]
    NotARepository {
        /// What was being done, with where.
        doing: String,
        /// What was found and expected.
        problem: String,
    },
    /// What it gave is not what was asked for.
    #[error("{doing}: found {found}, expected {expected}")]
    OtherContent {
        /// What was being done, with where.
        doing: String,
        /// The digest or the size that came.
        found: String,
        /// The digest or the size that was asked for.
        expected: String,
    },
    /// More than there may be.
    #[error("{doing}: {what} has {observed}, expected at most {allowed_bytes} bytes")]
    TooLarge {
        /// What was being done, with where.
        doing: String,
        /// What is too large.
        what: &'static str,
        /// How much, or how much at least.
        observed: String,
        /// How many bytes there may be.
        allowed_bytes: u64,
    },
    /// What it gave is not of the form that the specification has for it.
    #[error("{doing}: {problem}")]
    Malformed {
        /// What was being done, with where.
        doing: String,
        /// What was found and expected.
        problem: String,
    },
    /// The tag leads somewhere else already, and a version is not moved.
    #[error("{doing}: `{tag}` is {found} there, expected {expected}")]
    TagMoved {
        /// What was being done, with where.
        doing: String,
        /// The tag.
        tag: String,
        /// Where it leads.
        found: Digest,
        /// Where it was to lead.
        expected: Digest,
    },
}

/// What may be done with a tag that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tagging {
    /// Nothing: a version is not moved. A tag that leads to the same content is as wanted.
    Fixed,
    /// It is moved: the list of what refers to a manifest grows.
    Movable,
}

/// A place with publications.
pub trait Repository: Send + Sync {
    /// How people name it.
    fn name(&self) -> String;

    /// Where a tag leads; none where there is no such tag.
    fn resolve(&self, tag: &str) -> impl Future<Output = Result<Option<Descriptor>, RepositoryError>> + Send;

    /// Every tag.
    fn tags(&self) -> impl Future<Output = Result<Vec<String>, RepositoryError>> + Send;

    /// The bytes of a manifest or an index.
    fn manifest(&self, digest: Digest) -> impl Future<Output = Result<Content, RepositoryError>> + Send;

    /// The bytes of a blob; `progress` hears how many have come.
    fn blob(
        &self,
        descriptor: &Descriptor,
        progress: &(dyn Fn(u64) + Sync),
    ) -> impl Future<Output = Result<Vec<u8>, RepositoryError>> + Send;

    /// Keeps a blob, unless it is there.
    fn put_blob(
        &self,
        blob: &Content,
        progress: &(dyn Fn(u64) + Sync),
    ) -> impl Future<Output = Result<(), RepositoryError>> + Send;

    /// Keeps a manifest or an index, found by its digest alone.
    fn put_manifest(&self, manifest: &Content) -> impl Future<Output = Result<(), RepositoryError>> + Send;

    /// Lets a tag lead to a manifest or an index that is there.
    fn put_tag(
        &self,
        tag: &str,
        manifest: &Content,
        tagging: Tagging,
    ) -> impl Future<Output = Result<(), RepositoryError>> + Send;
}
