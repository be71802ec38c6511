//! `mainworker queue`: hands a task to a running host, and waits for it if asked to.

use super::remote::{Moment, RemoteArgs, ahead, json, milliseconds, now, print_json, shown_ms};
use super::run::{SHOW_WAIT, read_envelope, show_said};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::hints;
use crate::terminal::{self, LiveView};
use clap::Args;
use clap::builder::PossibleValuesParser;
use mainworker_client::wire::{AttemptInfo, LogEntry, Task};
use mainworker_client::{Client, ClientError, Followed};
use mainworker_domain::envelope::Envelope;
use mainworker_domain::event::{Level, LogLine, Progress, Said};
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::limits::PRIORITY_MAX;
use mainworker_domain::outcome::Outcome;
use mainworker_domain::quantity::approximate_bytes;
use mainworker_domain::task_options::{OptionError, TaskOptions, UniquePolicy};
use serde_json::value::RawValue;
use std::path::PathBuf;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use uuid::Uuid;

/// Hands the task to a running host and prints its id. With --wait it shows the log as it grows, prints the result and ends
/// with the exit code that `run` would have.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  mainworker queue envelope.json
  mainworker queue envelope.json --wait | jq .
  mainworker queue envelope.json --delay 90s --priority 9 --label 'May 2015' --tag billing
  mainworker queue envelope.json --idempotency-key acme:2015-05:90 --expires-in 1h
  mainworker queue envelope.json --unique-key acme --unique-policy existing --wait")]
pub struct QueueArgs {
    /// The envelope: a file, or - for standard input
    #[arg(value_name = "ENVELOPE|-")]
    envelope: PathBuf,
    #[command(flatten)]
    options: OptionArgs,
    /// Wait until the task has ended; its log goes to standard error, its result to standard output
    #[arg(long)]
    wait: bool,
    /// Print the host's answer as JSON; with --wait the task
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// What goes with a task beside its envelope.
#[derive(Args, Debug)]
struct OptionArgs {
    /// 0 (last) to 9 (first)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(..=i64::from(PRIORITY_MAX)), help_heading = "Options of the task")]
    priority: Option<u8>,
    /// Begin not before so long from now
    #[arg(long, value_name = "DURATION", value_parser = milliseconds, help_heading = "Options of the task")]
    delay: Option<u64>,
    /// Begin not before this time
    #[arg(long, value_name = "TIME|DURATION", value_parser = ahead, conflicts_with = "delay", help_heading = "Options of the task")]
    run_at: Option<Moment>,
    /// Expire instead of beginning at or after this time
    #[arg(long, value_name = "TIME|DURATION", value_parser = ahead, help_heading = "Options of the task")]
    expires: Option<Moment>,
    /// Expire so long from now
    #[arg(long, value_name = "DURATION", value_parser = milliseconds, conflicts_with = "expires", help_heading = "Options of the task")]
    expires_in: Option<u64>,
    /// The most that each attempt may take, if that is less than the job asks for
    #[arg(long, value_name = "DURATION", value_parser = milliseconds, help_heading = "Options of the task")]
    timeout: Option<u64>,
    /// A text for people and filters
    #[arg(long, value_name = "LABEL", help_heading = "Options of the task")]
    label: Option<String>,
    /// A word for filters; may be given 16 times
    #[arg(long = "tag", value_name = "TAG", help_heading = "Options of the task")]
    tags: Vec<String>,
    /// The same key a second time is the same task, however often it is sent
    #[arg(long, value_name = "KEY", help_heading = "Options of the task")]
    idempotency_key: Option<String>,
    /// At most one task of its job with this key is queued or running
    #[arg(long, value_name = "KEY", help_heading = "Options of the task")]
    unique_key: Option<String>,
    /// What happens if there is one: the new one is rejected, replaces it while it is queued, or is that one
    #[arg(long, value_name = "POLICY", requires = "unique_key", value_parser = policies(), help_heading = "Options of the task")]
    unique_policy: Option<String>,
    /// Attempts at most, instead of what the job says
    #[arg(long, value_name = "N", help_heading = "Options of the task")]
    max_attempts: Option<u32>,
}

fn policies() -> PossibleValuesParser {
    PossibleValuesParser::new(UniquePolicy::ALL.map(UniquePolicy::as_str))
}

impl OptionArgs {
    fn options(&self, now: Timestamp) -> TaskOptions {
        let expires_in = self.expires_in.map(|ms| now.after_ms(ms));
        TaskOptions {
            delay_ms: self.delay,
            run_at: self.run_at.map(|moment| moment.after(now)),
            priority: self.priority,
            timeout_ms: self.timeout,
            expires_at: self.expires.map(|moment| moment.after(now)).or(expires_in),
            label: self.label.clone(),
            tags: self.tags.clone(),
            // Where nobody gave one, there is one all the same, so that a person can make sure of the task by it.
            idempotency_key: Some(self.idempotency_key.clone().unwrap_or_else(|| Uuid::now_v7().to_string())),
            unique_key: self.unique_key.clone(),
            unique_policy: self.unique_policy.as_deref().and_then(UniquePolicy::parse).unwrap_or_default(),
            max_attempts: self.max_attempts,
        }
    }
}

pub(super) fn queue(args: &QueueArgs) -> Result<ExitCode, Failure> {
    let now = now();
    let options = args.options.options(now);
    options.check(now).map_err(|error| unusable(&error))?;
    let bytes = read_envelope(&args.envelope)??;
    // The host checks it too. Here what is wrong with its text is told by its own lines, and nothing is sent.
    let envelope = Envelope::parse(&bytes)?;
    let job = terminal::printable_line(envelope.job_name()).into_owned();
    let text = String::from_utf8(bytes).map_err(|error| error.to_string());
    let text = text.and_then(|text| RawValue::from_string(text).map_err(|error| error.to_string()));
    let text = text.map_err(|error| Failure::host(format!("sending the envelope: {error}")))?;
    args.remote.ask(async |client| {
        let accepted = client.enqueue(&text, &options).await.map_err(|error| unsure(error, &options))?;
        if args.wait {
            return wait(client, &accepted.task_id, &job, args.json).await;
        }
        let shown = if args.json { json(&accepted)? } else { accepted.task_id };
        terminal::print(&shown)?;
        Ok(ExitCode::Completed)
    })
}

/// Options that cannot be meant came from flags.
fn unusable(error: &OptionError) -> Failure {
    let flag = match error.option() {
        "delayMs" => "--delay",
        "runAt" => "--run-at",
        "timeoutMs" => "--timeout",
        "expiresAt" => "--expires",
        "label" => "--label",
        "tags" => "--tag",
        "idempotencyKey" => "--idempotency-key",
        "uniqueKey" => "--unique-key",
        "uniquePolicy" => "--unique-policy",
        "maxAttempts" => "--max-attempts",
        _ => "--priority",
    };
    Failure::usage(
        error.code(),
        error,
        format!("change `{flag}`; `mainworker queue --help` says what it takes"),
    )
}

fn unsure(error: ClientError, options: &TaskOptions) -> Failure {
    let key = options.idempotency_key.as_deref().filter(|_| error.may_be_done());
    let hint = key.map(hints::of_unsure_task);
    let failure = Failure::from(error);
    Failure { hint: hint.or(failure.hint.clone()), ..failure }
}

/// Shows what the task says until it has ended, then its result.
pub(super) async fn wait(client: &Client, id: &str, job: &str, as_json: bool) -> Result<ExitCode, Failure> {
    terminal::note(&format!("task {id}"));
    let (said, shown) = unbounded_channel();
    // On a thread of its own: a reader that does not read must not keep anybody from interrupting.
    let all_shown = show_said(LiveView::start(job), shown);
    let mut attempt = 1;
    let waited = tokio::select! {
        task = client.wait_with(id, |step| pass_on(&said, step, &mut attempt)) => Some(task),
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.map_err(|error| Failure::host(format!("waiting for signals: {error}")))?;
            None
        }
    };
    drop(said);
    let _ = all_shown.recv_timeout(SHOW_WAIT);
    match waited {
        None => {
            terminal::note(&hints::of_left_task(id));
            Ok(ExitCode::Interrupted)
        }
        Some(Ok(task)) => print_ended(&task, as_json),
        Some(Err(error)) => {
            let failure = Failure::from(error);
            let hint = failure.hint.map(|hint| format!("{hint}\n{}", hints::of_left_task(id)));
            Err(Failure { hint: hint.or_else(|| Some(hints::of_left_task(id))), ..failure })
        }
    }
}

