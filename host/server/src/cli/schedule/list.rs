//! `mainworker schedule list`.

use crate::cli::remote::{Align, Column, RemoteArgs, Row, TaskTable, print_json, shown_since};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::terminal;
use clap::Args;
use mainworker_client::wire::ScheduleInfo;
use mainworker_domain::lifecycle::Timestamp;

/// How they are shown.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Print the host's answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

const COLUMNS: &[Column] = &[
    Column { name: "NAME", align: Align::Left, cut_to: Some(16), leave_out: 0 },
    Column { name: "JOB", align: Align::Left, cut_to: Some(8), leave_out: 3 },
    Column { name: "WHEN", align: Align::Left, cut_to: Some(12), leave_out: 2 },
    Column { name: "NEXT", align: Align::Left, cut_to: None, leave_out: 5 },
    Column { name: "IN", align: Align::Right, cut_to: None, leave_out: 0 },
    Column { name: "STATE", align: Align::Left, cut_to: None, leave_out: 0 },
    Column { name: "RUNS", align: Align::Right, cut_to: None, leave_out: 1 },
    Column { name: "MISSED", align: Align::Right, cut_to: None, leave_out: 4 },
];

pub(super) fn list(args: &ListArgs) -> Result<ExitCode, Failure> {
    let (list, now) = args.remote.ask(async |client| Ok((client.schedules().await?, client.host_now())))?;
    if args.json {
        print_json(&list)?;
    } else if list.schedules.is_empty() {
        terminal::note(
            "there is no schedule; `mainworker schedule apply FILE` or `schedule put NAME` makes some",
        );
    } else {
        let rows: Vec<Row> = list.schedules.iter().map(|schedule| row(schedule, now)).collect();
        let table = TaskTable::new(COLUMNS, terminal::stdout_columns()).lines(&rows).join("\n");
        terminal::print_styled(&table)?;
        if list.schedules.iter().any(|schedule| schedule.last_problem.is_some()) {
            terminal::note("`mainworker schedule show NAME` tells what the problem of a schedule was");
        }
    }
    Ok(ExitCode::Completed)
}

fn row(schedule: &ScheduleInfo, now: Timestamp) -> Row {
    let cells = [
        schedule.name.clone(),
        schedule.job.clone(),
        schedule.when.clone(),
        schedule.next_at.clone().unwrap_or_default(),
        schedule.next_at.as_ref().map(|next| shown_since(next, now)).unwrap_or_default(),
        state(schedule),
        schedule.runs.to_string(),
        schedule.missed.to_string(),
    ];
    Row::of(cells, None)
}

/// How it stands, in a few words: `active`, `paused`, `ended: once`, each with `, problem` if there was one.
pub(super) fn state(schedule: &ScheduleInfo) -> String {
    let standing = match (&schedule.ended, schedule.paused) {
        (Some(ended), _) => format!("ended: {ended}"),
        (None, true) => "paused".to_owned(),
        (None, false) => "active".to_owned(),
    };
    if schedule.last_problem.is_some() { format!("{standing}, problem") } else { standing }
}
