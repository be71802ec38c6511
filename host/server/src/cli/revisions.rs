//! `mainworker revisions`, `rollback` and `undeploy`: which revisions of a job a host keeps, and which one runs.

use super::remote::{Align, Column, RemoteArgs, Row, TaskTable, print_json, short_revision};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::terminal;
use clap::Args;
use mainworker_client::wire::{DeploymentEntry, RevisionInfo, RevisionList, RollbackRequest};

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
  mainworker rollback edge-logs 1.4.0
  mainworker rollback edge-logs 3b1f0c9a22d4

Without a revision it is the one that was current before; `mainworker revisions JOB` lists them. It is verified again: what the
settings do not trust any more does not come back.

Exit codes: 0 it is current · 1 there is no such job or revision, or none to go back to · 2 usage · 5 it cannot be used any more · 6 the host is unreachable, or the credential lacks the role `deploy`.")]
pub struct RollbackArgs {
    #[command(flatten)]
    of: OfJob,
    /// The revision: its version, or the digest of its module, of which twelve digits are enough [default: the one before the current]
    #[arg(value_name = "REVISION")]
    revision: Option<String>,
}

/// Takes a job away from a running host: its tasks are not accepted any more. Those that are queued keep their revision;
/// `mainworker cancel --job JOB` ends them.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  mainworker undeploy edge-logs

`mainworker rollback JOB VERSION` brings it back.

Exit codes: 0 it is gone · 1 there is no such job · 6 the host is unreachable, or the credential lacks the role `deploy`.")]
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
        terminal::print(&shown(&list, terminal::stdout_columns()))?;
    }
    Ok(ExitCode::Completed)
}

const REVISIONS: &[Column] = &[
    Column { name: "REVISION", align: Align::Left, cut_to: None, leave_out: 0 },
    Column { name: "VERSION", align: Align::Left, cut_to: None, leave_out: 0 },
    Column { name: "STATE", align: Align::Left, cut_to: None, leave_out: 0 },
    Column { name: "TASKS", align: Align::Right, cut_to: None, leave_out: 0 },
    Column { name: "COMMIT", align: Align::Left, cut_to: None, leave_out: 2 },
    Column { name: "KEY", align: Align::Left, cut_to: Some(8), leave_out: 1 },
    Column { name: "DEPLOYED", align: Align::Left, cut_to: None, leave_out: 0 },
    Column { name: "BY", align: Align::Left, cut_to: Some(8), leave_out: 0 },
];

const HISTORY: &[Column] = &[
    Column { name: "AT", align: Align::Left, cut_to: None, leave_out: 0 },
    Column { name: "CHANGE", align: Align::Left, cut_to: None, leave_out: 0 },
    Column { name: "REVISION", align: Align::Left, cut_to: None, leave_out: 0 },
    Column { name: "BY", align: Align::Left, cut_to: Some(8), leave_out: 0 },
    Column { name: "ALLOWED", align: Align::Left, cut_to: None, leave_out: 0 },
];

fn shown(list: &RevisionList, columns: Option<u16>) -> String {
    let revisions: Vec<Row> = list.revisions.iter().map(revision).collect();
    let history: Vec<Row> = list.history.iter().map(change).collect();
    let mut lines = TaskTable::new(REVISIONS, columns).lines(&revisions);
    lines.push(String::new());
    lines.extend(TaskTable::new(HISTORY, columns).lines(&history));
    lines.join("\n")
}

fn revision(revision: &RevisionInfo) -> Row {
    let cells = [
        short_revision(&revision.revision),
        revision.version.clone(),
        if revision.current { "current" } else { "former" }.to_owned(),
        revision.open_tasks.to_string(),
        revision.commit.chars().take(12).collect(),
        revision.key.clone(),
        revision.last_deployed_at.clone(),
        revision.deployed_by.clone(),
    ];
    Row::of(cells, None)
}

fn change(entry: &DeploymentEntry) -> Row {
    let cells = [
        entry.at.clone(),
        entry.change.clone(),
        short_revision(&entry.revision),
        entry.by.clone(),
        entry.allowed_widenings.join(" "),
    ];
    Row::of(cells, None)
}

pub(super) fn rollback(args: &RollbackArgs) -> Result<ExitCode, Failure> {
    let request = RollbackRequest { revision: args.revision.clone() };
    let answer = args.of.remote.ask(async |client| Ok(client.rollback(&args.of.job, &request).await?))?;
    if args.of.json {
        print_json(&answer)?;
    } else if answer.rollback == "already" {
        terminal::print(&format!("{} is at revision {} already", answer.job, answer.to))?;
    } else {
        terminal::print(&format!("{} is back at revision {}", answer.job, answer.to))?;
    }
    Ok(ExitCode::Completed)
}

pub(super) fn undeploy(args: &UndeployArgs) -> Result<ExitCode, Failure> {
    let answer = args.of.remote.ask(async |client| Ok(client.undeploy(&args.of.job).await?))?;
    if args.of.json {
        print_json(&answer)?;
    } else {
        terminal::print(&format!("{} is not deployed any more; it was revision {}", answer.job, answer.was))?;
    }
    Ok(ExitCode::Completed)
}
