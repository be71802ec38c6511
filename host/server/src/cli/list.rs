//! `mainworker list`: tasks of a running host, the newest first.

use super::remote::{Align, Column, FilterArgs, RemoteArgs, Row, TaskTable, json, shown_ms};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::terminal;
use clap::Args;
use mainworker_client::wire::TaskInfo;
use mainworker_client::{Client, Pages};
use mainworker_domain::lifecycle::{State, Timestamp};

/// Tasks that one request asks for at the most; the host gives no more.
const PAGE_TASKS_MAX: u32 = 500;

/// Lists tasks, the newest first. Without the role `read` a token lists those of its own source.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  mainworker list
  mainworker list --state queued,running --job edge-logs
  mainworker list --outcome timed-out --from 24h
  mainworker list --state running --longer-than 10m
  mainworker list --tag billing --all --json | jq -r '.[].taskId'")]
pub struct ListArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// As many tasks at the most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// All that fit
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Print a JSON array
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

const COLUMNS: &[Column] = &[
    Column { name: "TASK", align: Align::Left, cut_to: None, leave_out: 0 },
    Column { name: "JOB", align: Align::Left, cut_to: Some(12), leave_out: 0 },
    Column { name: "STATE", align: Align::Left, cut_to: None, leave_out: 0 },
    Column { name: "OUTCOME", align: Align::Left, cut_to: None, leave_out: 1 },
    Column { name: "LABEL", align: Align::Left, cut_to: Some(8), leave_out: 4 },
    Column { name: "AGE", align: Align::Right, cut_to: None, leave_out: 2 },
    Column { name: "WAIT", align: Align::Right, cut_to: None, leave_out: 3 },
    Column { name: "RUN", align: Align::Right, cut_to: None, leave_out: 2 },
];

pub(super) fn list(args: &ListArgs) -> Result<ExitCode, Failure> {
    args.remote.ask(async |client| {
        let mut found = Found::new(client, args).await;
        if args.json {
            print_json(&mut found).await?
        } else {
            print_table(client, &mut found).await?
        }
        Ok(ExitCode::Completed)
    })
}

/// The tasks, page by page, up to as many as are wanted.
struct Found {
    pages: Pages,
    left: u64,
    /// Whether there were more than wanted.
    more: bool,
}

impl Found {
    async fn new(client: &Client, args: &ListArgs) -> Self {
        let left = if args.all { u64::MAX } else { u64::from(args.limit) };
        // One more, to know whether there are more.
        let page = if args.all { PAGE_TASKS_MAX } else { args.limit.saturating_add(1).min(PAGE_TASKS_MAX) };
        Self {
            pages: client.pages(args.filter.filter(args.filter.now(client).await), Some(page)),
            left,
            more: false,
        }
    }

    async fn next(&mut self) -> Result<Option<Vec<TaskInfo>>, Failure> {
        if self.more {
            return Ok(None);
        }
        let Some(mut tasks) = self.pages.next().await? else { return Ok(None) };
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX);
        if tasks.len() > wanted {
            tasks.truncate(wanted);
            self.more = true;
        }
        self.left -= tasks.len() as u64;
        Ok(Some(tasks))
    }
}

/// One array, written as it comes: there may be a million tasks. If the host fails in between it has no end.
async fn print_json(found: &mut Found) -> Result<(), Failure> {
    let mut before = "[";
    while let Some(tasks) = found.next().await? {
        for task in tasks {
            if !terminal::print_part(&format!("{before}{}", json(&task)?))? {
                return Ok(());
            }
            before = ",";
        }
    }
    terminal::print(if before == "[" { "[]" } else { "]" })?;
    note_more(found);
    Ok(())
}

