//! How a host comes up and goes down.
//!
//! Up, in this order, and what fails ends it with nothing half-done: data folder and store (one host has it) → sealing key →
//! attempts that a former host left behind are lost → sandbox → dispatch → scheduler. Down: no more runs of schedules → no more claims → running attempts end or are
//! interrupted → upkeep → store.

use super::Host;
use crate::access::Access;
use crate::cli::run::start_sandbox;
use crate::clock::HostClock;
use crate::deployments::Deployments;
use crate::door::Door;
use crate::events::{Events, Observer};
use crate::failure::Failure;
use crate::followers::Followers;
use crate::hints;
use crate::host_log::HostLog;
use crate::intake::TaskIntake;
use crate::job_modules::{DeployedModules, JobModules, ModuleSource, Pinned, modules_layout};
use crate::metrics::Metrics;
use crate::notify::{Notifier, notifier};
use crate::rates::Rates;
use crate::readiness::Readiness;
use crate::sandbox_runner::SandboxRunner;
use crate::schedules::{Schedules, SchedulingHost};
use crate::sealing::Sealer;
use crate::settings::{RetentionSettings, Settings};
use crate::system_random::SystemRandom;
use jiff::tz::TimeZoneDatabase;
use mainworker_domain::event::Event;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_publishing::layout::Layout;
use mainworker_publishing::trust::TrustPolicy;
use mainworker_queue::dispatch::{Dispatch, DispatchOptions, OnEvent};
use mainworker_queue::scheduler::Scheduler;
use mainworker_queue::sqlite::{OpenError, SqliteStore};
use mainworker_queue::store::{Store, StoreError};
use mainworker_queue::upkeep::{Upkeep, UpkeepOptions};
use mainworker_queue::verbs::deployments::RevisionRow;
use mainworker_queue::verbs::prune::Retention;
use mainworker_queue::verbs::rescue::Rescue;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::task::{self, JoinHandle};
use tokio::time::sleep;

/// The name under which the store keeps what tells a wrong sealing key.
const CHECK_NAME: &str = "sealing-check";
/// Between two times that it is written down when tokens were used: no request waits for that.
const LAST_USED_INTERVAL: Duration = Duration::from_secs(60);
/// Lost attempts that one transaction settles at the start.
const RESCUED_AT_A_TIME: usize = 1_000;

/// A host that runs, and what has to be stopped with it.
#[derive(Debug)]
pub struct Running {
    /// The host.
    pub host: Arc<Host>,
    upkeep: Upkeep,
    scheduler: Mutex<Option<Scheduler>>,
    log: Arc<HostLog>,
    last_used: JoinHandle<()>,
}

impl Running {
    /// Starts a host on the data folder, whose time is `clock`.
    ///
    /// # Errors
    /// The first thing that cannot be had.
    pub async fn start(
        mut settings: Settings,
        source: ModuleSource,
        data_dir: &Path,
        clock: Arc<HostClock>,
    ) -> Result<Self, Failure> {
        let folder = match &source {
            ModuleSource::Folder(folder) => Some(folder.path()),
            ModuleSource::Deployed => None,
        };
        settings.check_mounts_apart(folder, Some(data_dir))?;
        settings.http.check()?;
        let access = Access::of(&settings.server)?;
        let (store, sealer) = open_store(data_dir, clock.now()).await?;
        let name = host_name();
        let metrics = Arc::new(Metrics::new());
        let followers = Arc::new(Followers::default());
        let (readiness, log) = (Arc::new(Readiness::default()), Arc::new(HostLog::default()));
        let observers = vec![metrics.observer(), followers.observer(), readiness.observer(), log.observer()];
        let (events, notifier) = told_of_events(&settings, &clock, observers, &name)?;
        if let Some(notifier) = notifier {
            tokio::spawn(notifier.run());
        }
        let told: OnEvent = {
            let events = Arc::clone(&events);
            Arc::new(move |event| events.emit(event))
        };
        rescue_all(&store, &told, &clock).await?;

        let sandbox = Arc::new(start_sandbox(&settings.offer.ceilings, Some(data_dir.to_owned()))?);
        let trust = std::mem::take(&mut settings.trust);
        let modules = Arc::new(match source {
            ModuleSource::Folder(folder) => JobModules::of(folder),
            ModuleSource::Deployed => {
                JobModules::deployed(deployed(&store, data_dir, trust.policy, &told).await?)
            }
        });
        let door = Door::new(Arc::clone(&modules), settings.configuration.clone());
        let rates = Rates::new(std::mem::take(&mut settings.source_rates), Arc::clone(&clock) as _);
        let ceilings = settings.offer.ceilings.clone();
        let intake = Arc::new(TaskIntake::new(door, Arc::clone(&sealer), ceilings, rates));
        let offer = Arc::new(std::mem::take(&mut settings.offer));
        let runner = SandboxRunner::new(
            sandbox,
            Arc::clone(&modules),
            Arc::clone(&intake),
            sealer,
            offer,
            Arc::clone(&told),
            Arc::clone(&clock),
        );
        let runner = Arc::new(runner);
        let queue = &settings.queue;
        let dispatch = Dispatch::start(
            Arc::clone(&store),
            Arc::clone(&runner),
            DispatchOptions::new(&name, queue.slots, queue.memory_bytes_max),
            Arc::clone(&clock) as _,
            Arc::new(SystemRandom::start().map_err(Failure::host)?),
            Arc::clone(&told),
        );
        let options = UpkeepOptions::new(retention(&settings.retention));
        let upkeep = Upkeep::start(Arc::clone(&store), options, Arc::clone(&clock) as _, told);
        prepare_all(&runner, &modules);
        let registries = std::mem::take(&mut settings.registries);
        let deployments = Deployments::new(trust.from, registries, Arc::clone(&runner));
        let host = Host {
            name,
            started_at: clock.now(),
            clock: Arc::clone(&clock),
            slots: queue.slots,
            tasks_max: queue.tasks_max,
            store,
            dispatch,
            events,
            metrics,
            followers,
            modules,
            deployments,
            readiness,
            access,
            schedules: Schedules::new(TimeZoneDatabase::from_env()),
            intake,
            stopping: AtomicBool::new(false),
        };
        host.know_tokens().await.map_err(|error| store_failed(&error))?;
        let host = Arc::new(host);
        let last_used = tokio::spawn(keep_last_used(Arc::clone(&host)));
        let scheduler = Scheduler::start(
            Arc::clone(&host.store),
            Arc::new(SchedulingHost(Arc::clone(&host))),
            host.schedules.zones.clone(),
            clock,
            Arc::clone(&host.schedules.wake),
        );
        Ok(Self { host, upkeep, scheduler: Mutex::new(Some(scheduler)), log, last_used })
    }

