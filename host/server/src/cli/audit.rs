//! `mainworker audit`: who wanted what.

use super::remote::{Moment, RemoteArgs, ago, json, now_for};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::terminal;
use clap::Args;
use mainworker_client::wire::AuditInfo;
use mainworker_client::{AuditQuery, Client};

/// Entries that are shown unless it is said otherwise.
const SHOWN: usize = 50;

/// Lists who wanted what, the newest first: cancels, retries, pauses, tokens, schedules.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  mainworker audit --from 1d
  mainworker audit --actor token:7k3m0q9zt2ab
  mainworker audit --kind task --object 01a20280-657f-74bc-919b-d72e980d1220 --json")]
pub struct AuditArgs {
    /// Of this actor: `token:ID`, `settings` or `operator`
    #[arg(long, value_name = "ACTOR")]
    actor: Option<String>,
    /// About this, such as `task-cancelled`
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// To the `host`, or with `--object` to a `task`, a `job`, a `token` or a `schedule`
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Its name or id
    #[arg(long, value_name = "NAME", requires = "kind")]
    object: Option<String>,
    /// At or after this time, or not longer ago
    #[arg(long, value_name = "TIME|DURATION", value_parser = ago)]
    from: Option<Moment>,
    /// Before this time, or longer ago
    #[arg(long, value_name = "TIME|DURATION", value_parser = ago)]
    to: Option<Moment>,
    /// Show all of them, not only the newest 50
    #[arg(long)]
    all: bool,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

pub(super) fn audit(args: &AuditArgs) -> Result<ExitCode, Failure> {
    args.remote.ask(async |client| {
        let now = now_for(client, [args.from, args.to].into_iter().flatten()).await;
        let moment = |moment: Option<Moment>| moment.map(|moment| moment.before(now).to_string());
        let query = AuditQuery {
            actor: args.actor.clone(),
            action: args.action.clone(),
            kind: args.kind.clone(),
            object: args.object.clone(),
            from: moment(args.from),
            to: moment(args.to),
        };
        show(args, client, &query).await
    })?;
    Ok(ExitCode::Completed)
}

async fn show(args: &AuditArgs, client: &Client, query: &AuditQuery) -> Result<(), Failure> {
    let (mut cursor, mut shown) = (None, 0);
    loop {
        let page = client.audit(query, cursor.as_deref()).await?;
        for entry in page.entries {
            if shown == SHOWN && !args.all {
                terminal::note("there are more: `--all` shows them");
                return Ok(());
            }
            let text = if args.json { json(&entry)? } else { line(&entry) };
            if !terminal::print_part(&text)? {
                return Ok(());
            }
            shown += 1;
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    if shown == 0 {
        terminal::note("there is no such entry");
    }
    Ok(())
}

fn line(entry: &AuditInfo) -> String {
    let detail = entry.detail.as_ref().map(|detail| format!(" · {detail}")).unwrap_or_default();
    let text = format!("{}  {:<20} {:<20} {}{detail}", entry.at, entry.actor, entry.action, entry.object);
    terminal::printable_line(text.trim_end()).into_owned()
}
