//! Tasks a second: in, and through.

use super::clients;
use super::{SOURCE, TURNS, echo, envelope, host, payload};
use crate::access::Caller;
use crate::api::{self, Entrances};
use crate::cli::bench::bare;
use crate::cli::bench::figures::{Figures, per_second, percentile};
use crate::cli::remote::now;
use crate::clock::{HostClock, Mode};
use crate::failure::Failure;
use crate::host::Running;
use crate::intake::Asked;
use crate::modules_folder::ModulesFolder;
use crate::system_random::SystemRandom;
use mainworker_domain::digest::Digest;
use mainworker_domain::event::Event;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::limits::LimitValues;
use mainworker_domain::manifest::Retry;
use mainworker_domain::outcome::{Outcome, Usage};
use mainworker_domain::task_id::TaskId;
use mainworker_domain::task_options::TaskOptions;
use mainworker_queue::dispatch::{Dispatch, DispatchOptions, OnEvent};
use mainworker_queue::runner::{Ended, Live, Runner};
use mainworker_queue::sqlite::SqliteStore;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::claim::ClaimedTask;
use mainworker_queue::verbs::enqueue::{Enqueue, NewTask};
use mainworker_queue::verbs::pause::Pause;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::broadcast::error::TryRecvError;
use tokio::sync::{Notify, watch};
use uuid::Uuid;

/// How long each way in is measured.
const IN_TIME: Duration = Duration::from_secs(3);
/// Connections that are kept open at a time.
const CLIENTS: usize = 64;
/// Tasks of one batch.
const BATCH: usize = 1_000;
/// Tasks that are queued before the clock of draining starts.
const QUEUED: usize = 20_000;
/// Between two looks at how many ended; far fewer end in between than a subscriber may be behind.
const LOOK_INTERVAL: Duration = Duration::from_millis(2);
/// How long bare attempts are measured in each turn.
const BARE_TIME: Duration = Duration::from_millis(500);

/// One `echo`.
pub(super) fn asked() -> Asked {
    Asked { envelope: envelope(), options: TaskOptions::default() }
}

/// Who the benchmark asks as.
pub(super) fn caller(running: &Running) -> Result<Arc<Caller>, Failure> {
    let authorization = format!("Bearer {}", super::TOKEN);
    running
        .host
        .access
        .caller(Some(&authorization), running.host.now())
        .map_err(|error| Failure::host(format!("the benchmark's own token is refused: {error:?}")))
}

/// Takes so many tasks.
pub(super) async fn enqueue(running: &Running, caller: &Caller, count: usize) -> Result<(), Failure> {
    let asked = (0..count).map(|_| asked()).collect();
    running.host.enqueue(caller, asked).await.map(drop).map_err(|not_taken| *not_taken.failure)
}

/// Tasks in, while nothing runs: one after the other, over HTTP, in batches.
pub(super) async fn intake(
    folder: &ModulesFolder,
    data: &Path,
    figures: &mut Figures,
) -> Result<(), Failure> {
    let running = host(folder, data).await?;
    let caller = caller(&running)?;
    running.host.pause(None, true, &caller).await.map_err(Failure::host)?;

    let (started, mut count) = (Instant::now(), 0);
    while started.elapsed() < IN_TIME {
        enqueue(&running, &caller, 1).await?;
        count += 1;
    }
    let what = "one after the other, each on the disk before the next";
    figures.add("enqueueSinglePerSecond", per_second(count, started.elapsed()), what);

    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(Failure::host)?;
    let address = listener.local_addr().map_err(Failure::host)?;
    let (stop, stopped) = watch::channel(false);
    let entrances = Entrances { network: listener, tls: None, socket: None };
    let serving = tokio::spawn(api::serve(entrances, Arc::clone(&running.host), stopped));
    let (count, time) = clients::post(address, CLIENTS, IN_TIME).await?;
    let _ = stop.send(true);
    serving.await.map_err(Failure::host)?.map_err(Failure::host)?;
    let what = "POST /v1/tasks from 64 connections, clients in this process";
    figures.add("enqueueConcurrentPerSecond", per_second(count, time), what);

    let (started, mut count) = (Instant::now(), 0);
    while started.elapsed() < IN_TIME {
        enqueue(&running, &caller, BATCH).await?;
        count += BATCH;
    }
    let what = "batches of 1,000, one after the other, through the intake";
    figures.add("enqueueBulkPerSecond", per_second(count, started.elapsed()), what);
    let tasks = running.host.store.overview().await.map_err(Failure::host)?.count(State::Queued);
    running.drain(Duration::ZERO).await;
    running.close().await;
    let bytes = bytes_of(data);
    figures.add("storeBytesPerTask", bytes / as_f64(tasks), "the store after that, divided by its tasks");
    Ok(())
}