    /// Opens the store of a data folder that no host has, for what is done without one.
    ///
    /// # Errors
    /// A folder that a host has, or a store that cannot be opened.
    pub fn open_store_alone(data_dir: &Path, now: Timestamp) -> Result<SqliteStore, Failure> {
        SqliteStore::open(data_dir, now).map_err(|error| not_opened(&error))
    }

    /// Begins no more attempts, and waits for those that run. After `grace` they are interrupted: their tasks go back to the
    /// queue, and the attempt does not count. Answers how many were.
    pub async fn drain(&self, grace: Duration) -> u64 {
        self.host.stopping.store(true, Ordering::Relaxed);
        // What falls due from now on is the next host's: it is on time for a minute, and missed after that.
        if let Some(scheduler) = self.scheduler.lock().await.take() {
            scheduler.stop().await;
        }
        self.host.dispatch.drain(grace).await;
        self.log.interrupted()
    }

    /// Closes the store, unless somebody still reads from it: then it is closed with the process, and the next host makes up
    /// for it. All that was answered is on the disk either way.
    pub async fn close(self) {
        let Self { host, upkeep, scheduler, last_used, .. } = self;
        // It has the host in hand, unless it was drained.
        if let Some(scheduler) = scheduler.into_inner() {
            scheduler.stop().await;
        }
        last_used.abort();
        // It has the host in hand until it has ended.
        let _ = last_used.await;
        host.keep_last_used().await;
        upkeep.stop().await;
        // It may wait for the disk.
        let closed = task::spawn_blocking(move || drop(host)).await;
        if let Err(error) = closed {
            tracing::error!(%error, "closing the store failed");
        }
    }
}

/// What was deployed to the host on this data folder, each revision read and verified.
async fn deployed(
    store: &SqliteStore,
    data_dir: &Path,
    policy: TrustPolicy,
    told: &OnEvent,
) -> Result<Arc<DeployedModules>, Failure> {
    let path = modules_layout(data_dir);
    let layout = Layout::create(&path).await.map_err(|error| {
        let hint = "mend the permissions there, or name another folder with `--data DIR`";
        Failure::usage("modules_unusable", format!("opening the deployed modules: {error}"), hint)
    })?;
    // Errors about it are told to whoever may read, which the path of the data folder is not for.
    let layout = layout.called("modules");
    let modules = Arc::new(DeployedModules::new(layout, policy, Arc::clone(told)));
    // Those that are not current too: tasks that are queued may name them.
    let rows = store.kept_revisions().await.map_err(|error| store_failed(&error))?;
    for row in &rows {
        modules.know(Pinned::from(row));
    }
    // What a deployment left that did not come to its end.
    modules.clear().await;
    for row in last_of_each(rows) {
        let modules = Arc::clone(&modules);
        let load = move || match row.is_current() {
            true => modules.load(&Pinned::from(&row)),
            false => modules.load_former(&Pinned::from(&row)),
        };
        task::spawn_blocking(load).await.map_err(Failure::host)?;
    }
    Ok(modules)
}

