//! `mainworker run`: one envelope in, one attempt, its result out.
//!
//! The way of an envelope here is the way of any: read → parse → resolve → admit → intersect grants → prepare the module
//! → attempt → report. This is the operator's own tool: it trusts the source it is given and applies the job's list.

mod source;

use super::HostArgs;
use crate::door::Door;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::hints;
use crate::process;
use crate::report::{Known, Report};
use crate::settings::{Settings, module_cache};
use crate::terminal::{self, LiveView};
use clap::Args;
use mainworker_domain::admission::Admitted;
use mainworker_domain::envelope::Envelope;
use mainworker_domain::event::Said;
use mainworker_domain::limits::{ENVELOPE_BYTES_MAX, LimitValues};
use mainworker_domain::outcome::{Outcome, Usage};
use mainworker_domain::quantity::approximate_bytes;
use mainworker_domain::rejection::Rejection;
use mainworker_sandbox::attempt::{AttemptReport, AttemptRequest, AttemptTask, Stop, StopReason};
use mainworker_sandbox::capabilities::{self, Granted};
use mainworker_sandbox::module::Sandbox;
use mainworker_sandbox::module_cache::ModuleCache;
use mainworker_sandbox::module_file::ModuleFile;
use source::ModulesOfRun;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use uuid::Uuid;

/// Takes one envelope, checks it, runs the job that it names in a fresh sandbox and prints the result on stdout. The log,
/// the progress and a summary go to stderr.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  mainworker run envelope.json
  echo '{\"configuration\":{},\"jobName\":\"echo\",\"source\":\"api\",\"jobPayload\":{\"hello\":\"world\"}}' | mainworker run -
  mainworker run envelope.json --settings mainworker.toml --json | jq .usage")]
pub struct RunArgs {
    /// The envelope: a file, or - for standard input
    #[arg(value_name = "ENVELOPE|-")]
    envelope: PathBuf,
    #[command(flatten)]
    host: HostArgs,
    /// Run the module of a folder also if it sees mounts, requests or configuration of the settings, though nobody vouches
    /// for it. Says so; cannot be set in a settings file
    #[arg(long)]
    untrusted: bool,
    /// Print one report object instead of the bare result
    #[arg(long)]
    json: bool,
}

/// An envelope that passed the door, with everything its attempt needs.
struct Ready {
    admitted: Admitted,
    granted: Granted,
    module: ModuleFile,
}

pub(super) fn run(args: &RunArgs) -> Result<ExitCode, Failure> {
    let settings = Settings::load(args.host.settings.as_deref())?;
    let bytes = read_envelope(&args.envelope)?;
    let mut known = Known::default();
    match attempt(args, &settings, bytes, &mut known) {
        Ok(report) => print_attempt(args, known, report),
        Err(failure) if failure.exit == ExitCode::Usage => Err(failure),
        Err(failure) => {
            let exit = failure.exit;
            terminal::print_failure(&failure);
            if args.json {
                print_json(&Report::of_failure(known, &failure))?;
            }
            Ok(exit)
        }
    }
}

/// What was read of an envelope: all of it, or the fact that there is more than an envelope may have.
pub(super) type EnvelopeBytes = Result<Vec<u8>, Rejection>;

