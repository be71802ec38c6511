//! Deploying: which revision of a job this host runs from now on.
//!
//! place allowed → pull → verify → admit → what it may do more than the current one → kept in the host's own folder → compiled →
//! pinned in the store. Until the last of these nothing has changed for any task; after it new tasks are accepted with the new
//! revision, and those that are queued keep theirs. One deployment goes this way at a time.

mod by_hand;
mod difference;
mod lost;
mod progress;
mod refused;
pub mod repositories;

pub use by_hand::{RevisionName, WentBack};
pub use refused::DeploymentRefused;

use crate::access::Caller;
use crate::failure::Failure;
use crate::host::Host;
use crate::job_modules::{Current, DeployedModules, Pinned};
use crate::sandbox_runner::SandboxRunner;
use crate::settings::RegistrySettings;
use crate::vouched::{Judge, Vouched};
use mainworker_client::wire::{DeploymentInfo, ErrorInfo};
use mainworker_domain::audit::Actor;
use mainworker_domain::catalog::Revision;
use mainworker_domain::digest::Digest;
use mainworker_domain::event::Event;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::nearest::nearest_few;
use mainworker_publishing::place::{Place, RegistryHost, Wanted};
use mainworker_publishing::publication;
use mainworker_publishing::trust::Signer;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::deployments::{CollectRevisions, Deploy, Deployed, NewRevision};
use progress::Progress;
use repositories::{Opened, Repositories};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;
use uuid::Uuid;

/// Former revisions of a job that are kept beside the current one, for a rollback.
const FORMER_KEPT: usize = 10;
/// Milliseconds that a revision is kept after another took its place, whatever else: a task that was accepted with it may be on
/// its way into the store.
const SUPERSEDED_KEPT_MS: i64 = 3_600_000;
/// How long a module may take to come, all requests together: the largest at 110 kB a second.
const PULL: Duration = Duration::from_secs(600);
/// Revisions that one transaction looks at.
const COLLECTED_AT_A_TIME: usize = 100;

/// What deploying needs.
#[derive(Debug)]
pub struct Deployments {
    repositories: Repositories,
    runner: Arc<SandboxRunner>,
    progress: Progress,
    /// Held while a module is pulled: one is in memory at a time.
    pulling: Mutex<()>,
    /// Held while it is changed which revision is current. A registry that does not answer holds up no rollback.
    turn: Mutex<()>,
}

/// A deployment as it is asked for.
#[derive(Clone, Debug)]
pub struct DeployAsked {
    /// The job, and which of its revisions.
    pub wanted: Wanted,
    /// From where.
    pub from: String,
    /// What it may do that the current revision may not.
    pub allow_widening: Vec<String>,
}

impl Deployments {
    /// Of a host that takes modules from these places.
    pub fn new(
        from: Vec<Place>,
        registries: BTreeMap<RegistryHost, RegistrySettings>,
        runner: Arc<SandboxRunner>,
    ) -> Self {
        let repositories = Repositories::new(from, registries);
        Self {
            repositories,
            runner,
            progress: Progress::default(),
            pulling: Mutex::default(),
            turn: Mutex::default(),
        }
    }
}

impl Host {
    /// Begins a deployment, which goes on by itself.
    ///
    /// # Errors
    /// A place from which nothing is taken, or too many deployments under way.
    pub fn deploy(self: &Arc<Self>, asked: DeployAsked, by: &Caller) -> Result<Uuid, DeploymentRefused> {
        let modules = Arc::clone(self.modules.as_deployed().ok_or(DeploymentRefused::OfFolder)?);
        let place = self.deployments.repositories.allowed(&asked.from).inspect_err(|refused| {
            let (job, by) = (&asked.wanted.job, &by.actor);
            tracing::warn!(%job, %by, code = refused.code(), problem = %refused, "a deployment was refused");
        })?;
        let id = Uuid::now_v7();
        let allowed = progress::UNDER_WAY_MAX;
        self.deployments
            .progress
            .begin(id, asked.wanted.job.as_str())
            .ok_or(DeploymentRefused::TooMany { allowed })?;
        let (host, by) = (Arc::clone(self), by.actor.clone());
        tokio::spawn(async move {
            let run = Run { host: &host, modules: &modules, id, asked: &asked, by };
            let ended = run.to_its_end(place).await;
            run.end(ended);
        });
        Ok(id)
    }

    /// How far a deployment is.
    ///
    /// # Errors
    /// One that there is not.
    pub fn deployment(&self, id: &str) -> Result<DeploymentInfo, DeploymentRefused> {
        let unknown = || DeploymentRefused::UnknownDeployment { id: id.chars().take(80).collect() };
        self.deployments.progress.of(id).ok_or_else(unknown)
    }
}

/// One deployment under way.
struct Run<'a> {
    host: &'a Arc<Host>,
    modules: &'a Arc<DeployedModules>,
    id: Uuid,
    asked: &'a DeployAsked,
    by: Actor,
}

/// What came.
enum Taken {
    /// A revision to deploy.
    New(Vouched),
    /// One that was deployed before, and of which something is lost here.
    Lost(Vouched),
}

