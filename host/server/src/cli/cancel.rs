//! `mainworker cancel`: tasks that nobody wants any more.

use super::remote::{BulkArgs, Verb, all_matching, each};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use clap::Args;

/// Cancels tasks that wait and tells attempts that run to stop. Doing it twice is as good as once. By a filter, tasks that
/// have ended are left alone.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  mainworker cancel 01978f3c-7d1a-7c2e-9f00-0123456789ab
  mainworker cancel --all-matching --job edge-logs --state queued
  mainworker cancel --all-matching --label 'May 2015' --yes

A task that waits is cancelled, an attempt that runs is told to stop. By a filter, tasks that have ended are left alone.")]
pub struct CancelArgs {
    #[command(flatten)]
    which: BulkArgs,
}

pub(super) fn cancel(args: &CancelArgs) -> Result<ExitCode, Failure> {
    let which = &args.which;
    which.remote.ask(async |client| {
        if which.all_matching {
            return all_matching(client, which, Verb::Cancel).await;
        }
        let shown =
            |answer: &mainworker_client::wire::CancelAnswer| format!("{} {}", answer.task_id, answer.cancel);
        each(which, async |id: &str| client.cancel(id).await, shown).await
    })
}
