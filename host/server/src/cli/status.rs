//! `mainworker status`: all that a host says about one task.

use super::remote::{RemoteArgs, print_json, short_revision, shown_ms, shown_since};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::terminal;
use clap::Args;
use mainworker_client::wire::{AttemptInfo, ErrorInfo, Task};
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::quantity::approximate_bytes;

/// Shows how a task stands, what came of it, and what each attempt at it took.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  mainworker status 01978f3c-7d1a-7c2e-9f00-0123456789ab
  mainworker status 01978f3c-7d1a-7c2e-9f00-0123456789ab --json | jq .result")]
pub struct StatusArgs {
    /// The task
    #[arg(value_name = "ID")]
    id: String,
    /// Print the task as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

pub(super) fn status(args: &StatusArgs) -> Result<ExitCode, Failure> {
    let (task, now) =
        args.remote.ask(async |client| Ok((client.task(&args.id).await?, client.host_now())))?;
    if args.json {
        print_json(&task)?;
    } else {
        terminal::print(&card(&task, now))?;
    }
    Ok(ExitCode::Completed)
}

fn card(task: &Task, now: Timestamp) -> String {
    let mut rows: Vec<(String, String)> = Vec::new();
    let mut row = |key: &str, value: Option<String>| {
        rows.extend(value.filter(|value| !value.is_empty()).map(|value| (key.to_owned(), value)));
    };
    let time = |moment: &str| format!("{moment} ({})", shown_since(moment, now));
    let wish = if task.cancel_requested { ", a cancel is wanted" } else { "" };
    row("task", Some(task.task_id.clone()));
    row("job", Some(format!("{} {}", task.job, short_revision(&task.revision))));
    row("state", Some(format!("{}{wish}", task.state)));
    row("outcome", task.outcome.clone());
    // Of one that has its result, how far it had come is no news.
    let progress = task.progress.as_ref().filter(|_| task.state != State::Completed.as_str());
    row("progress", progress.map(|said| format!("{} % {}", said.percent, said.message)));
    row("source", Some(task.source.clone()));
    row("label", task.label.clone());
    row("tags", Some(task.tags.join(", ")));
    row("priority", Some(task.priority.to_string()));
    row("parent", task.parent.clone());
    row(
        "schedule",
        task.schedule.as_ref().map(|name| match &task.occurrence {
            Some(occurrence) => format!("{name}, for {occurrence}"),
            None => name.clone(),
        }),
    );
    row("accepted", Some(time(&task.created_at)));
    row("not before", Some(&task.run_at).filter(|run_at| **run_at != task.created_at).map(|at| time(at)));
    row("expires", task.expires_at.as_deref().map(time));
    row("started", task.started_at.as_deref().map(time));
    row("finished", task.finished_at.as_deref().map(time));
    row("error", task.error.as_ref().map(shown_error));
    row("result", task.result.as_ref().map(|result| result.get().to_owned()));
    for attempt in &task.attempts {
        let shown = shown_attempt(attempt, task);
        rows.push((format!("attempt {}/{}", attempt.number, task.max_attempts), shown));
    }
    let lines: Vec<String> = rows
        .into_iter()
        .map(|(key, value)| {
            format!("{key:<14} {}", terminal::printable(&value).replace('\n', "\n               "))
        })
        .collect();
    lines.join("\n")
}

fn shown_error(error: &ErrorInfo) -> String {
    let hint = error.hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    format!("{}: {}{hint}", error.code, error.message)
}

fn shown_attempt(attempt: &AttemptInfo, task: &Task) -> String {
    let Some(outcome) = &attempt.outcome else {
        return format!("running since {} on {}", attempt.started_at, attempt.host);
    };
    let mut parts = vec![
        outcome.clone(),
        format!("waited {}", shown_ms(attempt.wait_ms)),
        format!("ran {}", shown_ms(attempt.run_ms.unwrap_or(0))),
        format!("cpu {}", shown_ms(attempt.cpu_ms)),
        format!("peak memory {}", approximate_bytes(attempt.peak_memory_bytes)),
    ];
    if attempt.http_calls > 0 {
        parts.push(format!(
            "{} HTTP calls, {} in, {} out",
            attempt.http_calls,
            approximate_bytes(attempt.http_bytes_in),
            approximate_bytes(attempt.http_bytes_out)
        ));
    }
    if attempt.log_lines_dropped > 0 {
        parts.push(format!("{} log lines over the limit", attempt.log_lines_dropped));
    }
    if attempt.revision != task.revision {
        parts.push(format!("revision {}", short_revision(&attempt.revision)));
    }
    parts.push(format!("on {}", attempt.host));
    let shown = parts.join(" · ");
    // That of the last attempt stands above.
    match &attempt.error {
        Some(error) if Some(error) != task.error.as_ref() => format!("{shown}\n{}", shown_error(error)),
        _ => shown,
    }
}
