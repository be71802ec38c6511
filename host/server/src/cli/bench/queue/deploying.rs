//! How soon tasks begin while their job's revisions change: a host that runs what is deployed to it, a steady load, and one
//! deployment after the other. Figures come only of a run in which no task was lost and each ran what it was accepted with.

use super::latency::{BETWEEN, Beginnings, ask};
use super::own_settings;
use super::rates::caller;
use crate::access::Caller;
use crate::cli::bench::figures::{Figures, percentile};
use crate::cli::remote::now;
use crate::clock::{HostClock, Mode};
use crate::deployments::DeployAsked;
use crate::failure::Failure;
use crate::host::Running;
use crate::job_modules::ModuleSource;
use crate::settings::{Settings, TrustSettings};
use crate::vouched::{NotVouched, capability_names};
use mainworker_domain::catalog::{CONTRACT, ModuleDescription};
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::task_id::TaskId;
use mainworker_publishing::key::SigningKey;
use mainworker_publishing::layout::Layout;
use mainworker_publishing::place::{Place, Wanted, WantedRevision};
use mainworker_publishing::publication::{Facts, PublicationError, Unsigned, publish};
use mainworker_publishing::statement::{GitCommit, SchemaDigests, Source};
use mainworker_publishing::trust::{JobPattern, TrustPolicy, TrustedKey};
use mainworker_queue::store::Store;
use mainworker_queue::verbs::task::TaskView;
use mainworker_sandbox::module_file::ModuleFile;
use rand::rngs::SysRng;
use semver::Version;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};

/// Versions that are published. The first is deployed before the load begins.
const VERSIONS: u64 = 21;
/// Deployments under load at the least, however long they take.
const DEPLOYMENTS_MIN: usize = 3;
/// No deployment begins after so long.
const DEPLOYING_TIME: Duration = Duration::from_secs(5);
/// Between two looks at how far a deployment is.
const LOOK_INTERVAL: Duration = Duration::from_millis(2);
/// How long one deployment may take on the slowest machine.
const DEPLOYED_WITHIN: Duration = Duration::from_secs(60);
/// How long attempts that run may take to end.
const ENDED_WITHIN: Duration = Duration::from_secs(10);

/// Who the statements say has built the modules.
const BUILDER: &str = "urn:mainworker:bench";

/// What must not happen while revisions are deployed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Disturbed {
    #[error("deploying {version} came to `{state}`{}, expected `deployed`", because.as_ref().map(|because| format!(" ({because})")).unwrap_or_default())]
    NotDeployed { version: Version, state: String, because: Option<String> },
    #[error(
        "the task {task} was accepted while revisions were deployed and is not there, expected it `completed`"
    )]
    Lost { task: TaskId },
    #[error(
        "the task {task} was accepted while revisions were deployed and is `{state}`, expected `completed`"
    )]
    NotCompleted { task: TaskId, state: State },
    #[error("the task {task} was accepted with {found}, expected a revision that was current then")]
    AcceptedWithAnother { task: TaskId, found: Digest },
    #[error("the task {task} was accepted with {accepted} and completed with {found}, expected the same")]
    RanAnother { task: TaskId, accepted: Digest, found: Digest },
}

impl From<Disturbed> for Failure {
    fn from(disturbed: Disturbed) -> Self {
        Self::host(disturbed)
    }
}

/// A version in the folder from which the host takes modules.
struct Published {
    version: Version,
    module: Digest,
}

/// What is asked for, of whom, and what comes of it.
struct Bench {
    running: Running,
    caller: Arc<Caller>,
    job: JobName,
    from: Place,
    /// In the order in which they are deployed.
    versions: Vec<Published>,
}

/// A task that the host accepted.
#[derive(Debug)]
struct Accepted {
    id: TaskId,
    /// When it was to be asked for. A host that answers late cannot make the load any lighter by it.
    due: Instant,
    /// Versions that were current from before it was asked for until after it was accepted, as places in their order.
    current: (usize, usize),
}

