//! The report of a run, as one JSON object. Its fields are an interface.

use crate::failure::Failure;
use crate::hints;
use mainworker_domain::event::{Level, LogLine};
use mainworker_domain::outcome::{Outcome, Usage};
use mainworker_sandbox::attempt::AttemptReport;
use mainworker_sandbox::capabilities::schedule::AskedTask;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// What `mainworker run --json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The task, where the envelope became one.
    pub task_id: Option<String>,
    /// The job as named.
    pub job: Option<String>,
    /// The module's digest, where there is one.
    pub revision: Option<String>,
    /// Who is said to have asked.
    pub source: Option<String>,
    /// How it ended.
    pub outcome: &'static str,
    /// The job's result, as it wrote it.
    pub result: Option<Box<RawValue>>,
    /// What went wrong.
    pub error: Option<ReportedError>,
    /// What it cost.
    pub usage: ReportedUsage,
    /// Tasks that the job asked for.
    pub scheduled: Vec<ReportedTask>,
    /// The log.
    pub log: Vec<ReportedLine>,
}

/// A task that a job asked for: its id, and what `POST /v1/tasks` takes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportedTask {
    task_id: String,
    envelope: ReportedEnvelope,
    options: Value,
}

/// The envelope of such a task.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ReportedEnvelope {
    configuration: Value,
    job_name: String,
    source: String,
    /// As the job wrote it.
    job_payload: Option<Box<RawValue>>,
}

impl From<AskedTask> for ReportedTask {
    fn from(task: AskedTask) -> Self {
        Self {
            task_id: task.task_id,
            envelope: ReportedEnvelope {
                configuration: json!({}),
                job_name: task.job,
                source: task.source,
                // The capability checked that it is JSON.
                job_payload: RawValue::from_string(task.payload).ok(),
            },
            options: task.options.to_json(),
        }
    }
}

/// What went wrong.
#[derive(Debug, Serialize)]
pub struct ReportedError {
    /// Stable.
    pub code: String,
    /// For people.
    pub message: String,
    /// What to try.
    pub hint: Option<String>,
    /// Where in the envelope.
    pub pointer: Option<String>,
}

/// What an attempt cost. Times are rounded up to whole milliseconds, so that what took any time is not nothing.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportedUsage {
    wall_ms: u64,
    cpu_ms: u64,
    peak_memory_bytes: u64,
    http_calls: u64,
    http_bytes_in: u64,
    http_bytes_out: u64,
    log_bytes: u64,
    output_bytes: u64,
}

/// A line of the log.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportedLine {
    at_ms: u64,
    level: &'static str,
    context: String,
    message: String,
}

impl From<&Usage> for ReportedUsage {
    fn from(usage: &Usage) -> Self {
        Self {
            wall_ms: usage.wall_us.div_ceil(1_000),
            cpu_ms: usage.cpu_us.div_ceil(1_000),
            peak_memory_bytes: usage.peak_memory_bytes,
            http_calls: usage.http_calls,
            http_bytes_in: usage.http_bytes_in,
            http_bytes_out: usage.http_bytes_out,
            log_bytes: usage.log_bytes,
            output_bytes: usage.output_bytes,
        }
    }
}

impl From<LogLine> for ReportedLine {
    fn from(line: LogLine) -> Self {
        Self { at_ms: line.at_ms, level: line.level.as_str(), context: line.context, message: line.message }
    }
}

/// What is known of a run before it ends.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The task, where the envelope became one.
    pub task_id: Option<String>,
    /// The job as named.
    pub job: Option<String>,
    /// The module's digest, where there is one.
    pub revision: Option<String>,
    /// Who is said to have asked.
    pub source: Option<String>,
    /// Who is told of the job's failures.
    pub owner: Option<String>,
    /// Where it says what to do about them.
    pub runbook: Option<String>,
    /// The mounts that it was given.
    pub mounts: Vec<String>,
}

impl Report {
    /// Of a run that did not come to an attempt.
    pub fn of_failure(known: Known, failure: &Failure) -> Self {
        let error = ReportedError {
            code: failure.code.clone(),
            message: failure.message.clone(),
            hint: failure.hint.clone(),
            pointer: failure.pointer.clone(),
        };
        Self::new(known, failure.outcome, None, Some(error), &Usage::default(), Vec::new())
    }

    /// Of an attempt.
    pub fn of_attempt(known: Known, attempt: AttemptReport) -> Self {
        let outcome = attempt.end.outcome();
        let job = known.job.clone().unwrap_or_default();
        let error = attempt.end.code().map(|code| ReportedError {
            code: code.to_owned(),
            message: attempt.end.message(),
            hint: hints::of_attempt(
                &attempt,
                &job,
                &known.mounts,
                known.owner.as_deref(),
                known.runbook.as_deref(),
            ),
            pointer: None,
        });
        let result = match attempt.end {
            // The attempt checked that it is JSON.
            mainworker_domain::outcome::AttemptEnd::Completed { result } => {
                RawValue::from_string(result).ok()
            }
            _ => None,
        };
        let report = Self::new(known, outcome, result, error, &attempt.usage, attempt.log);
        Self { scheduled: attempt.scheduled.into_iter().map(ReportedTask::from).collect(), ..report }
    }

    fn new(
        known: Known,
        outcome: Outcome,
        result: Option<Box<RawValue>>,
        error: Option<ReportedError>,
        usage: &Usage,
        log: Vec<LogLine>,
    ) -> Self {
        Self {
            task_id: known.task_id,
            job: known.job,
            revision: known.revision,
            source: known.source,
            outcome: outcome.as_str(),
            result,
            error,
            usage: usage.into(),
            scheduled: Vec::new(),
            log: log.into_iter().map(ReportedLine::from).chain(left_out(usage)).collect(),
        }
    }
}

/// A last line where the log is not all that the job said.
fn left_out(usage: &Usage) -> Option<ReportedLine> {
    let count = usage.log_lines_dropped;
    (count > 0).then(|| ReportedLine {
        at_ms: usage.wall_us / 1_000,
        level: Level::Warn.as_str(),
        context: "host".to_owned(),
        message: format!("{count} further lines were not kept: the log is at its limit"),
    })
}
