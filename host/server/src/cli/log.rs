//! `mainworker log`: what the attempts of a task said, and say.

use super::queue::line;
use super::remote::{RemoteArgs, json};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::terminal;
use clap::Args;
use mainworker_client::wire::LogEntry;
use mainworker_client::{Client, Followed};

/// Shows the log of a task, all attempts of it. With -f it goes on until the task has ended; it comes back by itself when
/// the connection breaks off.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  mainworker log 01978f3c-7d1a-7c2e-9f00-0123456789ab
  mainworker log -f 01978f3c-7d1a-7c2e-9f00-0123456789ab
  mainworker log 01978f3c-7d1a-7c2e-9f00-0123456789ab --json | jq -r '.[] | select(.level == \"error\") | .message'")]
pub struct LogArgs {
    /// The task
    #[arg(value_name = "ID")]
    id: String,
    /// Go on until the task has ended
    #[arg(short, long)]
    follow: bool,
    /// Print a JSON array; with --follow an object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

pub(super) fn log(args: &LogArgs) -> Result<ExitCode, Failure> {
    args.remote.ask(async |client| {
        if args.follow { follow(client, args).await } else { read(client, args).await }?;
        Ok(ExitCode::Completed)
    })
}

async fn read(client: &Client, args: &LogArgs) -> Result<(), Failure> {
    let mut lines = Lines::default();
    let mut before = "[";
    let mut cursor: Option<String> = None;
    loop {
        let page = client.log(&args.id, cursor.as_deref()).await?;
        let is_last = page.lines.is_empty() || page.next_cursor.is_none();
        for entry in page.lines {
            let goes_on = if args.json {
                terminal::print_part(&format!("{}{}", std::mem::replace(&mut before, ","), json(&entry)?))?
            } else {
                lines.print(entry)?
            };
            if !goes_on {
                return Ok(());
            }
        }
        cursor = page.next_cursor;
        if is_last {
            break;
        }
    }
    if args.json {
        return terminal::print(if before == "[" { "[]" } else { "]" });
    }
    match (lines.attempt, cursor) {
        (None, Some(_)) => terminal::note("no line yet: `-f` waits for them"),
        (None, None) => terminal::note("it has no lines"),
        _ => {}
    }
    Ok(())
}

async fn follow(client: &Client, args: &LogArgs) -> Result<(), Failure> {
    let mut log = client.follow_log(&args.id)?;
    let mut lines = Lines::default();
    while let Some(step) = log.next().await? {
        let goes_on = match step {
            Followed::Line(entry) if args.json => terminal::print_part(&json(&entry)?)?,
            Followed::Line(entry) => lines.print(entry)?,
            Followed::Progress(_) => true,
            Followed::End(end) => {
                let outcome = end.outcome.filter(|outcome| *outcome != end.state);
                let outcome = outcome.map(|outcome| format!(": {outcome}")).unwrap_or_default();
                terminal::note(&terminal::printable_line(&format!("the task is {}{outcome}", end.state)));
                true
            }
        };
        if !goes_on {
            break;
        }
    }
    Ok(())
}

/// Lines for people, with a line between two attempts.
#[derive(Debug, Default)]
struct Lines {
    /// That of the last line.
    attempt: Option<u32>,
}

impl Lines {
    fn print(&mut self, entry: LogEntry) -> Result<bool, Failure> {
        // One that is the only attempt needs no name.
        let is_another = self.attempt.unwrap_or(1) != entry.attempt;
        self.attempt = Some(entry.attempt);
        let heading =
            if is_another { format!("── attempt {} ──\n", entry.attempt) } else { String::new() };
        terminal::print_styled(&format!("{heading}{}", terminal::log_line(&line(entry))))
    }
}