/// Deploys versions of `echo` one after the other under a steady load.
pub(super) async fn start(echo: &ModuleFile, folder: &Path, figures: &mut Figures) -> Result<(), Failure> {
    let bench = Bench::start(echo, folder).await?;
    let beginnings = Beginnings::of(&bench.running);
    let (stop, stopped) = watch::channel(false);
    let deploying = async {
        let times = bench.deploy_rest().await;
        let _ = stop.send(true);
        times
    };
    let (times, accepted) = tokio::join!(deploying, bench.ask_until(stopped));
    let (mut times, accepted) = (times?, accepted?);
    let due = accepted.iter().map(|task| (task.id, task.due)).collect::<HashMap<_, _>>();
    let mut waits = beginnings.waits_ms(&due).await?;
    bench.running.drain(ENDED_WITHIN).await;
    for task in &accepted {
        let kept = bench.running.host.store.task(task.id).await.map_err(Failure::host)?;
        check(task, kept.as_ref(), &bench.versions)?;
    }
    bench.running.close().await;
    let what = "as startP99Ms, while revisions of the job are deployed; none lost, each ran its own revision";
    figures.add("startP99MsWhileDeploying", percentile(&mut waits, 99), what);
    let what = "one of these deployments, from asking until it is done; compiled anew; the median";
    figures.add("deploymentsMs", percentile(&mut times, 50), what);
    Ok(())
}

impl Bench {
    /// A host that trusts a key of its own and runs the first version.
    async fn start(echo: &ModuleFile, folder: &Path) -> Result<Self, Failure> {
        let key = SigningKey::generate(&mut SysRng).map_err(Failure::host)?;
        let from = Place::Directory(folder.join("published"));
        let versions = publish_all(echo, &folder.join("published"), &key).await?;
        let settings = Settings { trust: trusting(&key, from.clone()), ..own_settings() };
        let clock = Arc::new(HostClock::of(Mode::Service));
        let running = Running::start(settings, ModuleSource::Deployed, &folder.join("data"), clock).await?;
        let caller = caller(&running)?;
        let job = echo.revision().manifest().job.name.clone();
        let bench = Self { running, caller, job, from, versions };
        if let Some(first) = bench.versions.first() {
            bench.deploy(first).await?;
        }
        Ok(bench)
    }

    /// Deploys what is not deployed yet, as much as there is time for: how many milliseconds each took.
    async fn deploy_rest(&self) -> Result<Vec<f64>, Failure> {
        let (started, mut times) = (Instant::now(), Vec::new());
        for published in self.versions.iter().skip(1) {
            if times.len() >= DEPLOYMENTS_MIN && started.elapsed() >= DEPLOYING_TIME {
                break;
            }
            times.push(self.deploy(published).await?.as_secs_f64() * 1_000.0);
        }
        Ok(times)
    }

    async fn deploy(&self, published: &Published) -> Result<Duration, Failure> {
        let revision = WantedRevision::Version(published.version.clone());
        let asked = DeployAsked {
            wanted: Wanted { job: self.job.clone(), revision },
            from: self.from.to_string(),
            allow_widening: Vec::new(),
        };
        let started = Instant::now();
        let id = self.running.host.deploy(asked, &self.caller)?.to_string();
        loop {
            sleep(LOOK_INTERVAL).await;
            let info = self.running.host.deployment(&id)?;
            let took = started.elapsed();
            match info.state.as_str() {
                "deployed" => return Ok(took),
                "refused" | "already" => {}
                _ if took < DEPLOYED_WITHIN => continue,
                _ => {}
            }
            let (version, because) = (published.version.clone(), info.error.map(|error| error.message));
            return Err(Disturbed::NotDeployed { version, state: info.state, because }.into());
        }
    }