/// The current revision of each job; of one that was taken away the one that was current last.
fn last_of_each(rows: Vec<RevisionRow>) -> Vec<RevisionRow> {
    let mut last: BTreeMap<JobName, RevisionRow> = BTreeMap::new();
    for row in rows {
        let rank = |row: &RevisionRow| (row.is_current(), row.superseded_at);
        match last.entry(row.revision.job.clone()) {
            Entry::Occupied(mut entry) if rank(entry.get()) < rank(&row) => {
                entry.insert(row);
            }
            Entry::Occupied(_) => {}
            Entry::Vacant(entry) => {
                entry.insert(row);
            }
        }
    }
    last.into_values().collect()
}

fn retention(settings: &RetentionSettings) -> Retention {
    Retention {
        completed_ms: settings.completed_ms,
        failed_ms: settings.failed_ms,
        cancelled_ms: settings.cancelled_ms,
        expired_ms: settings.expired_ms,
        audit_ms: settings.audit_ms,
        store_bytes_max: settings.store_bytes_max,
    }
}

/// The place where events are told, and what posts notices if somebody wants them.
fn told_of_events(
    settings: &Settings,
    clock: &Arc<HostClock>,
    mut observers: Vec<Observer>,
    host: &str,
) -> Result<(Arc<Events>, Option<Notifier>), Failure> {
    let mut posting = None;
    if let Some(notify) = &settings.notify {
        let (notices, notifier) = notifier(notify, host).map_err(|error| {
            let hint = "install the system's certificate authorities, such as the package `ca-certificates`";
            Failure::usage("notify_unusable", format!("preparing `[notify] webhook`: {error}"), hint)
        })?;
        observers.push(notices.observer());
        posting = Some(notifier);
    }
    Ok((Arc::new(Events::new(Arc::clone(clock), observers)), posting))
}

/// The store in the data folder, and what seals configuration in it.
async fn open_store(data_dir: &Path, now: Timestamp) -> Result<(Arc<SqliteStore>, Arc<Sealer>), Failure> {
    let store = Running::open_store_alone(data_dir, now)?;
    // With the store in hand no other host makes a key at the same time.
    let kept = store.kept(CHECK_NAME).await.map_err(Failure::host)?;
    let sealer = Sealer::open(data_dir, kept.is_none())?;
    let kept = match kept {
        Some(kept) => kept,
        None => store.keep(CHECK_NAME, &sealer.check_value()?).await.map_err(Failure::host)?,
    };
    if !sealer.made(&kept) {
        return Err(Failure::usage(
            "sealing_key_wrong",
            format!(
                "opening the store in `{}`: its configuration was sealed with another key",
                data_dir.display()
            ),
            "give the host the key that it had when the store was made",
        ));
    }
    Ok((Arc::new(store), Arc::new(sealer)))
}

fn not_opened(error: &OpenError) -> Failure {
    let code = match error {
        OpenError::InUse { .. } => "store_in_use",
        OpenError::NotADatabase { .. } | OpenError::AnotherProgram { .. } => "store_foreign",
        OpenError::NewerSchema { .. } => "store_newer",
        OpenError::Damaged { .. } => "store_damaged",
        OpenError::ReadOnly { .. } => "store_read_only",
        OpenError::Full { .. } => "store_full",
        OpenError::Failed { .. } => "store_unusable",
    };
    Failure::usage(code, error, hints::of_open_store(error))
}

fn store_failed(error: &StoreError) -> Failure {
    Failure::usage("store_unavailable", error, hints::of_store(error))
}

/// Settles what a former host left running: it had the store to itself, as this one has now.
async fn rescue_all(store: &SqliteStore, told: &OnEvent, clock: &HostClock) -> Result<(), Failure> {
    loop {
        let rescue = Rescue { leases_until: Timestamp::MAX, tasks_max: RESCUED_AT_A_TIME, now: clock.now() };
        let rescued = store.rescue(rescue).await.map_err(|error| store_failed(&error))?;
        for rescued in &rescued {
            let (state, reason) = (rescued.transition.next.state(), rescued.transition.reason);
            let (task_id, job) = (rescued.held.task, rescued.job.clone());
            tracing::warn!(task = %task_id, %job, %state, "an attempt was lost with its host");
            told(Event::TaskChanged { task_id, job, state, reason });
        }
        if rescued.len() < RESCUED_AT_A_TIME {
            return Ok(());
        }
    }
}

async fn keep_last_used(host: Arc<Host>) {
    loop {
        sleep(LAST_USED_INTERVAL).await;
        host.keep_last_used().await;
    }
}

/// Compiles what is not compiled yet, beside everything else.
fn prepare_all(runner: &Arc<SandboxRunner>, modules: &Arc<JobModules>) {
    let (runner, modules) = (Arc::clone(runner), Arc::clone(modules));
    tokio::spawn(async move {
        for job in modules.names() {
            // One that was deployed and cannot be read was told when the host began.
            if modules.as_deployed().is_some() && modules.current(&job).is_err() {
                continue;
            }
            if let Err(failure) = runner.prepare(&job).await {
                tracing::warn!(%job, code = failure.code, problem = failure.message, "a module cannot be used");
            }
        }
    });
}

/// The name of this machine.
fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "host".to_owned() } else { name.trim().to_owned() }
}