async fn print_table(client: &Client, found: &mut Found) -> Result<(), Failure> {
    let mut table = TaskTable::new(COLUMNS, terminal::stdout_columns());
    let mut count = 0;
    while let Some(tasks) = found.next().await? {
        let now = client.host_now();
        let rows: Vec<Row> = tasks.iter().map(|task| row(task, now)).collect();
        if rows.is_empty() {
            continue;
        }
        count += rows.len();
        if !terminal::print_styled(&table.lines(&rows).join("\n"))? {
            return Ok(());
        }
    }
    if count == 0 {
        terminal::note("no task fits");
    }
    note_more(found);
    Ok(())
}

fn note_more(found: &Found) {
    if found.more {
        terminal::note("there are more: `--limit N` or `--all` shows them");
    }
}

fn row(task: &TaskInfo, now: Timestamp) -> Row {
    let state = State::parse(&task.state);
    let (wait, run) = times(task, state, now);
    let created = Timestamp::parse(&task.created_at);
    let outcome = task.outcome.clone().filter(|outcome| *outcome != task.state);
    let cells = [
        task.task_id.clone(),
        task.job.clone(),
        if task.cancel_requested { format!("{}, cancel", task.state) } else { task.state.clone() },
        outcome.unwrap_or_default(),
        task.label.clone().unwrap_or_default(),
        created.map(|created| shown_ms(now.ms_since(created))).unwrap_or_default(),
        wait,
        run,
    ];
    Row::of(cells, state)
}

/// How long a task waited since it could have begun, and how long its newest attempt ran.
fn times(task: &TaskInfo, state: Option<State>, now: Timestamp) -> (String, String) {
    let moment = |text: &Option<String>| text.as_deref().and_then(Timestamp::parse);
    let Some(due) = Timestamp::parse(&task.run_at) else { return Default::default() };
    match (state, moment(&task.started_at)) {
        (Some(State::Queued), _) if due > now => {
            (format!("in {}", shown_ms(due.ms_since(now))), String::new())
        }
        (Some(State::Queued), _) => (shown_ms(now.ms_since(due)), String::new()),
        // Without an attempt, or after one and before the next.
        (_, None) => Default::default(),
        (_, Some(started)) if started < due => Default::default(),
        (_, Some(started)) => {
            let ended = moment(&task.finished_at).unwrap_or(now);
            (shown_ms(started.ms_since(due)), shown_ms(ended.ms_since(started)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u32) -> String {
        format!("2015-05-17T08:00:{second:02}.000Z")
    }

    fn task(state: &str, run_at: u32, started: Option<u32>, finished: Option<u32>) -> TaskInfo {
        TaskInfo {
            task_id: "t".to_owned(),
            job: "echo".to_owned(),
            revision: "sha256:0".to_owned(),
            source: "api".to_owned(),
            state: state.to_owned(),
            outcome: None,
            priority: 0,
            label: Some("a\u{1b}b".to_owned()),
            tags: Vec::new(),
            created_at: at(0),
            run_at: at(run_at),
            expires_at: None,
            started_at: started.map(at),
            finished_at: finished.map(at),
            attempt_count: 0,
            max_attempts: 5,
            cancel_requested: false,
            parent: None,
            schedule: None,
            occurrence: None,
        }
    }

    #[test]
    fn times_are_those_of_the_newest_attempt() {
        let now = Timestamp::parse(&at(30)).unwrap();
        for (task, wait, run) in [
            (task("queued", 10, None, None), "20.0s", ""),
            (task("queued", 40, Some(5), None), "in 10.0s", ""),
            (task("running", 10, Some(12), None), "2.0s", "18.0s"),
            (task("completed", 10, Some(12), Some(15)), "2.0s", "3.0s"),
            (task("cancelled", 10, None, Some(15)), "", ""),
            (task("cancelled", 20, Some(12), Some(15)), "", ""),
        ] {
            let state = State::parse(&task.state);
            assert_eq!(times(&task, state, now), (wait.to_owned(), run.to_owned()), "{task:?}");
        }
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        let row = row(&task("queued", 0, None, None), Timestamp::parse(&at(5)).unwrap());
        assert_eq!(row.cells[4], "a\\u{1b}b");
        assert_eq!(row.state, Some(State::Queued));
    }
}