pub(super) fn read_envelope(path: &Path) -> Result<EnvelopeBytes, Failure> {
    let unreadable = |error: io::Error| {
        Failure::usage(
            "envelope_unreadable",
            format!("reading the envelope `{}`: {error}", path.display()),
            "name a file, or `-` for standard input",
        )
    };
    let (mut source, size): (Box<dyn Read>, Option<u64>) = if path == Path::new("-") {
        (Box::new(io::stdin()), None)
    } else {
        let file = File::open(path).map_err(unreadable)?;
        let size = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
        (Box::new(file), size)
    };
    let mut bytes = Vec::new();
    source.by_ref().take(ENVELOPE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 <= ENVELOPE_BYTES_MAX {
        return Ok(Ok(bytes));
    }
    // A file says how large it is; of a stream only the beginning was read.
    Ok(Err(Rejection::TooLarge {
        what: "the envelope",
        pointer: "",
        observed_bytes: size.unwrap_or(ENVELOPE_BYTES_MAX),
        observed_is_least: size.is_none(),
        allowed_bytes: ENVELOPE_BYTES_MAX,
    }))
}

fn attempt(
    args: &RunArgs,
    settings: &Settings,
    bytes: EnvelopeBytes,
    known: &mut Known,
) -> Result<AttemptReport, Failure> {
    let envelope = Envelope::parse(&bytes?)?;
    known.job = Some(shown(envelope.job_name()));
    known.source = Some(shown(envelope.source()));
    let ready = pass_the_door(args, settings, envelope, known)?;

    // From here on a signal has a report: one that comes while the module compiles is seen when the attempt begins.
    let stop = Arc::new(Stop::default());
    let asked = Arc::clone(&stop);
    process::on_stop_signal(move || asked.request(StopReason::Interrupt));
    let sandbox = start_sandbox(&settings.offer.ceilings, args.host.data_dir())?;
    let module = sandbox.prepare(&ready.module).map_err(|refusal| {
        Failure::module(ready.admitted.revision().manifest().job.name.as_str(), &refusal)
    })?;
    let task_id = Uuid::now_v7().to_string();
    known.task_id = Some(task_id.clone());
    let (said, shown) = unbounded_channel();
    let request = AttemptRequest {
        module: Arc::new(module),
        task: AttemptTask {
            id: task_id,
            source: ready.admitted.source().to_owned(),
            attempt: 1,
            // One-shot: there is nobody to try again.
            max_attempts: 1,
            tags: Vec::new(),
        },
        payload: ready.admitted.payload().to_owned(),
        configuration: ready.admitted.configuration().clone(),
        granted: ready.granted,
        listener: Some(Arc::new(said)),
        stop,
    };
    let runtime = Runtime::new().map_err(|error| Failure::host(format!("starting threads: {error}")))?;
    let view = LiveView::start(ready.admitted.revision().manifest().job.name.as_str());
    let all_shown = show_said(view, shown);
    let report = runtime.block_on(sandbox.attempt(request));
    let _ = all_shown.recv_timeout(SHOW_WAIT);
    Ok(report)
}

/// What an envelope says of itself, short enough for a report.
fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

fn pass_the_door(
    args: &RunArgs,
    settings: &Settings,
    envelope: Envelope,
    known: &mut Known,
) -> Result<Ready, Failure> {
    let ModulesOfRun { modules, folder } = source::modules(args, settings, envelope.job_name())?;
    let modules = Arc::new(modules);
    let door = Door::new(Arc::clone(&modules), settings.configuration.clone());
    let known_job = door.find(envelope)?;
    let revision = known_job.revision();
    let module = modules.module(&revision.manifest().job.name, revision.digest())?;
    known.revision = Some(module.revision().digest().to_string());
    known.owner.clone_from(&module.revision().manifest().job.owner);
    known.runbook.clone_from(&module.revision().manifest().job.runbook);
    let admitted = door.admit(known_job)?;
    settings.check_mounts_apart(folder.as_deref(), args.host.data_dir().as_deref())?;
    let manifest = admitted.revision().manifest();
    if !manifest.grants.http.is_empty() {
        settings.http.check()?;
    }
    let granted = capabilities::check(manifest, Some(admitted.configuration()), &settings.offer)?;
    known.mounts = granted.mounts.iter().map(|mount| mount.name().to_owned()).collect();
    if folder.is_some() {
        check_vouched_for(args, &admitted, &granted)?;
    }
    Ok(Ready { granted: Granted { intake: Some(Arc::new(door)), ..granted }, admitted, module })
}

/// A module that nobody vouches for runs if nothing of the host is given to it: then it can do no harm.
fn check_vouched_for(args: &RunArgs, admitted: &Admitted, granted: &Granted) -> Result<(), Failure> {
    let seen = seen_of_host(admitted, granted);
    let Some(seen) = seen else { return Ok(()) };
    let job = &admitted.revision().manifest().job.name;
    if args.untrusted {
        terminal::note(&format!(
            "warning: `--untrusted`: nobody vouches for this module of `{job}`, and it sees {seen}"
        ));
        return Ok(());
    }
    let message = format!(
        "running `{job}`: nobody vouches for the module in the folder, and it would see {seen}; expected a deployed revision"
    );
    Err(Failure {
        code: "module_untrusted".to_owned(),
        outcome: Outcome::Refused,
        ..Failure::unavailable(message, hints::of_untrusted_module())
    })
}

/// What an attempt would see of the host, for people; none if that is nothing.
fn seen_of_host(admitted: &Admitted, granted: &Granted) -> Option<String> {
    let mounts = granted.mounts.iter().map(|mount| format!("the mount `{}`", mount.name()));
    let origins = granted.http.destinations().into_iter().map(|origin| format!("`{origin}`"));
    let values = admitted.configuration().iter().filter(|(_, value)| value.of_host);
    let values = values.map(|(key, _)| format!("the host's `{key}`"));
    let seen: Vec<String> = mounts.chain(origins).chain(values).collect();
    (!seen.is_empty()).then(|| seen.join(", "))
}

/// A sandbox whose compiled modules are kept in the data folder, where there is one that can be used.
pub(crate) fn start_sandbox(ceilings: &LimitValues, data_dir: Option<PathBuf>) -> Result<Sandbox, Failure> {
    let cache = data_dir.and_then(|data| match ModuleCache::open(&module_cache(&data)) {
        Ok(cache) => Some(cache),
        Err(error) => {
            tracing::warn!(%error, "compiled modules are not kept");
            None
        }
    });
    Sandbox::start(ceilings, cache).map_err(|error| Failure::host(format!("starting the sandbox: {error:#}")))
}

/// How long the last lines may take to be shown. Whoever reads them may have stopped reading; the result is not held back
/// for that.
pub(super) const SHOW_WAIT: Duration = Duration::from_secs(2);

/// Shows what the attempt says on a thread of its own until there are no more: a reader that does not read must not hold up the attempt,
/// its deadlines or the signals. The answer comes when all are shown.
pub(super) fn show_said(view: LiveView, mut said: UnboundedReceiver<Said>) -> mpsc::Receiver<()> {
    let (all_shown, wait) = mpsc::channel();
    thread::spawn(move || {
        while let Some(said) = said.blocking_recv() {
            show(&view, &said);
        }
        view.end();
        // Nobody waits for it if it took too long.
        let _ = all_shown.send(());
    });
    wait
}

fn show(view: &LiveView, said: &Said) {
    match said {
        Said::Line(line) => view.line(line),
        Said::Progress(progress) => view.progress(progress),
    }
}

fn print_attempt(args: &RunArgs, known: Known, attempt: AttemptReport) -> Result<ExitCode, Failure> {
    let outcome = attempt.end.outcome();
    let usage = attempt.usage;
    let asked = attempt.scheduled.len();
    let job = known.job.clone().unwrap_or_default();
    let report = Report::of_attempt(known, attempt);
    if let Some(error) = &report.error {
        terminal::print_error(&error.code, &error.message, error.pointer.as_deref(), error.hint.as_deref());
    }
    terminal::note(&summary(&job, outcome, &usage, asked));
    if args.json {
        print_json(&report)?;
    } else if let Some(result) = &report.result {
        terminal::print_json(result.get())?;
    }
    Ok(ExitCode::of(outcome))
}

fn summary(job: &str, outcome: Outcome, usage: &Usage, asked: usize) -> String {
    let ms = |us: u64| format!("{}.{:03} s", us / 1_000_000, us / 1_000 % 1_000);
    let http = match usage.http_calls {
        0 => String::new(),
        1 => " · 1 HTTP call".to_owned(),
        calls => format!(" · {calls} HTTP calls"),
    };
    // One-shot: they are in the report and go nowhere.
    let asked = match asked {
        0 => String::new(),
        1 => " · asked for 1 task (`--json` shows it)".to_owned(),
        tasks => format!(" · asked for {tasks} tasks (`--json` shows them)"),
    };
    let dropped = match usage.log_lines_dropped {
        0 => String::new(),
        count => format!(" · {count} log lines over the limit"),
    };
    format!(
        "{job} {outcome} in {} · cpu {} · peak memory {}{http}{asked}{dropped}",
        ms(usage.wall_us),
        ms(usage.cpu_us),
        approximate_bytes(usage.peak_memory_bytes),
    )
}

fn print_json(report: &Report) -> Result<(), Failure> {
    let json = serde_json::to_string(report)
        .map_err(|error| Failure::host(format!("writing the report: {error}")))?;
    terminal::print_json(&json)
}