fn as_f64(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Bytes of the files of a store.
fn bytes_of(data: &Path) -> f64 {
    let files = std::fs::read_dir(data).into_iter().flatten().flatten();
    let of_store = files.filter(|file| file.file_name().to_string_lossy().starts_with("queue.sqlite3"));
    of_store.filter_map(|file| file.metadata().ok()).map(|file| as_f64(file.len())).sum()
}

/// Tasks through the whole host, in turns with bare attempts.
pub(super) async fn drain(folder: &ModulesFolder, data: &Path, figures: &mut Figures) -> Result<(), Failure> {
    let sandbox = crate::cli::run::start_sandbox(&LimitValues::default(), None)?;
    let file = echo(folder)?;
    let module = Arc::new(sandbox.prepare(&file).map_err(|refusal| Failure::module("echo", &refusal))?);
    let running = host(folder, data).await?;
    let caller = caller(&running)?;
    let (mut drained, mut bare_rates) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let measured = Arc::clone(&module);
        let turn = move || bare::turn(&measured, &payload(), BARE_TIME);
        bare_rates.push(tokio::task::spawn_blocking(turn).await.map_err(Failure::host)??);
        drained.push(drain_turn(&running, &caller).await?);
    }
    running.drain(Duration::ZERO).await;
    running.close().await;
    let what = "20,000 queued tasks, until the last is settled on the disk";
    figures.add("drainPerSecond", percentile(&mut drained, 50), what);
    let what = "instance, call, drop; all cores; nothing else; in turns with the line above";
    figures.add("bareAttemptsPerSecond", percentile(&mut bare_rates, 50), what);
    Ok(())
}

async fn drain_turn(running: &Running, caller: &Caller) -> Result<f64, Failure> {
    let host = &running.host;
    host.pause(None, true, caller).await.map_err(Failure::host)?;
    for _ in 0..QUEUED / BATCH {
        enqueue(running, caller, BATCH).await?;
    }
    let mut events = host.events.subscribe();
    let started = Instant::now();
    host.pause(None, false, caller).await.map_err(Failure::host)?;
    let mut ended = 0;
    while ended < QUEUED {
        // Events come after their commit. Waiting for each would wake this thread at each, which is the benchmark's work and not
        // the host's.
        tokio::time::sleep(LOOK_INTERVAL).await;
        loop {
            match events.try_recv() {
                Ok(stamped) => ended += completed(&stamped.event)?,
                Err(TryRecvError::Empty) => break,
                Err(error) => return Err(Failure::host(format!("counting the tasks that ended: {error}"))),
            }
        }
    }
    Ok(per_second(QUEUED, started.elapsed()))
}

/// 1 for a task that completed, 0 for what is no end of one.
fn completed(event: &Event) -> Result<usize, Failure> {
    match event {
        Event::AttemptEnded { outcome: Outcome::Completed, .. } => Ok(1),
        Event::AttemptEnded { outcome, message, .. } => {
            Err(Failure::host(format!("a task of the benchmark ended as {outcome}: {message:?}")))
        }
        _ => Ok(0),
    }
}

