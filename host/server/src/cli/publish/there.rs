//! What is published already, and so is left as it is: CI builds all jobs for each commit, and most are what they were.

use mainworker_domain::digest::Digest;
use mainworker_publishing::bundle::Bundle;
use mainworker_publishing::key::PublicKey;
use mainworker_publishing::place::Wanted;
use mainworker_publishing::publication::{Publication, PublicationError, Pulled, pull};
use mainworker_publishing::repository::{Repository, RepositoryError, digest_of};

/// The manifest under which the version of this publication is there with the same module: built from another commit and signed by
/// somebody, or from this one and signed with this key. None if something is to be done about it, and for any trouble, which
/// whoever publishes has too.
///
/// # Errors
/// [`RepositoryError::TagMoved`] for a version that is there with another module.
pub(super) async fn left_as_it_is(
    repository: &impl Repository,
    publication: &Publication,
    version: &Wanted,
    key: &PublicKey,
) -> Result<Option<Digest>, PublicationError> {
    let Ok(Pulled { manifest, module, bundles, .. }) = pull(repository, version, &|_, _| ()).await else {
        return Ok(None);
    };
    let (found, expected) = (digest_of(&manifest), publication.manifest().descriptor.digest);
    if digest_of(&module) != publication.module().descriptor.digest {
        let tag = publication.tag().to_owned();
        let doing = format!("publishing `{tag}` to {}", repository.name());
        return Err(RepositoryError::TagMoved { doing, tag, found, expected }.into());
    }
    let fingerprint = key.fingerprint().to_string();
    let mut bundles = bundles.iter().filter_map(|bundle| Bundle::parse(bundle).ok());
    let is_signed = bundles.any(|bundle| found != expected || bundle.hint() == fingerprint);
    Ok(is_signed.then_some(found))
}
