//! `mainworker revisions`, `rollback` and `undeploy`: which revisions of a job a host keeps, and which one runs.

use super::remote::{RemoteArgs, print_json};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::terminal;
use clap::Args;
use comfy_table::{Table, presets};
use mainworker_client::wire::{RevisionInfo, RevisionList, RollbackRequest};

/// Lists the revisions of a job that a running host keeps, and who made which one current.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  mainworker revisions edge-logs")]
pub struct RevisionsArgs {
    #[command(flatten)]
    of: OfJob,
}

/// Lets a former revision of a job run again, at once and without a restart. Tasks that are queued keep the revision they were
/// accepted with.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  mainworker rollback edge-logs
  mainworker rollback edge-logs sha256:…

Without a revision it is the one that was current before; `mainworker revisions JOB` lists them. It is verified again: what the
settings do not trust any more does not come back.")]
pub struct RollbackArgs {
    #[command(flatten)]
    of: OfJob,
    /// The revision, as `mainworker revisions` shows it [default: the one before the current]
    #[arg(value_name = "REVISION")]
    revision: Option<String>,
}

/// Takes a job away from a running host: its tasks are not accepted any more. Those that are queued keep their revision;
/// `mainworker cancel --job JOB` ends them.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  mainworker undeploy edge-logs")]
pub struct UndeployArgs {
    #[command(flatten)]
    of: OfJob,
}

#[derive(Args, Debug)]
struct OfJob {
    /// The job
    #[arg(value_name = "JOB")]
    job: String,
    /// Print the host's answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

pub(super) fn revisions(args: &RevisionsArgs) -> Result<ExitCode, Failure> {
    let list = args.of.remote.ask(async |client| Ok(client.revisions(&args.of.job).await?))?;
    if args.of.json {
        print_json(&list)?;
    } else {
        terminal::print(&table(&list.revisions))?;
        terminal::print(&history(&list))?;
    }
    Ok(ExitCode::Completed)
}

fn table(revisions: &[RevisionInfo]) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["REVISION", "VERSION", "STATE", "TASKS", "COMMIT", "KEY", "DEPLOYED", "BY"]);
    for revision in revisions {
        let shown = |text: &str| terminal::printable_line(text).into_owned();
        table.add_row([
            revision.revision.clone(),
            shown(&revision.version),
            if revision.current { "current" } else { "former" }.to_owned(),
            revision.open_tasks.to_string(),
            shown(&revision.commit.chars().take(12).collect::<String>()),
            shown(&revision.key),
            revision.last_deployed_at.clone(),
            shown(&revision.deployed_by),
        ]);
    }
    table.trim_fmt()
}

fn history(list: &RevisionList) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["AT", "CHANGE", "REVISION", "BY", "ALLOWED"]);
    for entry in &list.history {
        let digits = entry.revision.strip_prefix("sha256:").unwrap_or(&entry.revision);
        table.add_row([
            entry.at.clone(),
            entry.change.clone(),
            digits.chars().take(12).collect(),
            terminal::printable_line(&entry.by).into_owned(),
            terminal::printable_line(&entry.allowed_widenings.join(" ")).into_owned(),
        ]);
    }
    format!("\n{}", table.trim_fmt())
}

pub(super) fn rollback(args: &RollbackArgs) -> Result<ExitCode, Failure> {
    let request = RollbackRequest { revision: args.revision.clone() };
    let answer = args.of.remote.ask(async |client| Ok(client.rollback(&args.of.job, &request).await?))?;
    if args.of.json {
        print_json(&answer)?;
    } else if answer.rollback == "already" {
        terminal::print(&format!("{} is at {} already", answer.job, answer.to))?;
    } else {
        terminal::print(&format!("{} is back at {}", answer.job, answer.to))?;
    }
    Ok(ExitCode::Completed)
}

pub(super) fn undeploy(args: &UndeployArgs) -> Result<ExitCode, Failure> {
    let answer = args.of.remote.ask(async |client| Ok(client.undeploy(&args.of.job).await?))?;
    if args.of.json {
        print_json(&answer)?;
    } else {
        terminal::print(&format!("{} is not deployed any more; it was {}", answer.job, answer.was))?;
    }
    Ok(ExitCode::Completed)
}
