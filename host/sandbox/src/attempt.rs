//! One attempt, as a pipeline of named steps: open the store → instantiate → call → classify → report.
//!
//! The steps up to the call run on the attempt threads, inside a meter that counts processor time and stops panics. Around
//! them stands a watch, woken by a thread that no guest runs on: the wall deadline for a guest that is parked in a host
//! call, the wish to stop, the free space of writable mounts. Whatever happens, the store is dropped and a report comes back.

use crate::attempt_threads::AttemptThreads;
use crate::bindings::exports::mainworker::job::handler;
use crate::capabilities::http::Unanswered;
use crate::capabilities::log::{Log, cut};
use crate::capabilities::masking::Masker;
use crate::capabilities::schedule::{AskedTask, Schedule};
use crate::capabilities::{Granted, clock, configuration, files, http, log, progress, random};
use crate::classify::{InCall, classify};
use crate::control::{Control, Stopped};
pub use crate::control::{Stop, StopReason};
use crate::cpu_meter::{Metered, Panicked, cpu_ns_now};
use crate::limiter::Limiter;
use crate::listener::Listener;
use crate::module::{Module, Sandbox};
use crate::state::State;
use mainworker_domain::configuration::Granted as Configuration;
use mainworker_domain::denial::Denial;
use mainworker_domain::event::LogLine;
use mainworker_domain::json::{self, Malformed};
use mainworker_domain::limits::{Limit, RETRY_AFTER_MS_MAX, WALL_GRACE_MS, WATCH_INTERVAL_MS};
use mainworker_domain::outcome::{AttemptEnd, LimitBreach, Usage};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use wasmtime::component::ResourceTable;
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi::WasiCtxBuilder;

/// How long a report waits for a dropped attempt to let go of its store. Nothing in a host call blocks a thread, so this
/// is a guard against a defect of ours.
const DROP_WAIT: Duration = Duration::from_secs(5);

/// The task that an attempt is for.
#[derive(Clone, Debug)]
pub struct AttemptTask {
    /// The task's id.
    pub id: String,
    /// Who asked for it.
    pub source: String,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// How many attempts at most.
    pub max_attempts: u32,
    /// The task's tags.
    pub tags: Vec<String>,
}

/// All that one attempt is given.
#[derive(Debug)]
pub struct AttemptRequest {
    /// The module.
    pub module: Arc<Module>,
    /// The task.
    pub task: AttemptTask,
    /// The payload as written.
    pub payload: String,
    /// The granted part of the configuration.
    pub configuration: Configuration,
    /// Everything else that was granted.
    pub granted: Granted,
    /// Who hears its log lines and progress while it runs.
    pub listener: Option<Arc<dyn Listener>>,
    /// How to stop it.
    pub stop: Arc<Stop>,
}

/// What is left of an attempt.
#[derive(Debug)]
pub struct AttemptReport {
    /// How it ended.
    pub end: AttemptEnd,
    /// What it cost.
    pub usage: Usage,
    /// Its log, within the limits.
    pub log: Vec<LogLine>,
    /// The tasks that it asked for, if it completed.
    pub scheduled: Vec<AskedTask>,
    /// What it was denied, each once.
    pub denials: Vec<Denied>,
    /// Requests that were not answered, each once.
    pub unanswered: Vec<Unanswered>,
}

/// Something that an attempt was denied, to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The rule.
    pub denial: String,
    /// What would allow it.
    pub remedy: String,
}

/// An attempt between its steps.
struct Attempt {
    request: AttemptRequest,
    control: Arc<Control>,
    log: Arc<Log>,
    masker: Arc<Masker>,
    network: Handle,
}

/// What the guest answered, before it is checked.
type Answer = Result<String, handler::Failure>;

impl Sandbox {
    /// Runs one attempt to its end. Never an error: whatever goes wrong is an end with its own word.
    ///
    /// Can be awaited on any Tokio runtime. If the returned future is dropped, the attempt is dropped too.
    pub async fn attempt(&self, request: AttemptRequest) -> AttemptReport {
        let masker = Arc::new(Masker::new(&request.configuration));
        let control = Arc::new(Control::new(&request.granted.limits));
        let log = Arc::new(Log::new(Arc::clone(&masker), &request.granted.limits, request.listener.clone()));
        let stop = Arc::clone(&request.stop);
        let limits = request.granted.limits.clone();
        let mounts = request.granted.mounts.clone();

        let attempt = Attempt {
            request,
            control: Arc::clone(&control),
            log: Arc::clone(&log),
            masker: Arc::clone(&masker),
            network: self.threads.network(),
        };
        let running = self.threads.spawn(Metered::new(attempt.run(), Arc::clone(&control)));
        let watch = Watch {
            control: &control,
            stop: &stop,
            mounts: &mounts,
            limits: &limits,
            threads: &self.threads,
        };
        let end = watch.until_end(running).await;

        report(end, &control, &log, &masker)
    }
}

impl Attempt {
    async fn run(self) -> AttemptEnd {
        match self.call().await {
            Ok(answer) => self.check(answer),
            Err(error) => classify(&error, &self.request.granted.limits),
        }
    }

