//! Taking a publication out of a repository. Nothing of it is believed yet.

use super::content::{INDEX_MEDIA_TYPE, ModuleParts, expect, read_bundle_manifest};
use super::{PublicationError, referrers};
use crate::place::{Wanted, WantedRevision, named_by, tag_of};
use crate::repository::{Descriptor, Repository};
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_domain::limits::BUNDLES_MAX;
use mainworker_domain::nearest::nearest_few;
use semver::Version;
use std::collections::BTreeSet;

/// Names that are proposed for one that there is not.
const NEAREST: usize = 3;

/// What a repository gave for a job and a revision of it. Its digests are those that the manifest names; who made it is not
/// known.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// What was asked for: a version or a manifest.
    pub wanted: Wanted,
    /// The bytes of the OCI manifest.
    pub manifest: Vec<u8>,
    /// The bytes of the config.
    pub config: Vec<u8>,
    /// The module.
    pub module: Vec<u8>,
    /// The bundles that are said to be about it.
    pub bundles: Vec<Vec<u8>>,
}

/// Which manifest a wanted revision is, and the version that it has if it was asked for by one. The newest is the highest
/// version; one before a release, such as `2.0.0-rc.1`, is only meant where there is nothing else.
///
/// # Errors
/// [`PublicationError::NoSuchVersion`] with the versions that there are; what the repository says.
pub async fn find(
    repository: &impl Repository,
    wanted: &Wanted,
) -> Result<(Wanted, Digest), PublicationError> {
    let job = &wanted.job;
    let version = match &wanted.revision {
        WantedRevision::Manifest(digest) => return Ok((wanted.clone(), *digest)),
        WantedRevision::Version(version) => Some(version.clone()),
        WantedRevision::Newest => versions(repository, job)
            .await?
            .into_iter()
            .max_by_key(|version| (version.pre.is_empty(), version.clone())),
    };
    let found = match &version {
        Some(version) => repository.resolve(&tag_of(job, version)?).await?,
        None => None,
    };
    match (version, found) {
        (Some(version), Some(Descriptor { digest, .. })) => {
            let revision = WantedRevision::Version(version);
            Ok((Wanted { job: job.clone(), revision }, digest))
        }
        _ => Err(no_such_version(repository, wanted).await?),
    }
}

async fn no_such_version(
    repository: &impl Repository,
    wanted: &Wanted,
) -> Result<PublicationError, PublicationError> {
    let tags = repository.tags().await?;
    let versions = versions_in(&tags, &wanted.job);
    let others: BTreeSet<JobName> = match versions.as_slice() {
        [] => tags.iter().filter_map(|tag| named_by(tag)).map(|(job, _)| job).collect(),
        _ => BTreeSet::new(),
    };
    let nearest = nearest_few(wanted.job.as_str(), others.iter().map(JobName::as_str), NEAREST);
    Ok(PublicationError::NoSuchVersion {
        place: repository.name(),
        wanted: wanted.to_string(),
        versions,
        nearest: nearest.into_iter().map(str::to_owned).collect(),
    })
}

/// The versions of a job that a repository has, the lowest first.
///
/// # Errors
/// What the repository says.
pub async fn versions(repository: &impl Repository, job: &JobName) -> Result<Vec<Version>, PublicationError> {
    Ok(versions_in(&repository.tags().await?, job))
}

fn versions_in(tags: &[String], job: &JobName) -> Vec<Version> {
    let named = tags.iter().filter_map(|tag| named_by(tag));
    let mut versions: Vec<Version> =
        named.filter(|(name, _)| name == job).map(|(_, version)| version).collect();
    versions.sort();
    versions
}

/// Takes a revision of a job with all that is said to be about it. `progress` hears how many bytes of the module have come, and
/// how many it has.
///
/// # Errors
/// [`PublicationError::NoSuchVersion`]; content that is not a job module as it is published here, or larger than it may be;
/// what the repository says.
pub async fn pull(
    repository: &impl Repository,
    wanted: &Wanted,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Pulled, PublicationError> {
    let (wanted, digest) = find(repository, wanted).await?;
    let manifest = repository.manifest(digest).await?.bytes;
    let parts = ModuleParts::read(&manifest)?;
    // What is small and says the most comes first: a module without statements is not worth its transfer.
    let bundles = bundles(repository, digest).await?;
    let config = repository.blob(&parts.config, &|_| ()).await?;
    let all_bytes = parts.module.size;
    let module = repository.blob(&parts.module, &|bytes| progress(bytes, all_bytes)).await?;
    Ok(Pulled { wanted, manifest, config, module, bundles })
}

async fn bundles(repository: &impl Repository, manifest: Digest) -> Result<Vec<Vec<u8>>, PublicationError> {
    let Some(found) = repository.resolve(&referrers::tag(manifest)).await? else { return Ok(Vec::new()) };
    expect("the list of what refers to the manifest", &found.media_type, INDEX_MEDIA_TYPE)?;
    let listed = referrers::bundles(&repository.manifest(found.digest).await?.bytes)?;
    if listed.len() > BUNDLES_MAX {
        return Err(PublicationError::TooManyBundles { manifest, found: listed.len() });
    }
    let mut bundles = Vec::with_capacity(listed.len());
    for listed in listed {
        let bundle = read_bundle_manifest(&repository.manifest(listed.digest).await?.bytes)?;
        bundles.push(repository.blob(&bundle, &|_| ()).await?);
    }
    Ok(bundles)
}