/// How a deployment ended that was not refused.
enum End {
    /// It is current.
    Now,
    /// It was.
    Already,
    /// What was kept of it is whole again; which revision is current is as it was.
    Restored,
}

impl Run<'_> {
    async fn to_its_end(&self, place: Place) -> Result<End, DeploymentRefused> {
        let _one_at_a_time = self.host.deployments.pulling.lock().await;
        let taken = timeout(PULL, self.take(place)).await;
        let taken = taken.map_err(|_| DeploymentRefused::TookTooLong { seconds: PULL.as_secs() })??;
        let _turn = self.host.deployments.turn.lock().await;
        let ended = match &taken {
            Taken::New(vouched) => self.go(vouched).await,
            Taken::Lost(vouched) => self.restore(vouched).await,
        };
        if !matches!(ended, Ok(End::Now) | Err(DeploymentRefused::Store(_))) {
            // What came into the folder and is nobody's.
            self.modules.clear().await;
        }
        ended
    }

    async fn go(&self, vouched: &Vouched) -> Result<End, DeploymentRefused> {
        let revision = Arc::clone(vouched.module.revision());
        let current = self.modules.current_of(&self.asked.wanted.job);
        self.tell(|info| {
            info.version = Some(revision.manifest().job.version.to_string());
            info.revision = Some(revision.digest().to_string());
            info.previous = current.as_ref().map(|current| current.module.to_string());
        });
        // Taking a job away and bringing it back is no way around either.
        let before = self.modules.compared_with(&self.asked.wanted.job);
        if let Some(before) = &before {
            self.check_version(&revision, before)?;
        }
        let allowed = self.check_difference(vouched, before.as_ref()).await?;
        self.keep(vouched).await?;
        self.tell(|info| info.state = "compiling".to_owned());
        self.pin(vouched, current.map(|current| current.module), allowed).await
    }

    /// Pulls the module and verifies it.
    async fn take(&self, place: Place) -> Result<Taken, DeploymentRefused> {
        self.tell(|info| info.state = "pulling".to_owned());
        let repository = self.host.deployments.repositories.open(&place).await?;
        if let Some(lost) = self.lost().await {
            // It was judged when it was deployed; this is no new deployment.
            let vouched = self.vouch(&repository, lost.deployed_at).await?;
            if vouched.release.facts().manifest == lost.oci_manifest {
                return Ok(Taken::Lost(vouched));
            }
        }
        self.vouch(&repository, self.host.now()).await.map(Taken::New)
    }

    async fn vouch(&self, repository: &Opened, at: Timestamp) -> Result<Vouched, DeploymentRefused> {
        let progress = |bytes: u64, bytes_total: u64| {
            self.tell(|info| {
                (info.bytes, info.bytes_total) = (bytes, bytes_total);
                if bytes == bytes_total && bytes > 0 {
                    info.state = "verifying".to_owned();
                }
            });
        };
        let deployed =
            self.modules.names_ever().into_iter().filter(|name| *name != self.asked.wanted.job).collect();
        let judge = Judge { policy: self.modules.policy(), deployed: &deployed, at };
        repository.vouch(&self.asked.wanted, judge, &progress).await
    }

    fn check_version(&self, revision: &Revision, before: &Current) -> Result<(), DeploymentRefused> {
        let (found, current) = (&revision.manifest().job.version, &before.version);
        if found >= current {
            return Ok(());
        }
        let (found, current) = (found.to_string(), current.to_string());
        let job = self.asked.wanted.job.clone();
        let runs = self.modules.current_of(&job).is_some();
        Err(DeploymentRefused::Downgrade { job, found, current, runs })
    }

    /// Keeps the module in the host's own folder.
    async fn keep(&self, vouched: &Vouched) -> Result<(), DeploymentRefused> {
        let kept = publication::keep(self.modules.layout(), &vouched.release).await;
        kept.map_err(DeploymentRefused::NotKept)
    }

    /// Compiles the module and makes it current, unless something else became so meanwhile.
    async fn pin(
        &self,
        vouched: &Vouched,
        expected: Option<Digest>,
        allowed_widenings: Vec<String>,
    ) -> Result<End, DeploymentRefused> {
        let host = self.host;
        let revision = Arc::clone(vouched.module.revision());
        let now = host.now();
        let known = self.modules.knows(&self.asked.wanted.job, revision.digest());
        let pinned = Pinned {
            job: self.asked.wanted.job.clone(),
            module: revision.digest(),
            oci_manifest: vouched.release.facts().manifest,
            version: vouched.release.facts().version.clone(),
            deployed_at: now,
        };
        if !known {
            self.modules.know(pinned.clone());
        }
        let forget = || {
            if !known {
                self.modules.forget(&self.asked.wanted.job, revision.digest());
                host.deployments.runner.forget(revision.digest());
            }
        };
        let ready = host.deployments.runner.prepare_revision(&self.asked.wanted.job, revision.digest()).await;
        if let Err(failure) = ready {
            forget();
            return Err(DeploymentRefused::NotReady(Box::new(failure)));
        }
        let deploy = Deploy {
            revision: self.new_revision(vouched),
            expected,
            allowed_widenings,
            now,
            by: self.by.clone(),
        };
        match host.store.deploy(deploy).await {
            Ok(Deployed::Now { .. }) => {
                // What is known of it may be new: another key may have signed the same module.
                self.modules.know(pinned);
                self.modules.set_current(&self.asked.wanted.job, Some(Arc::clone(&revision)));
                host.tell_deployment(&self.asked.wanted.job, "deployed", Some(revision.digest()));
                host.collect_revisions(self.modules).await;
                Ok(End::Now)
            }
            Ok(Deployed::Already) => {
                // It was read and verified just now, whatever was wrong with it before.
                self.modules.set_current(&self.asked.wanted.job, Some(revision));
                Ok(End::Already)
            }
            Ok(Deployed::Stale { current }) => {
                forget();
                Err(DeploymentRefused::Stale { job: self.asked.wanted.job.clone(), current })
            }
            Err(error) => {
                // It may have happened all the same: what it needs stays.
                let _ = host.store_failed(&error);
                Err(error.into())
            }
        }
    }

    fn new_revision(&self, vouched: &Vouched) -> NewRevision {
        let (facts, provenance) = (vouched.release.facts(), vouched.release.provenance());
        let signers =
            |shown: fn(&Signer) -> String| facts.signers.iter().map(shown).collect::<Vec<_>>().join(" ");
        NewRevision {
            job: facts.job.clone(),
            module: facts.module,
            oci_manifest: facts.manifest,
            version: facts.version.to_string(),
            commit: provenance.source.commit.to_string(),
            builder: provenance.builder.clone(),
            key_id: signers(|signer| signer.id.clone()),
            key_fingerprint: signers(|signer| signer.fingerprint.to_string()),
            from: self.asked.from.clone(),
        }
    }

    fn end(&self, ended: Result<End, DeploymentRefused>) {
        match ended {
            Ok(End::Now) => self.tell(|info| info.state = "deployed".to_owned()),
            Ok(End::Already) => self.tell(|info| info.state = "already".to_owned()),
            Ok(End::Restored) => self.tell(|info| info.state = "restored".to_owned()),
            Err(refused) => {
                let (code, message) = (refused.code().to_owned(), refused.to_string());
                let (job, by) = (&self.asked.wanted.job, &self.by);
                tracing::warn!(%job, %by, code, problem = message, "a deployment was refused");
                if matches!(&refused, DeploymentRefused::NotVouched(error) if error.is_refusal()) {
                    self.host.events.emit(Event::ModuleRefused {
                        job: Some(self.asked.wanted.job.clone()),
                        revision: None,
                        code: code.clone(),
                        message: message.clone(),
                    });
                }
                let error = ErrorInfo { code, message, hint: refused.hint() };
                self.tell(|info| progress::refused(info, error));
            }
        }
    }

    fn tell(&self, change: impl FnOnce(&mut DeploymentInfo)) {
        self.host.deployments.progress.tell(self.id, change);
    }
}

