//! What was deployed: modules in the host's own folder that somebody vouches for, each pinned for its job in the store.
//!
//! Whatever is taken from the folder goes the way of anything that comes from elsewhere: digests, signatures and the policy of
//! the settings, each time. What is current is kept in memory, so an envelope costs no look at a file.

use crate::failure::Failure;
use crate::hints;
use crate::vouched::{Judge, NotVouched, Vouched, vouch};
use mainworker_domain::catalog::Revision;
use mainworker_domain::digest::Digest;
use mainworker_domain::event::Event;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::rejection::Rejection;
use mainworker_publishing::layout::Layout;
use mainworker_publishing::place::{Wanted, WantedRevision};
use mainworker_publishing::publication::pull;
use mainworker_publishing::trust::{Distrust, TrustPolicy};
use mainworker_queue::dispatch::OnEvent;
use mainworker_queue::verbs::deployments::RevisionRow;
use mainworker_sandbox::module_file::ModuleFile;
use semver::Version;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::runtime::Builder;

/// The host's own folder of modules in the data folder: an OCI image layout.
pub fn modules_layout(data_dir: &Path) -> PathBuf {
    data_dir.join("modules")
}

/// One revision that was deployed.
#[derive(Clone, Debug)]
pub struct Pinned {
    /// The job.
    pub job: JobName,
    /// The module.
    pub module: Digest,
    /// Its manifest in the folder.
    pub oci_manifest: Digest,
    /// Its version.
    pub version: Version,
    /// When it was deployed last: the time for which the validity of its key counts.
    pub deployed_at: Timestamp,
}

impl From<&RevisionRow> for Pinned {
    fn from(row: &RevisionRow) -> Self {
        Self {
            job: row.revision.job.clone(),
            module: row.revision.module,
            oci_manifest: row.revision.oci_manifest,
            // It was written out of a version.
            version: Version::parse(&row.revision.version).unwrap_or(Version::new(0, 0, 0)),
            deployed_at: row.last_deployed_at,
        }
    }
}

/// What is current for a job.
#[derive(Clone, Debug)]
pub struct Current {
    /// The module.
    pub module: Digest,
    /// Its version.
    pub version: Version,
    /// What it says of itself; why it cannot be used, if that is so.
    pub revision: Result<Arc<Revision>, Failure>,
}

/// What was deployed to this host.
pub struct DeployedModules {
    layout: Layout,
    policy: TrustPolicy,
    told: OnEvent,
    pins: RwLock<Pins>,
}

#[derive(Debug, Default)]
struct Pins {
    /// What runs for each job.
    current: BTreeMap<JobName, Current>,
    /// What ran last for each job that was taken away.
    former: BTreeMap<JobName, Current>,
    /// All that queued tasks may name.
    known: HashMap<(JobName, Digest), Pinned>,
}

impl DeployedModules {
    /// The modules in `layout`, as far as `policy` trusts whoever signed them. `told` is told of what is refused.
    pub fn new(layout: Layout, policy: TrustPolicy, told: OnEvent) -> Self {
        Self { layout, policy, told, pins: RwLock::default() }
    }

    /// The folder.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Whose modules are taken.
    pub fn policy(&self) -> &TrustPolicy {
        &self.policy
    }

    /// Takes note of a revision that tasks may name.
    pub fn know(&self, pinned: Pinned) {
        self.write().known.insert((pinned.job.clone(), pinned.module), pinned);
    }

    /// Forgets a revision that is kept no longer.
    pub fn forget(&self, job: &JobName, module: Digest) {
        self.write().known.remove(&(job.clone(), module));
    }

    /// Whether a revision is known.
    pub fn knows(&self, job: &JobName, module: Digest) -> bool {
        self.read().known.contains_key(&(job.clone(), module))
    }

    /// The revision that is known of this version or with this manifest.
    pub fn named(&self, wanted: &Wanted) -> Option<Pinned> {
        let pins = self.read();
        let of_job = pins.known.values().filter(|pinned| pinned.job == wanted.job);
        let is_named = |pinned: &&Pinned| match &wanted.revision {
            WantedRevision::Newest => false,
            WantedRevision::Version(version) => pinned.version == *version,
            WantedRevision::Manifest(manifest) => pinned.oci_manifest == *manifest,
        };
        of_job.filter(is_named).max_by_key(|pinned| pinned.deployed_at).cloned()
    }

    /// Whether everything that was kept of a revision is there, byte for byte. Who is trusted by now is another matter.
    pub async fn is_whole(&self, pinned: &Pinned) -> bool {
        let revision = WantedRevision::Manifest(pinned.oci_manifest);
        let wanted = Wanted { job: pinned.job.clone(), revision };
        let pulled = pull(&self.layout, &wanted, &|_, _| ()).await;
        pulled.is_ok_and(|pulled| !pulled.bundles.is_empty())
    }

    /// Removes from the folder what no revision that is known needs. Nobody may be putting something in meanwhile.
    pub async fn clear(&self) {
        let manifests = self.read().known.values().map(|pinned| pinned.oci_manifest).collect();
        if let Err(error) = self.layout.retain(manifests).await {
            tracing::warn!(%error, "clearing the folder of modules");
        }
    }

