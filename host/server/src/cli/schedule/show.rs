//! `mainworker schedule show` and `schedule next`.

use super::list::state;
use super::times::{on_both_clocks, on_clock};
use crate::cli::remote::{Align, Column, RemoteArgs, Row, TaskTable, print_json, shown_since};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::terminal;
use clap::Args;
use comfy_table::{Table, presets};
use mainworker_client::wire::{NextTimes, OccurrenceInfo, Schedule};
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::schedule::said;

/// Next times that `show` tells.
const NEXT_SHOWN: u32 = 5;

/// Which one.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// The schedule
    #[arg(value_name = "NAME")]
    name: String,
    /// Print the host's answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Which one, and how many times.
#[derive(Args, Debug)]
pub struct NextArgs {
    /// The schedule
    #[arg(value_name = "NAME")]
    name: String,
    /// As many times, up to 1000
    #[arg(short = 'n', long, value_name = "N", default_value_t = NEXT_SHOWN, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    count: u32,
    /// Print the host's answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

const RUNS: &[Column] = &[
    Column { name: "RUN", align: Align::Left, cut_to: None, leave_out: 0 },
    Column { name: "FATE", align: Align::Left, cut_to: None, leave_out: 0 },
    Column { name: "TASK", align: Align::Left, cut_to: None, leave_out: 1 },
    Column { name: "STATE", align: Align::Left, cut_to: None, leave_out: 0 },
    Column { name: "OUTCOME", align: Align::Left, cut_to: None, leave_out: 2 },
];

pub(super) fn show(args: &ShowArgs) -> Result<ExitCode, Failure> {
    args.remote.ask(async |client| {
        let schedule = client.schedule(&args.name).await?;
        if args.json {
            print_json(&schedule)?;
        } else {
            let next = client.next_times(&args.name, NEXT_SHOWN).await?;
            terminal::print_styled(&card(&schedule, &next, client.host_now(), terminal::stdout_columns()))?;
        }
        Ok(ExitCode::Completed)
    })
}

pub(super) fn next(args: &NextArgs) -> Result<ExitCode, Failure> {
    let next = args.remote.ask(async |client| Ok(client.next_times(&args.name, args.count).await?))?;
    if args.json {
        print_json(&next)?;
    } else if next.times.is_empty() {
        terminal::note("there is no further run");
    } else {
        terminal::print(&times(&next))?;
    }
    Ok(ExitCode::Completed)
}

/// One line for each, on the clock of the zone first if that is another than that of UTC.
fn times(next: &NextTimes) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let clocks: Option<Vec<String>> = next.times.iter().map(|time| on_clock(time, &next.zone)).collect();
    match clocks {
        Some(clocks) => {
            table.set_header([next.zone.as_str(), "UTC"]);
            for (clock, time) in clocks.iter().zip(&next.times) {
                table.add_row([clock, time]);
            }
        }
        None => {
            table.set_header(["UTC"]);
            for time in &next.times {
                table.add_row([time]);
            }
        }
    }
    table.trim_fmt()
}

fn card(schedule: &Schedule, next: &NextTimes, now: Timestamp, columns: Option<u16>) -> String {
    let info = &schedule.schedule;
    let mut rows: Vec<(&str, String)> = Vec::new();
    let ago = |moment: &str| format!("{moment} ({})", shown_since(moment, now));
    rows.push(("schedule", info.name.clone()));
    rows.extend(info.summary.clone().map(|summary| ("summary", summary)));
    rows.push(("job", info.job.clone()));
    rows.push(("when", info.when.clone()));
    rows.push(("state", state(info)));
    rows.push(("set", info.set.clone().unwrap_or_else(|| "none, it is managed by itself".to_owned())));
    rows.push(("created", ago(&info.created_at)));
    rows.push(("changed", format!("{}, revision {}", ago(&info.changed_at), info.revision)));
    rows.push(("runs", format!("{} · {} missed", info.runs, info.missed)));
    rows.push(("open", format!("{} running · {} queued", schedule.running, schedule.queued)));
    rows.extend(
        info.last_problem
            .as_ref()
            .map(|problem| ("problem", format!("{}: {}", ago(&problem.at), problem.message))),
    );
    rows.push(("next", next_of(schedule, next)));
    let definition: Vec<String> =
        said(&schedule.definition).iter().map(|(key, value)| format!("{key} = {value}")).collect();
    rows.push(("definition", definition.join("\n")));
    let mut lines: Vec<String> = rows
        .into_iter()
        .map(|(key, value)| {
            format!("{key:<14} {}", terminal::printable(&value).replace('\n', "\n               "))
        })
        .collect();
    if !schedule.occurrences.is_empty() {
        let rows: Vec<Row> = schedule.occurrences.iter().map(|run| row(run, &next.zone)).collect();
        lines.push(String::new());
        lines.extend(TaskTable::new(RUNS, columns).lines(&rows));
    }
    lines.join("\n")
}

fn next_of(schedule: &Schedule, next: &NextTimes) -> String {
    let mut lines: Vec<String> = next.times.iter().map(|time| on_both_clocks(time, &next.zone)).collect();
    // A run that waits for something is as due as it was; the problem says what it waits for.
    let is_later = |time: &String| {
        Timestamp::parse(time) > schedule.schedule.next_at.as_deref().and_then(Timestamp::parse)
    };
    if let Some(due) =
        schedule.schedule.next_at.as_deref().filter(|_| next.times.first().is_some_and(is_later))
    {
        lines.insert(0, format!("{}, due and waiting", on_both_clocks(due, &next.zone)));
    }
    if lines.is_empty() {
        return "no further run".to_owned();
    }
    if schedule.schedule.paused {
        lines.insert(0, "no run by itself before it is resumed".to_owned());
    }
    lines.join("\n")
}

fn row(run: &OccurrenceInfo, zone: &str) -> Row {
    let state = run.state.as_deref().and_then(State::parse);
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let outcome = run.outcome.clone().filter(|outcome| run.state.as_ref() != Some(outcome));
    let at = on_clock(&run.at, zone).unwrap_or_else(|| run.at.clone());
    let cells = [at, run.fate.clone(), text(&run.task_id), text(&run.state), text(&outcome)];
    Row::of(cells, state)
}
