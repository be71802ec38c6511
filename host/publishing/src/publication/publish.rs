//! Putting a publication into a repository.

use super::content::{BUNDLE_CONFIG_MEDIA_TYPE, EMPTY_CONFIG, content};
use super::{Attached, Publication, PublicationError, referrers};
use crate::place::tag_of;
use crate::repository::{Content, Descriptor, Repository, RepositoryError, Tagging};
use crate::trust::Release;
use mainworker_domain::digest::Digest;

/// How often the list of what refers to a manifest is read again after it was written: whoever wrote it at the same time may
/// have written it without ours.
const LIST_TRIES: usize = 5;

/// What became of a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The digest of its manifest.
    pub manifest: Digest,
    /// The tag that leads to it.
    pub tag: String,
    /// Whether the version was there before, with the same content.
    pub was_tagged: bool,
    /// Whether all of it was there before, these signatures included.
    pub was_there: bool,
}

/// Puts a publication into a repository: blobs, manifests, the list of its bundles, and last the tag of its version.
/// `progress` hears how many bytes of the module were sent, and how many it has.
///
/// The same publication may be put again, and one that was half put is completed by it.
///
/// # Errors
/// [`RepositoryError::TagMoved`] if the version is there with other content, before anything is written, or, where somebody
/// else published it at the same time, once that is seen; what the repository says.
pub async fn publish(
    repository: &impl Repository,
    publication: &Publication,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Published, PublicationError> {
    let Publication { tag, module, config, manifest, attached } = publication;
    let digest = manifest.descriptor.digest;
    let was_tagged = leads_to(repository, tag, digest).await?;
    let was_listed = put(repository, [module, config, manifest], attached, progress).await?;
    repository.put_tag(tag, manifest, Tagging::Fixed).await?;
    // A registry cannot compare and set: whoever came second has moved the tag, and both see it now.
    if !leads_to(repository, tag, digest).await? {
        let doing = format!("publishing `{tag}` to {}", repository.name());
        return Err(
            RepositoryError::Missing { doing, what: format!("the tag `{tag}`, just written,") }.into()
        );
    }
    Ok(Published { manifest: digest, tag: tag.clone(), was_tagged, was_there: was_tagged && was_listed })
}

/// Keeps a release in a repository of the host's own, with the statements that were believed. The tag is for people and may
/// move: a host pins digests.
///
/// # Errors
/// What the repository says.
pub async fn keep(repository: &impl Repository, release: &Release) -> Result<(), PublicationError> {
    let [module, config, manifest] = release.content();
    let attached = release
        .bundles()
        .map(|(predicate, bundle)| Attached::new(predicate, bundle.to_vec(), &manifest))
        .collect::<Result<Vec<_>, _>>()?;
    put(repository, [&module, &config, &manifest], &attached, &|_, _| ()).await?;
    let facts = release.facts();
    Ok(repository.put_tag(&tag_of(&facts.job, &facts.version)?, &manifest, Tagging::Movable).await?)
}

/// Whether the tag is there and leads to this manifest.
async fn leads_to(
    repository: &impl Repository,
    tag: &str,
    manifest: Digest,
) -> Result<bool, RepositoryError> {
    match repository.resolve(tag).await? {
        None => Ok(false),
        Some(found) if found.digest == manifest => Ok(true),
        Some(found) => Err(RepositoryError::TagMoved {
            doing: format!("publishing `{tag}` to {}", repository.name()),
            tag: tag.to_owned(),
            found: found.digest,
            expected: manifest,
        }),
    }
}

/// Puts everything but the tag; whether the bundles were listed before.
async fn put(
    repository: &impl Repository,
    [module, config, manifest]: [&Content; 3],
    attached: &[Attached],
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<bool, PublicationError> {
    let all_bytes = module.descriptor.size;
    repository.put_blob(module, &|bytes| progress(bytes, all_bytes)).await?;
    repository.put_blob(config, &|_| ()).await?;
    let empty = content(BUNDLE_CONFIG_MEDIA_TYPE, EMPTY_CONFIG.to_vec());
    repository.put_blob(&empty, &|_| ()).await?;
    for attached in attached {
        repository.put_blob(&attached.bundle, &|_| ()).await?;
    }
    repository.put_manifest(manifest).await?;
    for attached in attached {
        repository.put_manifest(&attached.manifest).await?;
    }
    let descriptors: Vec<&Descriptor> =
        attached.iter().map(|attached| &attached.manifest.descriptor).collect();
    list(repository, manifest.descriptor.digest, &descriptors).await
}

/// Adds to the list of what refers to a manifest; whether all of it was in there before.
async fn list(
    repository: &impl Repository,
    manifest: Digest,
    added: &[&Descriptor],
) -> Result<bool, PublicationError> {
    let tag = referrers::tag(manifest);
    for tries in 0..LIST_TRIES {
        let current = match repository.resolve(&tag).await? {
            Some(found) => Some(repository.manifest(found.digest).await?),
            None => None,
        };
        let Some(index) = referrers::with(current.as_ref().map(|index| index.bytes.as_slice()), added)?
        else {
            return Ok(tries == 0);
        };
        repository.put_manifest(&index).await?;
        repository.put_tag(&tag, &index, Tagging::Movable).await?;
    }
    Err(PublicationError::Repository(RepositoryError::Unavailable {
        doing: format!("listing the signed statements of {manifest} in {}", repository.name()),
        problem: format!("others changed the list {LIST_TRIES} times meanwhile"),
    }))
}
