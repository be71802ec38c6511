//! What is done to some tasks by their ids, or to all that fit a filter after they were counted.

use super::{FilterArgs, RemoteArgs, now, print_json};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::hints;
use crate::terminal;
use clap::Args;
use mainworker_client::wire::{BulkAnswer, BulkRequest};
use mainworker_client::{Client, ClientError};
use serde::Serialize;
use std::io::{self, IsTerminal};

/// Which tasks: some by their ids, or all that fit.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct BulkArgs {
    /// The tasks
    #[arg(value_name = "ID", required_unless_present = "all_matching", conflicts_with = "all_matching")]
    pub(in crate::cli) ids: Vec<String>,
    /// All tasks that fit, counted first
    #[arg(long, help_heading = "Which tasks")]
    pub(in crate::cli) all_matching: bool,
    #[command(flatten)]
    pub(in crate::cli) filter: FilterArgs,
    /// Do not ask whether that many are meant
    #[arg(long, conflicts_with = "ids", help_heading = "Which tasks")]
    pub(in crate::cli) yes: bool,
    /// Print JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) remote: RemoteArgs,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Verb {
    Cancel,
    Retry,
}

impl Verb {
    fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Retry => "retry",
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::Cancel => "cancelled or told to stop",
            Self::Retry => "queued again",
        }
    }

    async fn ask(self, client: &Client, request: &BulkRequest) -> Result<BulkAnswer, ClientError> {
        match self {
            Self::Cancel => client.cancel_many(request).await,
            Self::Retry => client.retry_many(request).await,
        }
    }
}

/// Does something to each of the named tasks; one that fails does not keep the others from it. `shown` is what is printed
/// of an answer.
pub(in crate::cli) async fn each<T: Serialize>(
    args: &BulkArgs,
    mut act: impl AsyncFnMut(&str) -> Result<T, ClientError>,
    shown: impl Fn(&T) -> String,
) -> Result<ExitCode, Failure> {
    if args.filter.filter(now()).is_any_set() {
        return Err(Failure::usage(
            "filter_unused",
            "found a filter beside task ids, expected one of the two",
            "`--all-matching` takes all tasks that fit a filter",
        ));
    }
    let mut exit = ExitCode::Completed;
    let mut answers = Vec::new();
    for id in &args.ids {
        match act(id).await {
            Ok(answer) if args.json => answers.push(answer),
            Ok(answer) => terminal::print(&shown(&answer))?,
            Err(error) => {
                let failure = Failure::from(error);
                exit = failure.exit;
                terminal::print_failure(&of_task(failure, id));
                if exit == ExitCode::Unreachable {
                    // Nor will it be for the next.
                    break;
                }
            }
        }
    }
    if args.json {
        print_json(&answers)?;
    }
    Ok(exit)
}

/// A failure that says which of several tasks it is about.
fn of_task(failure: Failure, id: &str) -> Failure {
    if failure.message.contains(id) {
        return failure;
    }
    Failure { message: format!("task `{id}`: {}", failure.message), ..failure }
}

/// Does something to all tasks that fit, after a person or `--yes` said that so many are meant.
pub(in crate::cli) async fn all_matching(
    client: &Client,
    args: &BulkArgs,
    verb: Verb,
) -> Result<ExitCode, Failure> {
    let filter = args.filter.filter(args.filter.now(client).await);
    if !filter.is_any_set() {
        return Err(Failure::usage(
            "filter_missing",
            format!(
                "found no filter beside `--all-matching`, expected one that says which tasks to {}",
                verb.as_str()
            ),
            "say which, such as `--job NAME`; for every task there is, `--from 1970-01-01T00:00:00Z`",
        ));
    }
    let count = verb.ask(client, &BulkRequest { filter: filter.clone(), preview: true }).await?;
    let least = if count.more { "at least " } else { "" };
    let found = match count.matched {
        1 => format!("{least}1 task fits"),
        count => format!("{least}{count} tasks fit"),
    };
    if count.matched == 0 && !count.more {
        terminal::note(&found);
        if args.json {
            print_json(&count)?;
        }
        return Ok(ExitCode::Completed);
    }
    if args.yes {
        terminal::note(&found);
    } else if !is_meant(&found, verb)? {
        terminal::note("nothing was done");
        return Ok(ExitCode::NotCompleted);
    }
    let answer = change_all(client, &BulkRequest { filter, preview: false }, verb).await?;
    if args.json {
        print_json(&answer)?;
    } else {
        terminal::print(&summary(&answer, verb))?;
    }
    if answer.more {
        terminal::note(&hints::of_tasks_out_of_reach());
    }
    // What was refused, or not reached, was to be changed and is not.
    let is_all = answer.refused.is_empty() && !answer.more;
    Ok(if is_all { ExitCode::Completed } else { ExitCode::NotCompleted })
}

/// The host works for a bounded time and says if there are more; each request begins with the newest again.
async fn change_all(client: &Client, request: &BulkRequest, verb: Verb) -> Result<BulkAnswer, ClientError> {
    let mut changed = 0;
    loop {
        let answer = verb.ask(client, request).await?;
        changed += answer.changed;
        // A round that changes nothing would be repeated without end.
        if !answer.more || answer.changed == 0 {
            // What an earlier round changed fits no more, but for attempts that have not stopped yet.
            let matched = answer.matched.max(changed + answer.refused.values().sum::<u64>());
            return Ok(BulkAnswer { matched, changed, ..answer });
        }
        terminal::note(&format!("{changed} {} so far, there are more", verb.done()));
    }
}

fn is_meant(found: &str, verb: Verb) -> Result<bool, Failure> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(Failure::usage(
            "confirmation_missing",
            format!("{found}; found no terminal to ask whether they are meant, expected `--yes`"),
            hints::of_confirmation(verb.as_str()),
        ));
    }
    terminal::ask(&format!("{found}. {} all of them? [y/N] ", capitalized(verb.as_str())));
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    Ok(read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn summary(answer: &BulkAnswer, verb: Verb) -> String {
    let mut text = format!("{} {}", answer.changed, verb.done());
    for (code, count) in &answer.refused {
        text.push_str(&format!(" · {count} refused: {}", terminal::printable_line(code)));
    }
    if answer.more {
        text.push_str(" · there are more that were not looked at");
    }
    text
}
