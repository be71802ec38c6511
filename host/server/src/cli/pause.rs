//! `mainworker pause` and `mainworker resume`: whether attempts begin.

use super::remote::{RemoteArgs, print_json};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::terminal;
use clap::Args;
use mainworker_client::wire::PauseAnswer;

/// Lets no attempt of a job begin, or none at all, until it is resumed, restarts of the host included. Tasks are taken all
/// the same, and attempts that run go on.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  mainworker pause edge-logs
  mainworker pause

Lasts until it is resumed, restarts of the host included. Tasks are taken all the same; attempts that run go on.")]
pub struct PauseArgs {
    #[command(flatten)]
    which: WhichArgs,
}

/// Lets attempts of a job begin again, or of all jobs but those that were paused by their names.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  mainworker resume edge-logs
  mainworker resume

Resuming all jobs leaves those paused that were paused by their names.")]
pub struct ResumeArgs {
    #[command(flatten)]
    which: WhichArgs,
}

#[derive(Args, Debug)]
struct WhichArgs {
    /// The job [default: all of them]
    #[arg(value_name = "JOB")]
    job: Option<String>,
    /// Print the host's answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

pub(super) fn pause(args: &PauseArgs) -> Result<ExitCode, Failure> {
    let which = &args.which;
    let answer = which.remote.ask(async |client| Ok(client.pause(which.job.as_deref()).await?))?;
    print(&answer, which.json)
}

pub(super) fn resume(args: &ResumeArgs) -> Result<ExitCode, Failure> {
    let which = &args.which;
    let answer = which.remote.ask(async |client| Ok(client.resume(which.job.as_deref()).await?))?;
    print(&answer, which.json)
}

fn print(answer: &PauseAnswer, as_json: bool) -> Result<ExitCode, Failure> {
    if as_json {
        print_json(answer)?;
    } else {
        let what = answer.job.as_ref().map_or_else(|| "all jobs".to_owned(), |job| format!("`{job}`"));
        let word = if answer.paused { "paused" } else { "resumed" };
        terminal::print(&format!("{word} {what}"))?;
        if answer.job.is_none() && !answer.paused {
            terminal::note("a job that was paused by its name stays so: `mainworker stats` shows it");
        }
    }
    Ok(ExitCode::Completed)
}