/// Runs nothing: each attempt completes at once.
struct Nothing {
    ended: Arc<AtomicUsize>,
    all: Arc<Notify>,
}

impl Runner for Nothing {
    async fn run(&self, _: ClaimedTask, _: Arc<Live>) -> Ended {
        let now = now();
        Ended {
            ending: Outcome::Completed.into(),
            started_at: now,
            finished_at: now,
            usage: Usage::default(),
            ran: None,
            result: Some("{}".to_owned()),
            error: None,
            log: Vec::new(),
            asked: Vec::new(),
        }
    }

    fn spawn(&self, driver: impl Future<Output = ()> + Send + 'static) {
        drop(tokio::spawn(driver));
    }
}

/// Tasks through the queue alone.
pub(super) async fn queue_only(data: &Path, figures: &mut Figures) -> Result<(), Failure> {
    let mut rates = Vec::new();
    for turn in 0..TURNS {
        rates.push(queue_only_turn(&data.join(turn.to_string())).await?);
    }
    let what = "20,000 queued tasks whose attempts do nothing, until the last is settled on the disk";
    figures.add("queueOnlyPerSecond", percentile(&mut rates, 50), what);
    Ok(())
}

async fn queue_only_turn(data: &Path) -> Result<f64, Failure> {
    let store = Arc::new(SqliteStore::open(data, now()).map_err(Failure::host)?);
    store.pause(Pause { job: None, paused: true, now: now(), by: None }).await.map_err(Failure::host)?;
    let job = JobName::parse("echo").map_err(Failure::host)?;
    for _ in 0..QUEUED / BATCH {
        let now = now();
        let tasks = (0..BATCH).map(|_| new_task(&job, now)).collect();
        store.enqueue(Enqueue { tasks, now, open_max: u64::MAX }).await.map_err(Failure::host)?;
    }
    let (ended, all) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let runner = Arc::new(Nothing { ended: Arc::clone(&ended), all: Arc::clone(&all) });
    let told: OnEvent = {
        let (ended, all) = (Arc::clone(&runner.ended), Arc::clone(&runner.all));
        Arc::new(move |event| {
            if matches!(event, Event::AttemptEnded { .. })
                && ended.fetch_add(1, Ordering::Relaxed) + 1 == QUEUED
            {
                all.notify_one();
            }
        })
    };
    let options = DispatchOptions::new("bench", super::QueueSettings::default().slots, u64::MAX);
    let (clock, random) =
        (Arc::new(HostClock::of(Mode::Service)), Arc::new(SystemRandom::start().map_err(Failure::host)?));
    let dispatch = Dispatch::start(Arc::clone(&store), runner, options, clock, random, told);
    let started = Instant::now();
    store.pause(Pause { job: None, paused: false, now: now(), by: None }).await.map_err(Failure::host)?;
    dispatch.wake();
    all.notified().await;
    let rate = per_second(QUEUED, started.elapsed());
    dispatch.drain(Duration::ZERO).await;
    drop(store);
    Ok(rate)
}

/// A task for the store, without any envelope.
pub(super) fn new_task(job: &JobName, now: Timestamp) -> NewTask {
    NewTask {
        id: TaskId::from_uuid(Uuid::now_v7()),
        job: job.clone(),
        source: SOURCE.to_owned(),
        revision: Digest::from_sha256([0; 32]),
        payload: payload(),
        configuration: None,
        priority: 0,
        run_at: now,
        expires_at: None,
        timeout_ms: None,
        label: None,
        tags: Vec::new(),
        idempotency: None,
        unique: None,
        retry: Retry::default(),
        concurrency_max: u32::MAX,
        memory_bytes_max: 1,
        parent: None,
        depth: 0,
        by: None,
        concurrency_key: None,
    }
}
