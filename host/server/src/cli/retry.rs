//! `mainworker retry`: a new life for tasks that ended without a result.

use super::remote::{BulkArgs, Verb, all_matching, each, milliseconds};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use clap::Args;

/// Queues tasks again that failed, were cancelled or expired, with all their attempts. By a filter that names no state,
/// those that failed.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  mainworker retry 01978f3c-7d1a-7c2e-9f00-0123456789ab
  mainworker retry 01978f3c-7d1a-7c2e-9f00-0123456789ab --delay 10m
  mainworker retry --all-matching --job edge-logs --outcome timed-out --from 24h

A task that failed, was cancelled or expired is queued again with all its attempts. By a filter without --state, those that
failed.")]
pub struct RetryArgs {
    #[command(flatten)]
    which: BulkArgs,
    /// Begin not before so long from now
    #[arg(long, value_name = "DURATION", value_parser = milliseconds, conflicts_with = "all_matching")]
    delay: Option<u64>,
}

pub(super) fn retry(args: &RetryArgs) -> Result<ExitCode, Failure> {
    let which = &args.which;
    which.remote.ask(async |client| {
        if which.all_matching {
            return all_matching(client, which, Verb::Retry).await;
        }
        let shown =
            |answer: &mainworker_client::wire::RetryAnswer| format!("{} {}", answer.task_id, answer.state);
        each(which, async |id: &str| client.retry(id, args.delay).await, shown).await
    })
}