    async fn call(&self) -> wasmtime::Result<Answer> {
        let mut store = self.open_store()?;
        let instance = self.request.module.pre.instantiate_async(&mut store).await?;
        let task = &self.request.task;
        let task = handler::Task {
            id: task.id.clone(),
            job: self.request.module.revision().manifest().job.name.to_string(),
            source: task.source.clone(),
            attempt: task.attempt,
            max_attempts: task.max_attempts,
            tags: task.tags.clone(),
        };
        let called =
            instance.mainworker_job_handler().call_run(&mut store, &task, &self.request.payload).await;
        called.map_err(|error| error.context(InCall))
    }

    fn open_store(&self) -> wasmtime::Result<Store<State>> {
        let granted = &self.request.granted;
        let limits = &granted.limits;
        let mut wasi = WasiCtxBuilder::new();
        log::build(&mut wasi, &self.log);
        clock::build(&mut wasi, &granted.clock);
        random::build(&mut wasi, granted.seed, limits);
        files::build(&mut wasi, &granted.mounts)?;
        let handles_max = limits.get_usize(Limit::ResourceHandles);
        let mut table = ResourceTable::new();
        table.set_max_capacity(handles_max);
        let progress = progress::build(Arc::clone(&self.masker), limits, self.request.listener.clone());
        let (configuration, placeholders) = configuration::build(&self.request.configuration, granted.seed);
        let state = State {
            wasi: wasi.build(),
            table,
            read_ahead: files::read_ahead(),
            limiter: Limiter::new(limits, Arc::clone(&self.control)),
            configuration,
            log: Arc::clone(&self.log),
            progress,
            http: http::build(
                &granted.http,
                placeholders,
                limits,
                Arc::clone(&self.control),
                Arc::clone(&self.log),
                self.network.clone(),
            ),
            schedule: Schedule::build(
                self.request.module.revision().manifest(),
                granted.intake.clone(),
                limits,
                Arc::clone(&self.masker),
                Arc::clone(&self.control),
            ),
        };

        let engine = self.request.module.pre.engine();
        let mut store = Store::new(engine, state);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(limits.get_usize(Limit::HostCall));
        store.set_max_component_handles(handles_max);
        store.set_epoch_deadline(1);
        let (control, stop) = (Arc::clone(&self.control), Arc::clone(&self.request.stop));
        store.epoch_deadline_callback(move |_| at_tick(&control, &stop));
        Ok(store)
    }

    /// Turns the guest's answer into an end: within the limit, JSON, masked.
    fn check(&self, answer: Answer) -> AttemptEnd {
        let shown = |message: String| cut(&self.masker.mask(&message));
        match answer {
            Ok(result) => {
                let limits = &self.request.granted.limits;
                if let Err(breach) = LimitBreach::check(limits, Limit::Output, result.len() as u64) {
                    return AttemptEnd::OverLimit(breach);
                }
                // By the rules for envelopes: a result is often the next job's payload.
                match json::check(result.as_bytes()) {
                    Ok(()) => AttemptEnd::Completed { result: self.masker.mask_json(result) },
                    Err(Malformed { problem, line, column }) => AttemptEnd::ResultNotJson {
                        problem: shown(format!("{problem} at line {line}, column {column}")),
                    },
                }
            }
            Err(handler::Failure::Rejected(message)) => AttemptEnd::Rejected { message: shown(message) },
            Err(handler::Failure::Failed(message)) => AttemptEnd::Failed { message: shown(message) },
            Err(handler::Failure::RetryAfter((after_ms, message))) => {
                AttemptEnd::RetryAsked { after_ms: after_ms.min(RETRY_AFTER_MS_MAX), message: shown(message) }
            }
        }
    }
}

/// What happens to a guest that computes when the epoch ticks: over a deadline or told to stop it ends, otherwise it lets
/// others run. The engine's own yield wakes itself at once and would keep this thread from its timers.
fn at_tick(control: &Control, stop: &Stop) -> wasmtime::Result<UpdateDeadline> {
    if let Some(reason) = stop.requested() {
        return Err(Stopped(reason).into());
    }
    let breach = control.ended_at().or_else(|| control.cpu_breach(cpu_ns_now(control)));
    if let Some(breach) = breach.or_else(|| control.wall_breach()) {
        return Err(breach.into());
    }
    Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
}

/// What stands around a running attempt.
struct Watch<'a> {
    threads: &'a AttemptThreads,
    control: &'a Control,
    stop: &'a Stop,
    mounts: &'a [files::GrantedMount],
    limits: &'a mainworker_domain::limits::Limits,
}

type Running = JoinHandle<Result<AttemptEnd, Panicked>>;

