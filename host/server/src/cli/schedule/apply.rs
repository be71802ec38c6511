//! `mainworker schedule apply`: the difference first, then what was shown and nothing else.

use super::difference::{counts, is_any, shown};
use super::{read_text, rejected, unsure};
use crate::cli::remote::{RemoteArgs, print_json};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::hints;
use crate::terminal;
use clap::Args;
use mainworker_client::wire::{ApplyAnswer, ApplyRequest};
use mainworker_domain::limits::SCHEDULE_FILE_BYTES_MAX;
use mainworker_domain::schedule::{Definitions, Place};
use serde_json::value::RawValue;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

/// Which file, and whether it is asked first.
#[derive(Args, Debug)]
pub struct ApplyArgs {
    /// The file of schedules, or - for standard input
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
    /// Do not ask whether the difference is meant
    #[arg(long, conflicts_with = "preview")]
    yes: bool,
    /// Only show the difference
    #[arg(long)]
    preview: bool,
    /// Print the host's answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

pub(super) fn apply(args: &ApplyArgs) -> Result<ExitCode, Failure> {
    let file = SchedulesFile::read(&args.file)?;
    let request = file.request()?;
    args.remote.ask(async |client| {
        let found = client.apply_schedules(&ApplyRequest { preview: true, ..request.clone() }).await;
        let found = found.map_err(|error| file.located(rejected(error)))?;
        if args.preview || !is_any(&found.changes) {
            print(args, &file, &found)?;
            return Ok(ExitCode::Completed);
        }
        let asks = !args.yes && io::stdin().is_terminal() && io::stderr().is_terminal();
        show(args, &found, asks)?;
        if asks && !is_meant() {
            terminal::note("nothing was applied");
            return Ok(ExitCode::NotCompleted);
        }
        let seen = found.changes.iter().filter_map(|change| Some((change.name.clone(), change.revision?)));
        let request = ApplyRequest { seen: Some(seen.collect()), ..request };
        let answer = client.apply_schedules(&request).await;
        let answer = answer.map_err(|error| file.located(unsure(error, hints::of_unsure_schedules)))?;
        if args.json {
            print_json(&answer)?;
        } else {
            terminal::print(&format!("applied: {}", counts(&answer.changes, true)))?;
        }
        Ok(ExitCode::Completed)
    })
}

/// The difference, before it is applied.
fn show(args: &ApplyArgs, found: &ApplyAnswer, asks: bool) -> Result<(), Failure> {
    let difference = format!("{}\n{}", shown(&found.changes), counts(&found.changes, false));
    match (args.json, asks) {
        (false, _) => terminal::print_styled(&difference).map(drop),
        // Nobody says yes to what they do not see, and stdout is for JSON.
        (true, true) => {
            terminal::note(&difference);
            Ok(())
        }
        (true, false) => Ok(()),
    }
}

/// What would be done, if there is anything.
fn print(args: &ApplyArgs, file: &SchedulesFile<'_>, found: &ApplyAnswer) -> Result<(), Failure> {
    if args.json {
        return print_json(found);
    }
    if !is_any(&found.changes) {
        let set = &file.definitions.set;
        let count = match found.changes.len() {
            0 => format!("the set `{set}` has no schedules"),
            1 => format!("the schedule of the set `{set}` is as the file says"),
            count => format!("the {count} schedules of the set `{set}` are as the file says"),
        };
        return terminal::print(&format!("nothing to do: {count}"));
    }
    terminal::print_styled(&format!("{}\n{}", shown(&found.changes), counts(&found.changes, false)))?;
    terminal::note("nothing was applied: this is a preview");
    Ok(())
}

fn is_meant() -> bool {
    terminal::ask("apply? [y/N] ");
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// A file of schedules, with its text to find lines in.
struct SchedulesFile<'a> {
    path: &'a Path,
    text: String,
    definitions: Definitions,
}

impl<'a> SchedulesFile<'a> {
    fn read(path: &'a Path) -> Result<Self, Failure> {
        let text = read_text(path, SCHEDULE_FILE_BYTES_MAX)?;
        let definitions = Definitions::from_toml(&text, jiff::tz::db()).map_err(|error| {
            let message = format!("reading `{}`: {error}", path.display());
            Failure::usage(error.code(), message, hints::of_schedule_in_file(&error))
        })?;
        Ok(Self { path, text, definitions })
    }

    fn request(&self) -> Result<ApplyRequest, Failure> {
        let schedules = self.definitions.schedules.iter().map(|(name, definition)| {
            RawValue::from_string(definition.to_json())
                .map(|definition| (name.to_string(), definition))
                .map_err(|error| Failure::host(format!("sending the schedule `{name}`: {error}")))
        });
        Ok(ApplyRequest {
            set: self.definitions.set.to_string(),
            schedules: schedules.collect::<Result<_, _>>()?,
            preview: false,
            seen: None,
        })
    }

    /// What the host does not take, with its place in the file if it is about one.
    fn located(&self, failure: Failure) -> Failure {
        let below = failure.pointer.as_deref().and_then(|pointer| pointer.strip_prefix("/schedules/"));
        let Some(below) = below else { return failure };
        let (name, rest) = below.split_at(below.find('/').unwrap_or(below.len()));
        let Place::File { path, line } = Definitions::place(&self.text, name, rest) else { return failure };
        let line = line.map(|line| format!(", line {line}")).unwrap_or_default();
        Failure { pointer: Some(format!("`{path}` in `{}`{line}", self.path.display())), ..failure }
    }
}
