//! `mainworker schedule`: what a host runs by itself, and when.

mod acts;
mod apply;
mod backfill;
mod difference;
mod list;
mod put;
mod show;
mod times;

use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::hints;
use clap::Subcommand;
use mainworker_client::ClientError;
use mainworker_domain::outcome::Outcome;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// See, change and trigger the schedules of a running host.
#[derive(Debug, Subcommand)]
pub enum ScheduleCommand {
    /// List all schedules with their next runs
    #[command(after_help = "Examples:
  mainworker schedule list
  mainworker schedule list --json | jq -r '.schedules[] | select(.lastProblem) | .name'")]
    List(list::ListArgs),
    /// Show a schedule: what it says, its newest runs, its next times
    #[command(after_help = "Examples:
  mainworker schedule show month-end-charges
  mainworker schedule show month-end-charges --json | jq .definition")]
    Show(show::ShowArgs),
    /// Show when a schedule runs next, on the clock of its time zone and in UTC
    #[command(after_help = "Examples:
  mainworker schedule next month-end-charges
  mainworker schedule next month-end-charges -n 24")]
    Next(show::NextArgs),
    /// Make the schedules of a set what a file says, after showing the difference
    #[command(after_help = APPLY_HELP)]
    Apply(apply::ApplyArgs),
    /// Create or change one schedule that belongs to no file
    #[command(after_help = "Examples:
  mainworker schedule put nightly --job account-bandwidth --cron '30 2 * * *' \\
    --time-zone Europe/Berlin --payload '{\"month\": \"${occurrence -1 day %Y-%m}\"}'
  mainworker schedule put ping --job echo --every 5m
  mainworker schedule put once --job echo --at 2h --payload @payload.json
  mainworker schedule put nightly nightly.json

The file is the definition as `POST /v1/schedules/{name}/put` takes it; `schedule show NAME --json` has one.")]
    Put(Box<put::PutArgs>),
    /// Delete a schedule that belongs to no file; its tasks stay
    #[command(after_help = "Example:
  mainworker schedule delete ping")]
    Delete(acts::OneArgs),
    /// Let a schedule stand still
    #[command(after_help = "Example:
  mainworker schedule pause edge-logs

Lasts until it is resumed, restarts of the host included. `trigger` and `backfill` bring about runs all the same.")]
    Pause(acts::OneArgs),
    /// Let a schedule go on
    #[command(after_help = "Example:
  mainworker schedule resume edge-logs

Runs that fell due meanwhile were missed; what becomes of them is what the schedule says in `missed`.")]
    Resume(acts::OneArgs),
    /// Bring about a run now, beside those at its times
    #[command(after_help = "Examples:
  mainworker schedule trigger edge-logs
  mainworker schedule trigger edge-logs --wait | jq .")]
    Trigger(acts::TriggerArgs),
    /// Bring about the runs of a time that is over, each at most once
    #[command(after_help = "Examples:
  mainworker schedule backfill edge-logs --from 2015-05-17T00:00:00Z --to 2015-05-18T00:00:00Z --preview
  mainworker schedule backfill edge-logs --from 6h --to 1h")]
    Backfill(backfill::BackfillArgs),
}

const APPLY_HELP: &str = "Examples:
  mainworker schedule apply schedules.toml
  mainworker schedule apply schedules.toml --preview
  mainworker schedule apply schedules.toml --yes

A file:
  set = \"company\"

  [schedule.month-end-charges]
  job = \"charge-accounts\"
  cron = \"0 6 1 * *\"
  time-zone = \"Europe/Berlin\"
  payload = { month = \"${occurrence -1 month %Y-%m}\" }
  options = { tags = [\"billing\"] }

The set owns what was applied under its name: what is no longer in the file is deleted. On a terminal it is asked before anything
changes; elsewhere, such as in CI, the difference is shown and applied.";

pub(super) fn schedule(command: &ScheduleCommand) -> Result<ExitCode, Failure> {
    match command {
        ScheduleCommand::List(args) => list::list(args),
        ScheduleCommand::Show(args) => show::show(args),
        ScheduleCommand::Next(args) => show::next(args),
        ScheduleCommand::Apply(args) => apply::apply(args),
        ScheduleCommand::Put(args) => put::put(args),
        ScheduleCommand::Delete(args) => acts::delete(args),
        ScheduleCommand::Pause(args) => acts::pause(args),
        ScheduleCommand::Resume(args) => acts::resume(args),
        ScheduleCommand::Trigger(args) => acts::trigger(args),
        ScheduleCommand::Backfill(args) => backfill::backfill(args),
    }
}

/// Why runs of a schedule are not taken. What rejects an envelope rejects them too, wherever in a request they stand.
fn rejected(error: ClientError) -> Failure {
    let failure = Failure::from(error);
    if failure.code == "unknown_job" {
        return Failure { exit: ExitCode::EnvelopeRejected, outcome: Outcome::Rejected, ..failure };
    }
    failure
}

/// A failure after which it may have been done all the same, with what to do about that.
fn unsure(error: ClientError, hint: impl FnOnce() -> String) -> Failure {
    let hint = error.may_be_done().then(hint);
    let failure = rejected(error);
    Failure { hint: hint.or(failure.hint.clone()), ..failure }
}

/// The text of a file, or of standard input for `-`. Of one that is longer than `bytes_max`, one byte more.
fn read_text(path: &Path, bytes_max: u64) -> Result<String, Failure> {
    let unreadable = |error: io::Error| {
        Failure::usage(
            "file_unreadable",
            format!("reading `{}`: {error}", path.display()),
            hints::of_file_of_schedules(),
        )
    };
    let source: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).map_err(unreadable)?)
    };
    let mut bytes = Vec::new();
    source.take(bytes_max + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    // The last character of a text that is too long may be cut in two, which is for whoever looks at its length.
    String::from_utf8(bytes).or_else(|error| match error.utf8_error().error_len() {
        None if error.as_bytes().len() as u64 > bytes_max => {
            Ok(String::from_utf8_lossy(error.as_bytes()).into_owned())
        }
        _ => Err(unreadable(io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))),
    })
}