impl Watch<'_> {
    async fn until_end(&self, running: Running) -> AttemptEnd {
        let mut running = AbortOnDrop(running);
        let wall = Instant::from_std(self.control.started) + self.control.wall();
        tokio::select! {
            // In this order: an attempt that is over is over, whatever else has happened meanwhile.
            biased;
            ended = &mut running.0 => joined(ended),
            () = self.threads.sleep_until(wall) => self.drop_attempt(running, || {
                AttemptEnd::OverLimit(self.control.wall_breach_after(self.control.started.elapsed()))
            }).await,
            reason = self.stop.wait() => self.drop_attempt(running, || reason.end()).await,
            breach = self.control.wait_ended() => self.abort(running, AttemptEnd::OverLimit(breach)).await,
            breach = self.free_space() => self.abort(running, AttemptEnd::OverLimit(breach)).await,
        }
    }

    /// Waits a little for a guest that computes to notice by itself, which gives the better report, then drops it.
    async fn drop_attempt(&self, mut running: AbortOnDrop, end: impl Fn() -> AttemptEnd) -> AttemptEnd {
        let grace = Instant::now() + Duration::from_millis(WALL_GRACE_MS);
        tokio::select! {
            biased;
            ended = &mut running.0 => joined(ended),
            () = self.threads.sleep_until(grace) => {
                let end = end();
                self.abort(running, end).await
            }
        }
    }

    /// Drops the attempt. It may come to its own end in the meantime, which nobody has been told yet; the stop decides
    /// all the same, so that a report never says both.
    async fn abort(&self, mut running: AbortOnDrop, end: AttemptEnd) -> AttemptEnd {
        running.0.abort();
        tokio::select! {
            biased;
            _ = &mut running.0 => {}
            () = self.threads.sleep_until(Instant::now() + DROP_WAIT) => {
                tracing::error!("a stopped attempt still holds its thread");
            }
        }
        end
    }

    /// Waits until a writable mount has less free space than its floor.
    async fn free_space(&self) -> LimitBreach {
        if self.mounts.iter().all(|mount| mount.access() == mainworker_domain::manifest::Access::Read) {
            return std::future::pending().await;
        }
        let mut ticks = self.threads.ticks(Duration::from_millis(WATCH_INTERVAL_MS));
        loop {
            ticks.tick().await;
            if let Some(breach) = self.mounts.iter().find_map(|mount| mount.free_space_breach(self.limits)) {
                return breach;
            }
        }
    }
}

/// Whoever stops waiting for an attempt stops the attempt.
struct AbortOnDrop(Running);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn joined(ended: Result<Result<AttemptEnd, Panicked>, tokio::task::JoinError>) -> AttemptEnd {
    match ended {
        Ok(Ok(end)) => end,
        Ok(Err(Panicked(text))) => AttemptEnd::HostError { message: format!("it panicked: {text}") },
        Err(error) => AttemptEnd::HostError { message: error.to_string() },
    }
}

fn report(end: AttemptEnd, control: &Control, log: &Log, masker: &Masker) -> AttemptReport {
    let closed = log.close();
    let end = with_last_words(end, &closed.last, masker);
    let output_bytes = match &end {
        AttemptEnd::Completed { result } => result.len() as u64,
        _ => 0,
    };
    let usage =
        Usage { log_bytes: closed.bytes, log_lines_dropped: closed.dropped, output_bytes, ..control.usage() };
    let asked = std::mem::take(&mut *control.asked());
    let scheduled = if matches!(end, AttemptEnd::Completed { .. }) { asked } else { Vec::new() };
    let denied = |denial: Denial| Denied {
        denial: masker.mask(&denial.to_string()).into_owned(),
        remedy: masker.mask(&denial.remedy().to_string()).into_owned(),
    };
    let denials = control.take_denials().into_iter().map(denied).collect();
    let masked = |text: String| masker.mask(&text).into_owned();
    let unanswered = control.take_unanswered().into_iter().map(|Unanswered { request, origin, trouble }| {
        Unanswered { request: masked(request), origin: masked(origin), trouble }
    });
    AttemptReport { end, usage, log: closed.lines, scheduled, denials, unanswered: unanswered.collect() }
}

/// A trap with what the guest's panic said and the last lines of its log.
fn with_last_words(end: AttemptEnd, last: &[LogLine], masker: &Masker) -> AttemptEnd {
    let mut trap = match end {
        AttemptEnd::Trapped(trap) => trap,
        AttemptEnd::HostError { message } => {
            return AttemptEnd::HostError { message: masker.mask(&message).into_owned() };
        }
        other => return other,
    };
    trap.panic = panic_text(last);
    trap.cause = masker.mask(&trap.cause).into_owned();
    trap.last_lines = last.iter().map(|line| line.message.clone()).collect();
    AttemptEnd::Trapped(trap)
}

/// What Rust's panic handler printed to stderr: `thread '…' panicked at PLACE:`, then the message.
fn panic_text(last: &[LogLine]) -> Option<String> {
    let printed: Vec<&str> =
        last.iter().filter(|line| line.context == "stderr").map(|line| line.message.as_str()).collect();
    let start = printed.iter().rposition(|line| line.contains("panicked at "))?;
    let place = printed[start].split_once("panicked at ")?.1.trim_end_matches(':');
    let message: Vec<&str> = printed[start + 1..]
        .iter()
        .take_while(|line| !line.starts_with("note: ") && !line.starts_with("stack backtrace:"))
        .copied()
        .collect();
    Some(if message.is_empty() { place.to_owned() } else { format!("{} ({place})", message.join("\n")) })
}