    /// Asks for tasks at a steady pace, at least for one.
    async fn ask_until(&self, stopped: watch::Receiver<bool>) -> Result<Vec<Accepted>, Failure> {
        let mut accepted = Vec::new();
        let mut ticks = interval(BETWEEN);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        while !*stopped.borrow() {
            let due = ticks.tick().await.into_std();
            let before = self.current()?;
            let id = ask(&self.running, &self.caller).await?;
            accepted.push(Accepted { id, due, current: (before, self.current()?) });
        }
        Ok(accepted)
    }

    /// The place of the version that is current, in the order in which they are deployed.
    fn current(&self) -> Result<usize, Failure> {
        let current = self.running.host.modules.current(&self.job)?.map(|revision| revision.digest());
        let place = self.versions.iter().position(|version| Some(version.module) == current);
        place.ok_or_else(|| Failure::host("the host of the benchmark runs something else than was deployed"))
    }
}

/// Whether a task came to its end with the revision with which it was accepted, and that one was current then.
fn check(task: &Accepted, kept: Option<&TaskView>, versions: &[Published]) -> Result<(), Disturbed> {
    let kept = kept.ok_or(Disturbed::Lost { task: task.id })?;
    let (state, accepted) = (kept.summary.state, kept.summary.revision);
    if state != State::Completed {
        return Err(Disturbed::NotCompleted { task: task.id, state });
    }
    let (first, last) = task.current;
    let mut were_current = versions.iter().take(last + 1).skip(first);
    if !were_current.any(|version| version.module == accepted) {
        return Err(Disturbed::AcceptedWithAnother { task: task.id, found: accepted });
    }
    match kept.attempts.iter().find(|attempt| attempt.revision != accepted) {
        Some(attempt) => Err(Disturbed::RanAnother { task: task.id, accepted, found: attempt.revision }),
        None => Ok(()),
    }
}

/// Publishes the same component under several versions, as `mainworker publish` does.
async fn publish_all(echo: &ModuleFile, to: &Path, key: &SigningKey) -> Result<Vec<Published>, Failure> {
    let layout = Layout::create(to).await.map_err(|error| not_published(error.into()))?;
    let mut versions = Vec::new();
    for number in 0..VERSIONS {
        let module = with_version(echo, Version::new(1, 0, number))?;
        let unsigned = Unsigned::new(module.bytes().to_vec(), facts(&module)?).map_err(not_published)?;
        let publication = unsigned.sign(key).map_err(not_published)?;
        publish(&layout, &publication, &|_, _| ()).await.map_err(not_published)?;
        versions.push(Published {
            version: module.revision().manifest().job.version.clone(),
            module: module.revision().digest(),
        });
    }
    Ok(versions)
}

fn not_published(error: PublicationError) -> Failure {
    Failure::from(NotVouched::from(error))
}

/// The same module in another version: other bytes, so nothing that was compiled fits it.
fn with_version(echo: &ModuleFile, version: Version) -> Result<ModuleFile, Failure> {
    let description = echo.revision().description();
    let mut manifest = description.manifest.clone();
    manifest.job.version = version;
    let description = ModuleDescription { manifest, ..description.clone() };
    echo.described_anew(&description).map_err(|refusal| Failure::module("echo", &refusal))
}

/// What the benchmark says of a module. No sample is run: nobody but its own host trusts its key.
fn facts(module: &ModuleFile) -> Result<Facts, Failure> {
    let description = module.revision().description();
    let commit = GitCommit::parse(&"0".repeat(40)).ok_or_else(|| Failure::host("zeros are no commit"))?;
    Ok(Facts {
        job: description.manifest.job.name.clone(),
        version: description.manifest.job.version.clone(),
        world: CONTRACT.to_owned(),
        exports: module.exports().to_vec(),
        imports: module.imports().to_vec(),
        capabilities: capability_names(module.revision()),
        schemas: SchemaDigests::of(description),
        approved_widenings: Vec::new(),
        previous: None,
        source: Source { uri: None, commit },
        builder: BUILDER.to_owned(),
        created: now(),
        passed: vec!["bench".to_owned()],
        samples: Vec::new(),
    })
}

