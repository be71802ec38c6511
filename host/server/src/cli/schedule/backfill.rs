//! `mainworker schedule backfill`.

use super::rejected;
use crate::cli::remote::{Align, Column, Moment, RemoteArgs, Row, TaskTable, ago, now_for, print_json};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::terminal;
use clap::Args;
use mainworker_client::wire::{BackfillAnswer, BackfillRequest, BackfilledInfo};
use std::collections::BTreeMap;

/// Which one, and which time.
#[derive(Args, Debug)]
pub struct BackfillArgs {
    /// The schedule
    #[arg(value_name = "NAME")]
    name: String,
    /// From this time on, or so long ago
    #[arg(long, value_name = "TIME|DURATION", value_parser = ago)]
    from: Moment,
    /// Until this time, which is no longer part of it, or so long ago; `0s` is now
    #[arg(long, value_name = "TIME|DURATION", value_parser = ago)]
    to: Moment,
    /// Only show which runs there would be
    #[arg(long)]
    preview: bool,
    /// Print the host's answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

const COLUMNS: &[Column] = &[
    Column { name: "RUN", align: Align::Left, cut_to: None, leave_out: 0 },
    Column { name: "FATE", align: Align::Left, cut_to: None, leave_out: 0 },
    Column { name: "TASK", align: Align::Left, cut_to: None, leave_out: 0 },
    Column { name: "PROBLEM", align: Align::Left, cut_to: Some(20), leave_out: 1 },
];

pub(super) fn backfill(args: &BackfillArgs) -> Result<ExitCode, Failure> {
    let answer = args.remote.ask(async |client| {
        let now = now_for(client, [args.from, args.to]).await;
        let request = BackfillRequest {
            from: args.from.before(now).to_string(),
            to: args.to.before(now).to_string(),
            preview: args.preview,
        };
        client.backfill_schedule(&args.name, &request).await.map_err(rejected)
    })?;
    if args.json {
        print_json(&answer)?;
    } else if answer.runs.is_empty() {
        terminal::note("no run falls into this time");
    } else {
        let rows: Vec<Row> = answer.runs.iter().map(row).collect();
        let mut lines = TaskTable::new(COLUMNS, terminal::stdout_columns()).lines(&rows);
        lines.push(summary(&answer));
        terminal::print_styled(&lines.join("\n"))?;
    }
    // Envelopes that were not taken, as if somebody had sent them.
    let is_refused = answer.runs.iter().any(|run| run.fate == "refused");
    Ok(if is_refused { ExitCode::EnvelopeRejected } else { ExitCode::Completed })
}

fn row(run: &BackfilledInfo) -> Row {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let cells = [run.at.clone(), run.fate.clone(), text(&run.task_id), text(&run.problem)];
    Row::of(cells, None)
}

/// How many there are of each fate.
fn summary(answer: &BackfillAnswer) -> String {
    let mut fates: BTreeMap<&str, usize> = BTreeMap::new();
    for run in &answer.runs {
        *fates.entry(run.fate.as_str()).or_default() += 1;
    }
    let counts: Vec<String> =
        fates.iter().map(|(fate, count)| format!("{count} {}", terminal::printable_line(fate))).collect();
    let preview = if answer.applied { "" } else { " · nothing was done, this is a preview" };
    format!("{}{preview}", counts.join(" · "))
}
