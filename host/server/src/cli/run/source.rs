//! Which module `run` takes: what is deployed on the data folder, or, where nothing is or a folder is named, one of a folder.

use super::RunArgs;
use crate::cli::remote::{RemoteArgs, now, runtime};
use crate::failure::Failure;
use crate::host::Running;
use crate::job_modules::{DeployedModules, JobModules, Pinned, modules_layout};
use crate::modules_folder::ModulesFolder;
use crate::settings::{Settings, default_modules_dir};
use crate::vouched::NotVouched;
use mainworker_client::ClientError;
use mainworker_client::wire::RevisionInfo;
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_publishing::layout::Layout;
use mainworker_publishing::publication::PublicationError;
use mainworker_publishing::repository::Repository;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::deployments::RevisionRow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where modules come from.
pub(super) struct ModulesOfRun {
    /// The modules.
    pub(super) modules: JobModules,
    /// The folder, if they are those of one.
    pub(super) folder: Option<PathBuf>,
}

/// The modules among which the job of this name is looked for.
///
/// # Errors
/// A data folder that cannot be read.
pub(super) fn modules(args: &RunArgs, settings: &Settings, job: &str) -> Result<ModulesOfRun, Failure> {
    let flag = args.host.modules.as_deref();
    let folder = match flag {
        // The settings name one for development alone.
        _ if args.untrusted => settings.modules_dir(flag),
        Some(folder) => folder.to_owned(),
        None => {
            let data = args.host.data_dir();
            if let Some(modules) = data.map(|data| deployed(settings, &data, job)).transpose()?.flatten() {
                return Ok(ModulesOfRun { modules: JobModules::deployed(Arc::new(modules)), folder: None });
            }
            default_modules_dir()
        }
    };
    let modules = JobModules::of(ModulesFolder::at(folder.clone()));
    Ok(ModulesOfRun { modules, folder: Some(folder) })
}

/// What is deployed on a data folder, as far as the job goes; none if nothing ever was.
fn deployed(settings: &Settings, data: &Path, job: &str) -> Result<Option<DeployedModules>, Failure> {
    let path = modules_layout(data);
    if !path.is_dir() {
        return Ok(None);
    }
    let failed = |error| Failure::from(NotVouched::from(PublicationError::from(error)));
    let (layout, tags) = runtime()?.block_on(async {
        let layout = Layout::open(&path).await.map_err(failed)?;
        let tags = layout.tags().await.map_err(failed)?;
        Ok::<_, Failure>((layout, tags))
    })?;
    if tags.is_empty() {
        return Ok(None);
    }
    // Nobody listens: what is refused is printed.
    let modules = DeployedModules::new(layout, settings.trust.policy.clone(), Arc::new(|_| {}));
    let Ok(job) = JobName::parse(job) else { return Ok(Some(modules)) };
    let known = match of_running_host(data, &job)? {
        Some(known) => known,
        None => of_store(data, &job)?,
    };
    for Known { pinned, is_current } in known {
        modules.know(pinned.clone());
        if is_current {
            modules.load(&pinned);
        }
    }
    Ok(Some(modules))
}

/// A revision of the job.
struct Known {
    pinned: Pinned,
    is_current: bool,
}

/// What the host on the data folder says; none if there is no such host.
fn of_running_host(data: &Path, job: &JobName) -> Result<Option<Vec<Known>>, Failure> {
    let remote = RemoteArgs::of_data(data);
    let answer = remote.ask_if_there(async |client| match client.revisions(job.as_str()).await {
        Ok(list) => Ok(list.revisions),
        Err(ClientError::Problem(problem)) if problem.code == "unknown_job" => Ok(Vec::new()),
        Err(error) => Err(error),
    })?;
    let Some(revisions) = answer else { return Ok(None) };
    let known = revisions.iter().map(|info| {
        known(job, info)
            .ok_or_else(|| Failure::host("the host names a revision in a way that is not known here"))
    });
    known.collect::<Result<Vec<_>, _>>().map(Some)
}

fn known(job: &JobName, info: &RevisionInfo) -> Option<Known> {
    let pinned = Pinned {
        job: job.clone(),
        module: Digest::parse(&info.revision)?,
        oci_manifest: Digest::parse(&info.manifest)?,
        version: semver::Version::parse(&info.version).ok()?,
        deployed_at: Timestamp::parse(&info.last_deployed_at)?,
    };
    Some(Known { pinned, is_current: info.current })
}

/// What the store says, which no host has.
fn of_store(data: &Path, job: &JobName) -> Result<Vec<Known>, Failure> {
    runtime()?.block_on(async {
        let store = Running::open_store_alone(data, now())?;
        let revisions = store.revisions(job.clone()).await.map_err(Failure::host)?.revisions;
        let known = |row: &RevisionRow| Known { pinned: Pinned::from(row), is_current: row.is_current() };
        Ok(revisions.iter().map(known).collect())
    })
}
