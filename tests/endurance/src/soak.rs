//! The soak: a constant load at a fixed rate for a while, with short retention, and a look every five seconds at memory, file
//! size and latency. None of them may grow.
//!
//! The first third of the time is for warming up. What the last third shows is compared with the middle one.

mod sample;
mod verdict;

pub use sample::{Sample, figures};
pub use verdict::{Judged, judge};

use crate::console;
use crate::host_process::HostProcess;
use crate::jobs::{CHILD, PROBER, Tried};
use crate::ledger::{Asked, Work};
use crate::world::World;
use anyhow::{Result, anyhow, ensure};
use mainworker_client::{Client, ClientOptions, Happened};
use mainworker_domain::task_options::TaskOptions;
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

/// Between two samples.
const SAMPLE_EACH: Duration = Duration::from_secs(5);
/// How long a host may take to listen.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// How long the first tasks of each job may take: their modules are compiled.
const WARM_PATIENCE: Duration = Duration::from_secs(240);
/// Between a stop signal and the end.
const STOP_PATIENCE: Duration = Duration::from_secs(60);
/// Requests under way at a time; a host that makes more wait cannot keep up.
const UNDER_WAY_MAX: usize = 512;
/// The rounds through what has ended come once a minute, so the queue holds up to 65 seconds of tasks.
const RETENTION: &str =
    "[retention]\ncompleted = \"5s\"\nfailed = \"5s\"\ncancelled = \"5s\"\nexpired = \"5s\"";

/// What is to be done.
#[derive(Clone, Debug)]
pub struct SoakOptions {
    /// How long.
    pub minutes: u32,
    /// Requests a second.
    pub rate: u32,
    /// What is tried.
    pub tried: Tried,
}

/// What was seen since the last sample, and what should not have been.
#[derive(Debug, Default)]
struct Seen {
    enqueue_us: Vec<u64>,
    start_ms: Vec<u64>,
    /// By what it is.
    unexpected: BTreeMap<String, u64>,
}

/// Runs the soak in `folder`, and prints a line for each sample.
///
/// # Errors
/// A host that does not start, does not keep up, does something else than it was asked to, or ends.
pub fn run(options: &SoakOptions, folder: &Path) -> Result<Vec<Sample>> {
    let world = World::make(folder, &options.tried, &[PROBER, CHILD], "", RETENTION)?;
    let runtime = Runtime::new()?;
    let mut host = world.start()?;
    let client = world.client(&host.listening(START_PATIENCE)?, ClientOptions::default())?;
    runtime.block_on(async { timeout(WARM_PATIENCE, warm(&client)).await })??;
    let samples = runtime.block_on(load(options, &client, &mut host, &world))?;
    host.signal(Signal::TERM)?;
    let ended = host.end(STOP_PATIENCE)?;
    ensure!(
        ended.status.success(),
        "the host ended with {} after SIGTERM; its log:\n{}",
        ended.status,
        ended.log
    );
    Ok(samples)
}

/// The work of a request, by its number: of twenty, so many are each.
fn work(number: u64) -> Work {
    match number % 20 {
        0..12 => Work::Echo,
        12..14 => Work::Completes,
        14..16 => Work::Sleeps(20),
        16 => Work::Logs(20),
        17 => Work::Panics,
        18 => Work::Asks(1),
        _ => Work::TellsSecret("log"),
    }
}

fn asked(number: u64) -> Result<Asked> {
    let options = TaskOptions { tags: vec![format!("tag-{}", number % 7)], ..TaskOptions::default() };
    Asked::new(format!("soak-{number}"), work(number), options)
}

/// Each job once, so that no module is compiled later.
async fn warm(client: &Client) -> Result<()> {
    for number in 0..20 {
        let asked = asked(number)?;
        let id = client.enqueue(&asked.envelope, &asked.options).await?.task_id;
        let problems = asked.problems(&client.wait(&id).await?);
        ensure!(problems.is_empty(), "{:?} does not work: {problems:?}", asked.work);
    }
    Ok(())
}

async fn load(
    options: &SoakOptions,
    client: &Client,
    host: &mut HostProcess,
    world: &World,
) -> Result<Vec<Sample>> {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let events = tokio::spawn(listen(client.clone(), Arc::clone(&seen)));
    let requests = tokio::spawn(send(client.clone(), options.rate, Arc::clone(&seen)));
    let begun = Instant::now();
    let count = u64::from(options.minutes) * 60 / SAMPLE_EACH.as_secs();
    let mut samples = Vec::new();
    console::line(Sample::HEADING);
    for number in 1..=count {
        let at = SAMPLE_EACH * u32::try_from(number).unwrap_or(u32::MAX);
        sleep_until(begun + at).await;
        ensure!(host.is_running()?, "the host has ended; its log:\n{}", host.log()?);
        let stats = client.stats().await?;
        let (enqueue_us, start_ms) = {
            let mut seen = lock(&seen);
            ensure!(seen.unexpected.is_empty(), "this should not happen: {:?}", seen.unexpected);
            (std::mem::take(&mut seen.enqueue_us), std::mem::take(&mut seen.start_ms))
        };
        let sample = Sample::take(at.as_secs(), host.pid(), &world.data(), &stats, enqueue_us, start_ms)?;
        console::line(&sample.line());
        samples.push(sample);
    }
    requests.abort();
    events.abort();
    Ok(samples)
}

/// Sends requests at a constant rate, whatever becomes of those before.
async fn send(client: Client, rate: u32, seen: Arc<Mutex<Seen>>) {
    let under_way = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    let mut ticks = interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for number in 20.. {
        // The latency is that of who comes at this moment, also where the tick itself was late.
        let due = ticks.tick().await;
        let Ok(permit) = Arc::clone(&under_way).try_acquire_owned() else {
            unexpected(&seen, format!("{UNDER_WAY_MAX} requests wait for an answer"));
            continue;
        };
        let (client, seen) = (client.clone(), Arc::clone(&seen));
        tokio::spawn(async move {
            let answer = match asked(number) {
                Ok(asked) => {
                    client.enqueue(&asked.envelope, &asked.options).await.map_err(|error| anyhow!(error))
                }
                Err(error) => Err(error),
            };
            let took_us = u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX);
            match answer {
                Ok(_) => lock(&seen).enqueue_us.push(took_us),
                Err(error) => unexpected(&seen, error.to_string()),
            }
            drop(permit);
        });
    }
}

/// Hears how attempts end, and how long they waited for their beginning.
async fn listen(client: Client, seen: Arc<Mutex<Seen>>) {
    let mut events = client.events(None, Some("attempt-ended"));
    loop {
        match events.next().await {
            Ok(Happened::Event { data, .. }) => {
                if data["attempt"] == 1 {
                    lock(&seen).start_ms.extend(data["waitMs"].as_u64());
                }
                let outcome = data["outcome"].as_str().unwrap_or_default();
                // The panics are asked for.
                if !matches!(outcome, "completed" | "trapped") {
                    unexpected(&seen, format!("an attempt of `{}` is `{outcome}`", text(&data["job"])));
                }
            }
            Ok(Happened::Missed { .. }) => {}
            Err(error) => return unexpected(&seen, error.to_string()),
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn unexpected(seen: &Mutex<Seen>, what: String) {
    *lock(seen).unexpected.entry(what).or_default() += 1;
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    // Figures are put in whole.
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
