//! `mainworker bench sandbox`.

use super::bare;
use super::figures::{Figures, percentile};
use crate::cli::HostArgs;
use crate::cli::run::start_sandbox;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::modules_folder::ModulesFolder;
use crate::settings::Settings;
use clap::Args;
use mainworker_domain::configuration::Granted as Configuration;
use mainworker_domain::job_name::JobName;
use mainworker_domain::limits::LimitValues;
use mainworker_domain::manifest::Access;
use mainworker_domain::outcome::AttemptEnd;
use mainworker_sandbox::attempt::{AttemptReport, AttemptRequest, AttemptTask};
use mainworker_sandbox::capabilities::files::Mount;
use mainworker_sandbox::capabilities::{self, Offer};
use mainworker_sandbox::module::{Module, Sandbox};
use mainworker_sandbox::module_cache::ModuleCache;
use mainworker_sandbox::module_file::ModuleFile;
use serde_json::json;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Turns of bare and full attempts; the median of each is the figure.
const TURNS: usize = 9;
/// How long one turn lasts.
const TURN: Duration = Duration::from_millis(400);
/// Attempts one after the other, for the distribution of their times.
const SEQUENTIAL: usize = 2_000;
/// Instances held at a time to weigh one.
const HELD: usize = 64;
/// Size of the log that edge-logs reads.
const LOG_BYTES: usize = 64 << 20;

