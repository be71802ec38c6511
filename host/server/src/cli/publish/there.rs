//! What is published already, and so is left as it is: CI builds all jobs for each commit, and most are what they were.

use mainworker_domain::digest::Digest;
use mainworker_publishing::bundle::Bundle;
use mainworker_publishing::key::PublicKey;
use mainworker_publishing::place::Wanted;
use mainworker_publishing::publication::{Publication, Pulled, pull};
use mainworker_publishing::repository::Repository;
use sha2::{Digest as _, Sha256};

/// The manifest under which the version of this publication is there with the same module: built from another commit and signed by
/// somebody, or from this one and signed with this key. None if something is to be done about it, and for any trouble, which
/// whoever publishes has too.
pub(super) async fn left_as_it_is(
    repository: &impl Repository,
    publication: &Publication,
    version: &Wanted,
    key: &PublicKey,
) -> Option<Digest> {
    let Pulled { manifest, module, bundles, .. } = pull(repository, version, &|_, _| ()).await.ok()?;
    let digest = |bytes: &[u8]| Digest::from_sha256(Sha256::digest(bytes).into());
    let manifest = digest(&manifest);
    if digest(&module) != publication.module().descriptor.digest {
        return None;
    }
    let is_this_commit = manifest == publication.manifest().descriptor.digest;
    let fingerprint = key.fingerprint().to_string();
    let mut bundles = bundles.iter().filter_map(|bundle| Bundle::parse(bundle).ok());
    let is_signed = bundles.any(|bundle| !is_this_commit || bundle.hint() == fingerprint);
    is_signed.then_some(manifest)
}