fn pass_on(said: &UnboundedSender<Said>, step: Followed, attempt: &mut u32) {
    // Whoever shows it shows all there is before it goes.
    let _ = match step {
        Followed::Line(entry) => {
            if entry.attempt != *attempt {
                *attempt = entry.attempt;
                let _ = said.send(Said::Line(begin_of(entry.attempt)));
            }
            said.send(Said::Line(line(entry)))
        }
        Followed::Progress(progress) => {
            said.send(Said::Progress(Progress { percent: progress.percent, message: progress.message }))
        }
        Followed::End(_) => return,
    };
}

fn begin_of(attempt: u32) -> LogLine {
    LogLine {
        at_ms: 0,
        level: Level::Info,
        context: "host".to_owned(),
        message: format!("attempt {attempt}"),
    }
}

/// A line of an answer as a line of a log. A level that is not known yet is shown like the usual one.
pub(super) fn line(entry: LogEntry) -> LogLine {
    let level = Level::parse(&entry.level).unwrap_or(Level::Info);
    LogLine { at_ms: entry.at_ms, level, context: entry.context, message: entry.message }
}

fn print_ended(task: &Task, as_json: bool) -> Result<ExitCode, Failure> {
    if let Some(error) = &task.error {
        terminal::print_error(&error.code, &error.message, None, error.hint.as_deref());
    }
    terminal::note(&summary(task));
    if as_json {
        print_json(task)?;
    } else if let Some(result) = &task.result {
        terminal::print_json(result.get())?;
    }
    Ok(exit_of(task))
}

/// The code that `run` would have ended with.
fn exit_of(task: &Task) -> ExitCode {
    match (State::parse(&task.state), task.outcome.as_deref().and_then(Outcome::parse)) {
        (Some(State::Completed), _) => ExitCode::Completed,
        (Some(State::Failed), Some(outcome)) => ExitCode::of(outcome),
        _ => ExitCode::NotCompleted,
    }
}

fn summary(task: &Task) -> String {
    let word = match task.state.as_str() {
        "failed" => task.outcome.as_deref().unwrap_or("failed"),
        state => state,
    };
    let ended = task.attempts.iter().rfind(|attempt| attempt.finished_at.is_some());
    let cost = ended.map(cost).unwrap_or_default();
    format!("{} {word}{cost}", terminal::printable_line(&task.job))
}

/// What an attempt cost, as the end of a line.
fn cost(attempt: &AttemptInfo) -> String {
    let number = if attempt.number > 1 { format!(" · attempt {}", attempt.number) } else { String::new() };
    format!(
        " in {} · waited {} · cpu {} · peak memory {}{number}",
        shown_ms(attempt.run_ms.unwrap_or(0)),
        shown_ms(attempt.wait_ms),
        shown_ms(attempt.cpu_ms),
        approximate_bytes(attempt.peak_memory_bytes),
    )
}
