//! What is published already, and so is left as it is: CI builds all jobs for each commit, and most are what they were.

use mainworker_domain::digest::Digest;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_publishing::place::Wanted;
use mainworker_publishing::publication::{Publication, PublicationError, pull};
use mainworker_publishing::repository::{Repository, RepositoryError, digest_of};
use mainworker_publishing::statement::Predicate;
use mainworker_publishing::trust::TrustPolicy;
use std::collections::BTreeSet;

/// The manifest under which the version of this publication is there with the same module: built from another commit and signed by
/// a key that is known, or from this one and signed with the first of them, which signs now. None if something is to be done about
/// it, and for any trouble, which whoever publishes has too.
///
/// # Errors
/// [`RepositoryError::TagMoved`] for a version that is there with another module, or from another commit and not signed.
pub(super) async fn left_as_it_is(
    repository: &impl Repository,
    publication: &Publication,
    version: &Wanted,
    known: &TrustPolicy,
) -> Result<Option<Digest>, PublicationError> {
    let Ok(pulled) = pull(repository, version, &|_, _| ()).await else { return Ok(None) };
    let (found, expected) = (digest_of(&pulled.manifest), publication.manifest().descriptor.digest);
    let moved = || {
        let tag = publication.tag().to_owned();
        let doing = format!("publishing `{tag}` to {}", repository.name());
        Err(RepositoryError::TagMoved { doing, tag, found, expected }.into())
    };
    if digest_of(&pulled.module) != publication.module().descriptor.digest {
        return moved();
    }
    let is_this_commit = found == expected;
    let policy = TrustPolicy {
        // Another key may add its signatures to what is there.
        keys: known.keys.iter().take(if is_this_commit { 1 } else { usize::MAX }).cloned().collect(),
        required: Predicate::ALL.into(),
        ..known.clone()
    };
    match policy.verify(pulled, &BTreeSet::new(), Timestamp::MIN) {
        Ok(_) => Ok(Some(found)),
        Err(_) if is_this_commit => Ok(None),
        Err(_) => moved(),
    }
}