/// `[trust]` with this key alone, and nowhere else to take modules from.
fn trusting(key: &SigningKey, from: Place) -> TrustSettings {
    let key = TrustedKey {
        id: "bench".to_owned(),
        public_key: key.public_key().clone(),
        valid_from: Timestamp::MIN,
        valid_until: Timestamp::MAX,
        jobs: vec![JobPattern::Any],
        builders: vec![BUILDER.to_owned()],
    };
    let policy = TrustPolicy { keys: vec![key], ..TrustPolicy::default() };
    TrustSettings { from: vec![from], policy, ..TrustSettings::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainworker_domain::outcome::{Outcome, Usage};
    use mainworker_queue::verbs::task::{AttemptView, TaskSummary};
    use uuid::Uuid;

    const AT: Timestamp = Timestamp::from_ms(0);

    fn module(number: u8) -> Digest {
        Digest::from_sha256([number; 32])
    }

    fn versions() -> Vec<Published> {
        let version =
            |number: u8| Published { version: Version::new(1, 0, number.into()), module: module(number) };
        (0..4).map(version).collect()
    }

    fn accepted(first: usize, last: usize) -> Accepted {
        Accepted { id: TaskId::from_uuid(Uuid::nil()), due: Instant::now(), current: (first, last) }
    }

    fn kept(state: State, revision: Digest, ran: Digest) -> TaskView {
        let summary = TaskSummary {
            id: TaskId::from_uuid(Uuid::nil()),
            place: 1,
            job: JobName::parse("echo").unwrap(),
            source: "api".to_owned(),
            revision,
            state,
            outcome: None,
            priority: 0,
            label: None,
            tags: Vec::new(),
            created_at: AT,
            run_at: AT,
            expires_at: None,
            started_at: Some(AT),
            finished_at: Some(AT),
            attempts: 1,
            max_attempts: 1,
            cancel_requested: false,
            parent: None,
            schedule: None,
            occurrence: None,
        };
        let attempt = AttemptView {
            number: 1,
            outcome: Some(Outcome::Completed),
            started_at: AT,
            finished_at: Some(AT),
            wait_ms: 0,
            usage: Usage::default(),
            revision: ran,
            host: "bench".to_owned(),
            error: None,
        };
        TaskView {
            summary,
            depth: 0,
            requested_by: None,
            result: None,
            progress: None,
            attempts: vec![attempt],
        }
    }

    #[test]
    fn a_task_that_completed_with_what_was_current_is_fine() {
        for current in [(2, 2), (1, 2), (2, 3)] {
            let task = accepted(current.0, current.1);
            let kept = kept(State::Completed, module(2), module(2));
            assert_eq!(check(&task, Some(&kept), &versions()), Ok(()), "{current:?}");
        }
    }

    #[test]
    fn a_task_that_is_lost_or_did_not_complete_is_told() {
        let task = accepted(1, 1);
        assert_eq!(check(&task, None, &versions()), Err(Disturbed::Lost { task: task.id }));
        for state in [State::Queued, State::Running, State::Failed, State::Cancelled] {
            let kept = kept(state, module(1), module(1));
            let told = check(&task, Some(&kept), &versions());
            assert_eq!(told, Err(Disturbed::NotCompleted { task: task.id, state }));
        }
    }

    #[test]
    fn a_task_with_another_revision_is_told() {
        let task = accepted(1, 2);
        for other in [0, 3, 9] {
            let kept = kept(State::Completed, module(other), module(other));
            let told = check(&task, Some(&kept), &versions());
            assert_eq!(told, Err(Disturbed::AcceptedWithAnother { task: task.id, found: module(other) }));
        }
        let (accepted, found) = (module(1), module(2));
        let told = check(&task, Some(&kept(State::Completed, accepted, found)), &versions());
        assert_eq!(told, Err(Disturbed::RanAnother { task: task.id, accepted, found }));
    }
}