impl Host {
    pub(super) fn tell_deployment(&self, job: &JobName, change: &'static str, revision: Option<Digest>) {
        self.events.emit(Event::DeploymentChanged { job: job.clone(), change, revision });
        // What waited for a module may have one now.
        self.schedules.wake.notify_one();
        self.dispatch.wake();
    }

    /// Lets go of revisions that nobody needs. What fails now is tried after the next deployment.
    pub(super) async fn collect_revisions(&self, modules: &DeployedModules) {
        let superseded_before = Timestamp::from_ms(self.now().as_ms() - SUPERSEDED_KEPT_MS);
        let mut after = Some(0);
        while let Some(from) = after {
            let collect = CollectRevisions {
                keep: FORMER_KEPT,
                superseded_before,
                revisions_max: COLLECTED_AT_A_TIME,
                after: from,
            };
            match self.store.collect_revisions(collect).await {
                Ok(collected) => {
                    for gone in &collected.revisions {
                        modules.forget(&gone.job, gone.module);
                        self.deployments.runner.forget(gone.module);
                    }
                    after = collected.next;
                }
                Err(error) => {
                    drop(self.store_failed(&error));
                    break;
                }
            }
        }
        modules.clear().await;
    }

    pub(super) fn not_deployed(&self, name: &str) -> DeploymentRefused {
        let names = self.modules.names();
        let nearest = nearest_few(name, names.iter().map(JobName::as_str), 3);
        DeploymentRefused::NotDeployed {
            job: name.chars().take(80).collect(),
            nearest: nearest.into_iter().map(str::to_owned).collect(),
        }
    }
}

impl From<DeploymentRefused> for Failure {
    fn from(refused: DeploymentRefused) -> Self {
        let hint = refused.hint();
        let failure = Self::unavailable(&refused, "");
        Self {
            code: refused.code().to_owned(),
            hint,
            pointer: refused.pointer().map(str::to_owned),
            ..failure
        }
    }
}