    /// Makes a revision that is known the one that runs for its job; reads its module.
    pub fn load(&self, pinned: &Pinned) {
        let current = self.read_as_current(pinned);
        if let Err(failure) = &current.revision {
            let job = &pinned.job;
            tracing::error!(%job, code = failure.code, problem = failure.message, "a deployed module cannot be used");
        }
        self.write().current.insert(pinned.job.clone(), current);
    }

    fn read_as_current(&self, pinned: &Pinned) -> Current {
        let revision = self.vouched(pinned).map(|vouched| Arc::clone(vouched.module.revision()));
        Current { module: pinned.module, version: pinned.version.clone(), revision }
    }

    /// Lets this revision run for its job from now on, or none.
    pub fn set_current(&self, job: &JobName, revision: Option<Arc<Revision>>) {
        match revision {
            Some(revision) => {
                let (module, version) = (revision.digest(), revision.manifest().job.version.clone());
                self.write().current.insert(job.clone(), Current { module, version, revision: Ok(revision) })
            }
            None => self.take_away(job),
        };
    }

    fn take_away(&self, job: &JobName) -> Option<Current> {
        let mut pins = self.write();
        let former = pins.current.remove(job)?;
        pins.former.insert(job.clone(), former)
    }

    /// Takes note of what ran last for a job that was taken away: what comes next is compared with it.
    pub fn load_former(&self, pinned: &Pinned) {
        let former = self.read_as_current(pinned);
        self.write().former.insert(pinned.job.clone(), former);
    }

    /// What the next revision of the job is compared with: what is current, or what was until the job was taken away.
    pub fn compared_with(&self, job: &JobName) -> Option<Current> {
        let pins = self.read();
        pins.current.get(job).or_else(|| pins.former.get(job)).cloned()
    }

    /// What is current for the job, whether it can be used or not.
    pub fn current_of(&self, job: &JobName) -> Option<Current> {
        self.read().current.get(job).cloned()
    }

    /// The same, with those that were taken away: their names are not to be imitated either.
    pub fn names_ever(&self) -> Vec<JobName> {
        let pins = self.read();
        pins.current.keys().chain(pins.former.keys()).cloned().collect()
    }

    /// The names of the jobs, sorted.
    pub fn names(&self) -> Vec<JobName> {
        self.read().current.keys().cloned().collect()
    }

    pub(super) fn current(&self, name: &JobName) -> Result<Option<Arc<Revision>>, Failure> {
        self.read().current.get(name).map(|current| current.revision.clone()).transpose()
    }

    pub(super) fn module(&self, name: &JobName, revision: Digest) -> Result<ModuleFile, Failure> {
        let pinned = self.read().known.get(&(name.clone(), revision)).cloned();
        let Some(pinned) = pinned else {
            return Err(Failure::unavailable(
                format!("revision {revision} of `{name}` is not deployed here, or not any more"),
                hints::of_revision_away(name),
            ));
        };
        self.vouched(&pinned).map(|vouched| vouched.module)
    }

    /// Reads a revision from the folder, and everything about it anew.
    ///
    /// # Errors
    /// A changed byte, or nobody any more who is trusted. Whoever listens is told.
    pub fn vouched(&self, pinned: &Pinned) -> Result<Vouched, Failure> {
        let revision = WantedRevision::Manifest(pinned.oci_manifest);
        let wanted = Wanted { job: pinned.job.clone(), revision };
        // Whether a name imitates another was judged when it was new.
        let judge = Judge { policy: &self.policy, deployed: &BTreeSet::new(), at: pinned.deployed_at };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(Failure::host)?;
        let vouched = runtime.block_on(vouch(&self.layout, &wanted, judge, &|_, _| ()));
        let vouched = vouched.and_then(|vouched| match vouched.release.facts().module {
            found if found == pinned.module => Ok(vouched),
            found => Err(NotVouched::OtherModule { found, expected: pinned.module }),
        });
        vouched.map_err(|error| {
            (self.told)(Event::ModuleRefused {
                job: Some(pinned.job.clone()),
                revision: Some(pinned.module),
                code: error.code().to_owned(),
                message: error.to_string(),
            });
            let is_damaged = matches!(
                error,
                NotVouched::Publication(_)
                    | NotVouched::Module(_)
                    | NotVouched::OtherModule { .. }
                    | NotVouched::Distrust(Distrust::SignatureMissing { .. })
            );
            let mut failure = Failure::from(error);
            if is_damaged {
                failure.hint = Some(hints::of_damaged_revision(&pinned.job, &pinned.version));
            }
            failure
        })
    }

    pub(super) fn unknown(&self, rejection: Rejection) -> Failure {
        let mut failure = Failure::from(rejection);
        if self.read().current.is_empty() {
            failure.hint = Some(hints::of_nothing_deployed());
        }
        failure
    }

    fn read(&self) -> RwLockReadGuard<'_, Pins> {
        // Entries are put in whole.
        self.pins.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Pins> {
        self.pins.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for DeployedModules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeployedModules").field("pins", &self.read()).finish_non_exhaustive()
    }
}
