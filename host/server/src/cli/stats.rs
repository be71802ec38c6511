//! `mainworker stats`: how a running host is and what it does now.

use super::remote::{Align, Column, RemoteArgs, Row, TaskTable, now, print_json, shown_since};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::terminal;
use clap::Args;
use mainworker_client::wire::Stats;
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::quantity::approximate_bytes;

/// Shows how a running host is: what runs, how many tasks there are by job and state, how much is stored.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  mainworker stats
  mainworker stats --json | jq .tasks.queued")]
pub struct StatsArgs {
    /// Print the stats as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

const RUNNING: &[Column] = &[
    Column { name: "RUNNING", align: Align::Left, cut_to: None, leave_out: 0 },
    Column { name: "JOB", align: Align::Left, cut_to: Some(12), leave_out: 0 },
    Column { name: "ATTEMPT", align: Align::Right, cut_to: None, leave_out: 1 },
    Column { name: "SINCE", align: Align::Right, cut_to: None, leave_out: 0 },
];

const JOBS: &[Column] = &[
    Column { name: "JOB", align: Align::Left, cut_to: Some(12), leave_out: 0 },
    Column { name: "QUEUED", align: Align::Right, cut_to: None, leave_out: 0 },
    Column { name: "RUNNING", align: Align::Right, cut_to: None, leave_out: 0 },
    Column { name: "COMPLETED", align: Align::Right, cut_to: None, leave_out: 1 },
    Column { name: "FAILED", align: Align::Right, cut_to: None, leave_out: 0 },
    Column { name: "CANCELLED", align: Align::Right, cut_to: None, leave_out: 2 },
    Column { name: "EXPIRED", align: Align::Right, cut_to: None, leave_out: 2 },
    Column { name: "", align: Align::Left, cut_to: None, leave_out: 0 },
];

pub(super) fn stats(args: &StatsArgs) -> Result<ExitCode, Failure> {
    let stats = args.remote.ask(async |client| Ok(client.stats().await?))?;
    if args.json {
        print_json(&stats)?;
    } else {
        terminal::print_styled(&shown(&stats, now(), terminal::stdout_columns()))?;
    }
    Ok(ExitCode::Completed)
}

fn shown(stats: &Stats, now: Timestamp, columns: Option<u16>) -> String {
    let counts: Vec<String> = State::ALL
        .into_iter()
        .map(|state| format!("{} {state}", stats.tasks.get(state.as_str()).copied().unwrap_or(0)))
        .collect();
    // By the clock of the host, which may differ from the one here.
    let now = Timestamp::parse(&stats.now).unwrap_or(now);
    let paused = if stats.paused { " · paused: no attempt begins" } else { "" };
    let mut lines = vec![
        format!("{:<14} {} · mainworker {}", "host", stats.host, stats.version),
        format!("{:<14} {} ({})", "serves since", stats.started_at, shown_since(&stats.started_at, now)),
        format!("{:<14} {} of {} slots{paused}", "running", stats.running.len(), stats.slots),
        format!("{:<14} {}", "tasks", counts.join(" · ")),
        format!("{:<14} {}", "stored", approximate_bytes(stats.store_bytes)),
    ];
    if let Some(dev) = &stats.dev {
        let clock = match &dev.clock {
            Some(moment) => format!("; its clock was set to {moment}, and is at {}", stats.now),
            None => String::new(),
        };
        lines.insert(1, format!("{:<14} for trying things out, not to be relied on{clock}", "development"));
    }
    for line in &mut lines {
        *line = terminal::printable_line(line).into_owned();
    }
    let running: Vec<Row> = stats
        .running
        .iter()
        .map(|attempt| {
            let cells = [
                attempt.task_id.clone(),
                attempt.job.clone(),
                attempt.attempt.to_string(),
                shown_since(&attempt.started_at, now),
            ];
            Row::of(cells, None)
        })
        .collect();
    let jobs: Vec<Row> = stats
        .jobs
        .iter()
        .map(|job| {
            let counts =
                State::ALL.map(|state| job.tasks.get(state.as_str()).copied().unwrap_or(0).to_string());
            let standing = match (&job.error, job.paused) {
                (Some(error), _) => error.code.clone(),
                (None, true) => "paused".to_owned(),
                (None, false) => String::new(),
            };
            Row::of([job.name.clone()].into_iter().chain(counts).chain([standing]), None)
        })
        .collect();
    for (columns_of, rows) in [(RUNNING, running), (JOBS, jobs)] {
        if !rows.is_empty() {
            lines.push(String::new());
            lines.extend(TaskTable::new(columns_of, columns).lines(&rows));
        }
    }
    lines.join("\n")
}