/// Measures fresh instances, module loading, memory, and the throughput of edge-logs. Needs the modules of `echo` and
/// `edge-logs`. Takes about half a minute.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  mainworker bench sandbox --modules target/modules --json | jq '.attemptsPerSecond / .bareAttemptsPerSecond'")]
pub struct SandboxArgs {
    #[command(flatten)]
    host: HostArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn sandbox(args: &SandboxArgs) -> Result<ExitCode, Failure> {
    let settings = Settings::load(args.host.settings.as_deref())?;
    let modules = ModulesFolder::at(settings.modules_dir(args.host.modules.as_deref()));
    let (echo, edge_logs) = (module(&modules, "echo")?, module(&modules, "edge-logs")?);
    let scratch = tempfile::tempdir().map_err(|error| Failure::host(format!("making a folder: {error}")))?;
    let runtime = Runtime::new().map_err(|error| Failure::host(format!("starting threads: {error}")))?;

    let (compile_ms, warm_load_ms) = loading(&echo, scratch.path())?;
    let sandbox = Arc::new(start_sandbox(&LimitValues::default(), None)?);
    let prepared = prepare(&sandbox, &echo)?;
    // Weighed before anything has run, so that the memory which attempts leave with the allocator is not counted.
    let idle_rss_bytes = resident_bytes();
    let running_bytes = runtime.block_on(weight_of_one(&prepared))?;
    let (bare, full) = throughput(&runtime, &sandbox, &prepared)?;
    let (p50, p99) = runtime.block_on(latency(&sandbox, &prepared))?;
    let edge_logs = prepare(&sandbox, &edge_logs)?;
    let mib_per_second = runtime.block_on(edge_logs_throughput(&sandbox, &edge_logs, scratch.path()))?;

    let mut figures = Figures::default();
    figures.add("bareAttemptsPerSecond", bare, "instance, call, drop; all cores; nothing else");
    figures.add("attemptsPerSecond", full, "attempts with everything on; all cores");
    figures.add("attemptP50Us", p50, "one attempt at a time, microseconds");
    figures.add("attemptP99Us", p99, "one attempt at a time, microseconds");
    figures.add("compileMs", compile_ms, "echo, from wasm to ready");
    figures.add("warmLoadMs", warm_load_ms, "echo, from the module cache to ready");
    figures.add("idleRssBytes", idle_rss_bytes, "the process with echo ready, nothing running");
    figures.add("runningAttemptBytes", running_bytes, "resident memory for one instance of echo");
    figures.add("edgeLogsMiBPerSecond", mib_per_second, "edge-logs over a plain combined log");
    figures.print(args.json, ("attempts ÷ bare attempts", "attemptsPerSecond", "bareAttemptsPerSecond"))?;
    Ok(ExitCode::Completed)
}

fn module(modules: &ModulesFolder, name: &str) -> Result<ModuleFile, Failure> {
    let missing = || {
        Failure::unavailable(
            format!("there is no module of `{name}` in `{}`", modules.path().display()),
            "`mainworker module build echo edge-logs`, then `--modules DIR`",
        )
    };
    let parsed = JobName::parse(name).map_err(Failure::host)?;
    modules.read(&parsed)?.ok_or_else(missing)
}

fn prepare(sandbox: &Sandbox, file: &ModuleFile) -> Result<Arc<Module>, Failure> {
    let name = file.revision().manifest().job.name.as_str();
    sandbox.prepare(file).map(Arc::new).map_err(|refusal| Failure::module(name, &refusal))
}

/// Milliseconds to compile, and the median of loading from the cache.
fn loading(file: &ModuleFile, scratch: &Path) -> Result<(f64, f64), Failure> {
    let cache = ModuleCache::open(&scratch.join("module-cache")).map_err(Failure::host)?;
    let sandbox = Sandbox::start(&LimitValues::default(), Some(cache))
        .map_err(|error| Failure::host(format!("{error:#}")))?;
    let timed = || {
        let started = Instant::now();
        prepare(&sandbox, file)
            .map(|module| (started.elapsed().as_secs_f64() * 1_000.0, module.was_compiled()))
    };
    let (compile_ms, _) = timed()?;
    let mut loads = Vec::new();
    for _ in 0..20 {
        let (ms, compiled) = timed()?;
        if compiled {
            return Err(Failure::host("the module cache did not keep the module"));
        }
        loads.push(ms);
    }
    Ok((compile_ms, percentile(&mut loads, 50)))
}

/// A payload of 200 bytes.
fn payload() -> String {
    let filler = "x".repeat(200 - r#"{"n":1,"text":""}"#.len());
    format!(r#"{{"n":1,"text":"{filler}"}}"#)
}

fn request(module: &Arc<Module>, payload: String, offer: &Offer) -> Result<AttemptRequest, Failure> {
    Ok(AttemptRequest {
        module: Arc::clone(module),
        task: AttemptTask {
            id: "bench".to_owned(),
            source: "api".to_owned(),
            attempt: 1,
            max_attempts: 1,
            tags: Vec::new(),
        },
        payload,
        configuration: Configuration::new(),
        granted: capabilities::check(module.revision().manifest(), None, offer)?,
        listener: None,
        stop: Arc::default(),
    })
}

fn completed(report: &AttemptReport) -> Result<(), Failure> {
    match &report.end {
        AttemptEnd::Completed { .. } => Ok(()),
        other => Err(Failure::host(format!(
            "an attempt of the benchmark ended as {}: {}",
            other.outcome(),
            other.message()
        ))),
    }
}

/// Attempts a second, bare and full, in turns.
fn throughput(
    runtime: &Runtime,
    sandbox: &Arc<Sandbox>,
    module: &Arc<Module>,
) -> Result<(f64, f64), Failure> {
    let (mut bare, mut full) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        bare.push(bare::turn(module, &payload(), TURN)?);
        full.push(runtime.block_on(full_turn(sandbox, module))?);
    }
    Ok((percentile(&mut bare, 50), percentile(&mut full, 50)))
}

async fn full_turn(sandbox: &Arc<Sandbox>, module: &Arc<Module>) -> Result<f64, Failure> {
    let started = Instant::now();
    let mut callers = Vec::new();
    // As a dispatcher does: each driver has the next attempt at hand when one ends. Two for each core, so that none waits.
    for _ in 0..bare::cores() * 2 {
        let (sandbox, module) = (Arc::clone(sandbox), Arc::clone(module));
        let driver = Arc::clone(&sandbox);
        callers.push(driver.drive(async move {
            let (payload, offer) = (payload(), Offer::default());
            let mut count = 0_u32;
            while started.elapsed() < TURN {
                let request = request(&module, payload.clone(), &offer)?;
                completed(&sandbox.attempt(request).await)?;
                count += 1;
            }
            Ok::<u32, Failure>(count)
        }));
    }
    let mut total = 0;
    for count in callers {
        total += count.await.map_err(Failure::host)??;
    }
    Ok(f64::from(total) / started.elapsed().as_secs_f64())
}

/// The times of attempts one after the other, in microseconds: median and 99th percentile.
async fn latency(sandbox: &Arc<Sandbox>, module: &Arc<Module>) -> Result<(f64, f64), Failure> {
    let (payload, offer) = (payload(), Offer::default());
    let mut times = Vec::with_capacity(SEQUENTIAL);
    for _ in 0..SEQUENTIAL {
        let started = Instant::now();
        completed(&sandbox.attempt(request(module, payload.clone(), &offer)?).await)?;
        times.push(started.elapsed().as_secs_f64() * 1_000_000.0);
    }
    Ok((percentile(&mut times, 50), percentile(&mut times, 99)))
}

/// Resident memory that one instance adds, from holding many.
async fn weight_of_one(module: &Arc<Module>) -> Result<f64, Failure> {
    let payload = payload();
    let before = resident_bytes();
    let mut held = Vec::with_capacity(HELD);
    for _ in 0..HELD {
        held.push(
            mainworker_sandbox::bare::hold(module, &payload)
                .await
                .map_err(|error| Failure::host(format!("{error:#}")))?,
        );
    }
    let after = resident_bytes();
    drop(held);
    Ok((after - before).max(0.0) / f64::from(u32::try_from(HELD).unwrap_or(u32::MAX)))
}

async fn edge_logs_throughput(
    sandbox: &Arc<Sandbox>,
    module: &Arc<Module>,
    scratch: &Path,
) -> Result<f64, Failure> {
    let folder = scratch.join("edge-logs");
    let bytes = write_log(&folder).map_err(|error| Failure::host(format!("writing a log: {error}")))?;
    let mut offer = Offer::default();
    offer.mounts.insert("edge-logs".to_owned(), Mount { path: folder, access: Access::Read });
    let payload =
        json!({ "files": ["*.log"], "format": "combined", "accounts": { "files": "a", "images": "b" } });
    let mut rates = Vec::new();
    for _ in 0..3 {
        let started = Instant::now();
        completed(&sandbox.attempt(request(module, payload.to_string(), &offer)?).await)?;
        rates.push(bytes / f64::from(1 << 20) / started.elapsed().as_secs_f64());
    }
    Ok(percentile(&mut rates, 50))
}

/// Writes a plain combined log and says how many bytes it has.
fn write_log(folder: &Path) -> std::io::Result<f64> {
    fs::create_dir_all(folder)?;
    let mut log = BufWriter::new(File::create(folder.join("access.log"))?);
    let streams = ["files", "images", "presentations", "blog", "articles", "style", "projects"];
    let (mut written, mut line) = (0, 0);
    while written < LOG_BYTES {
        let stream = streams[line % streams.len()];
        let text = format!(
            "203.0.113.{} - - [17/May/2015:{:02}:{:02}:{:02} +0000] \"GET /{stream}/part-{line}.ts?session={} HTTP/1.1\" 200 {} \
             \"https://player.example/watch/{stream}\" \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\"\n",
            line % 250,
            line / 3_600 % 24,
            line / 60 % 60,
            line % 60,
            line * 7,
            1_000 + line * 31 % 900_000,
        );
        log.write_all(text.as_bytes())?;
        written += text.len();
        line += 1;
    }
    log.flush()?;
    Ok(f64::from(u32::try_from(written).unwrap_or(u32::MAX)))
}

/// Resident memory of this process.
fn resident_bytes() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kib.unwrap_or(0.0) * 1_024.0
}
