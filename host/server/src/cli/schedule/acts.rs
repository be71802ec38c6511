//! `mainworker schedule delete`, `pause`, `resume` and `trigger`.

use super::unsure;
use crate::cli::queue::wait;
use crate::cli::remote::{RemoteArgs, print_json};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::hints;
use crate::terminal;
use clap::Args;
use mainworker_client::Client;
use mainworker_client::wire::SchedulePauseAnswer;

/// Which one.
#[derive(Args, Debug)]
pub struct OneArgs {
    /// The schedule
    #[arg(value_name = "NAME")]
    name: String,
    /// Print the host's answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Which one, and whether to wait.
#[derive(Args, Debug)]
pub struct TriggerArgs {
    /// The schedule
    #[arg(value_name = "NAME")]
    name: String,
    /// Wait until the task has ended; its log goes to standard error, its result to standard output
    #[arg(long)]
    wait: bool,
    /// Print the host's answer as JSON; with --wait the task
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

pub(super) fn delete(args: &OneArgs) -> Result<ExitCode, Failure> {
    let answer = args.remote.ask(async |client| {
        let deleted = client.delete_schedule(&args.name).await;
        deleted.map_err(|error| unsure(error, || hints::of_unsure_schedule(&args.name)))
    })?;
    if args.json {
        print_json(&answer)?;
    } else {
        terminal::print(&format!("deleted the schedule `{}`", args.name))?;
        terminal::note(&format!("its tasks are there: `mainworker list --schedule {}`", args.name));
    }
    Ok(ExitCode::Completed)
}

pub(super) fn pause(args: &OneArgs) -> Result<ExitCode, Failure> {
    let answer = args.remote.ask(async |client| Ok(client.pause_schedule(&args.name).await?))?;
    print_paused(&answer, args.json)
}

pub(super) fn resume(args: &OneArgs) -> Result<ExitCode, Failure> {
    let answer = args.remote.ask(async |client| Ok(client.resume_schedule(&args.name).await?))?;
    print_paused(&answer, args.json)
}

fn print_paused(answer: &SchedulePauseAnswer, as_json: bool) -> Result<ExitCode, Failure> {
    if as_json {
        print_json(answer)?;
    } else {
        let word = if answer.paused { "paused" } else { "resumed" };
        terminal::print(&format!("{word} the schedule `{}`", answer.schedule))?;
    }
    Ok(ExitCode::Completed)
}

pub(super) fn trigger(args: &TriggerArgs) -> Result<ExitCode, Failure> {
    args.remote.ask(async |client| {
        let triggered = client.trigger_schedule(&args.name).await;
        let answer = triggered.map_err(|error| unsure(error, || hints::of_unsure_run(&args.name)))?;
        match &answer.task_id {
            Some(id) if args.wait => return wait_for(client, id, args.json).await,
            _ if args.json => print_json(&answer)?,
            Some(id) => terminal::print(id)?,
            None => terminal::note(&left_out(&answer.fate, &args.name)),
        }
        // A run was wanted and there is none.
        Ok(if answer.task_id.is_some() { ExitCode::Completed } else { ExitCode::NotCompleted })
    })
}

async fn wait_for(client: &Client, id: &str, as_json: bool) -> Result<ExitCode, Failure> {
    let task = client.task(id).await?;
    wait(client, id, &terminal::printable_line(&task.job), as_json).await
}

fn left_out(fate: &str, name: &str) -> String {
    let shown = terminal::printable_line(fate);
    match fate {
        "overlapped" => format!(
            "left out, since an earlier run is not over: `mainworker list --schedule {name} --state queued,running`"
        ),
        _ => format!("no run: {shown}"),
    }
}
