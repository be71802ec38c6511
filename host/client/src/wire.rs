//! The shapes of the HTTP API, as JSON. The host writes them and this client reads them; they are an interface.
//!
//! Times are RFC 3339 in UTC with milliseconds. What is not known is `null`, not left out. Readers ignore fields that they
//! do not know, so that a newer host can say more.

mod access;
mod deployments;
mod description;
mod schedules;

pub use access::*;
pub use deployments::*;
pub use description::JobDescription;
pub use schedules::*;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The header with the time of a host whose clock was set (`--dev --clock`), as RFC 3339. Others send none: theirs is the time.
pub const HOST_TIME: &str = "mainworker-time";

/// `202` of `POST /v1/tasks`; `200` if the task was there already, under its idempotency key or its unique key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TaskAccepted {
    /// The task.
    pub task_id: String,
}

/// `202` of `POST /v1/tasks/batch`: in the order of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TasksAccepted {
    /// The tasks.
    pub task_ids: Vec<String>,
}

/// Why something is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorInfo {
    /// Stable.
    pub code: String,
    /// For people.
    pub message: String,
    /// What to try.
    pub hint: Option<String>,
}

/// How far an attempt has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProgressInfo {
    /// 0 to 100.
    pub percent: u8,
    /// What is being done.
    pub message: String,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct AttemptInfo {
    /// Counted from 1.
    pub number: u32,
    /// How it ended; null while it runs.
    pub outcome: Option<String>,
    /// When it began.
    pub started_at: String,
    /// When it ended.
    pub finished_at: Option<String>,
    /// Milliseconds from when it could have begun until it did.
    pub wait_ms: u64,
    /// Milliseconds that it ran.
    pub run_ms: Option<u64>,
    /// Milliseconds of processor time inside the sandbox.
    pub cpu_ms: u64,
    /// The most linear memory at a time.
    pub peak_memory_bytes: u64,
    /// HTTP calls made.
    pub http_calls: u64,
    /// Bytes of the bodies of HTTP responses.
    pub http_bytes_in: u64,
    /// Bytes of the bodies of HTTP requests.
    pub http_bytes_out: u64,
    /// Bytes of log kept.
    pub log_bytes: u64,
    /// Log lines beyond the limit, which were counted and not kept.
    pub log_lines_dropped: u64,
    /// Bytes of the result.
    pub output_bytes: u64,
    /// The module, by its digest.
    pub revision: String,
    /// Who ran it.
    pub host: String,
    /// Why it did not complete.
    pub error: Option<ErrorInfo>,
}

/// A task in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TaskInfo {
    /// Its id.
    pub task_id: String,
    /// The job.
    pub job: String,
    /// The module that was current when it was accepted, by its digest.
    pub revision: String,
    /// Who asked.
    pub source: String,
    /// `queued`, `running`, `completed`, `failed`, `cancelled` or `expired`.
    pub state: String,
    /// How its newest attempt that ended did so.
    pub outcome: Option<String>,
    /// 0 (last) to 9 (first).
    pub priority: u8,
    /// For people and filters.
    pub label: Option<String>,
    /// For filters.
    pub tags: Vec<String>,
    /// When it was accepted.
    pub created_at: String,
    /// Not to begin before.
    pub run_at: String,
    /// Not to begin at or after.
    pub expires_at: Option<String>,
    /// When its newest attempt began.
    pub started_at: Option<String>,
    /// When it ended.
    pub finished_at: Option<String>,
    /// Attempts that began.
    pub attempt_count: u32,
    /// Attempts at most.
    pub max_attempts: u32,
    /// Whether somebody wants the attempt that runs to be stopped.
    pub cancel_requested: bool,
    /// The task whose job asked for this one.
    pub parent: Option<String>,
    /// The schedule whose run it is.
    #[serde(default)]
    pub schedule: Option<String>,
    /// The moment that this run is for; null if somebody brought it about for none.
    #[serde(default)]
    pub occurrence: Option<String>,
}

/// A task: `GET /v1/tasks/{id}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Its id.
    pub task_id: String,
    /// The job.
    pub job: String,
    /// The module that was current when it was accepted, by its digest.
    pub revision: String,
    /// Who asked.
    pub source: String,
    /// `queued`, `running`, `completed`, `failed`, `cancelled` or `expired`.
    pub state: String,
    /// How its newest attempt that ended did so.
    pub outcome: Option<String>,
    /// The job's result, as the job wrote it.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub result: Option<Box<RawValue>>,
    /// Why it has none.
    pub error: Option<ErrorInfo>,
    /// How far its newest attempt has come.
    pub progress: Option<ProgressInfo>,
    /// 0 (last) to 9 (first).
    pub priority: u8,
    /// For people and filters.
    pub label: Option<String>,
    /// For filters.
    pub tags: Vec<String>,
    /// When it was accepted.
    pub created_at: String,
    /// Not to begin before.
    pub run_at: String,
    /// Not to begin at or after.
    pub expires_at: Option<String>,
    /// When its newest attempt began.
    pub started_at: Option<String>,
    /// When it ended.
    pub finished_at: Option<String>,
    /// Attempts at most.
    pub max_attempts: u32,
    /// Whether somebody wants the attempt that runs to be stopped.
    pub cancel_requested: bool,
    /// The task whose job asked for this one.
    pub parent: Option<String>,
    /// The schedule whose run it is.
    #[serde(default)]
    pub schedule: Option<String>,
    /// The moment that this run is for; null if somebody brought it about for none.
    #[serde(default)]
    pub occurrence: Option<String>,
    /// How many tasks are above it, each of which asked for the next.
    #[serde(default)]
    pub depth: u32,
    /// Who asked for it, as in the audit; null if it was the host itself, or a job.
    #[serde(default)]
    pub requested_by: Option<String>,
    /// Its attempts, the first first.
    pub attempts: Vec<AttemptInfo>,
}

/// A page of `GET /v1/tasks`, the newest task first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TaskPage {
    /// The tasks; there may be fewer than asked for, and still a next page.
    pub tasks: Vec<TaskInfo>,
    /// What `cursor=` takes for the next page; null on the last one.
    pub next_cursor: Option<String>,
}

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct LogEntry {
    /// The attempt, from 1.
    pub attempt: u32,
    /// Milliseconds since the attempt began.
    pub at_ms: u64,
    /// `trace`, `debug`, `info`, `warn`, `error` or `critical`.
    pub level: String,
    /// Which part of the job speaks; `stdout` and `stderr` for what it printed.
    pub context: String,
    /// The text.
    pub message: String,
}

/// A page of `GET /v1/tasks/{id}/log`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct LogPage {
    /// The lines.
    pub lines: Vec<LogEntry>,
    /// What `cursor=` takes for the lines after these; null when the task has ended and these were the last.
    pub next_cursor: Option<String>,
}

/// The last event of a followed log: the task has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct LogEnd {
    /// The task's state.
    pub state: String,
    /// Its outcome.
    pub outcome: Option<String>,
}

/// Answer of `POST /v1/tasks/{id}/cancel`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CancelAnswer {
    /// The task.
    pub task_id: String,
    /// `cancelled`: it is; `requested`: it runs and was told to stop; `already`: one of the two was so before.
    pub cancel: String,
}

/// Answer of `POST /v1/tasks/{id}/retry`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RetryAnswer {
    /// The task.
    pub task_id: String,
    /// `queued`.
    pub state: String,
}

/// Which tasks: the filters of `GET /v1/tasks`, as query parameters there and as JSON for bulk cancel and retry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TaskFilter {
    /// States, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// Who asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// With this label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// With this tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Runs of this schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// Accepted at or after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Accepted before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Whose newest attempt that ended did so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Whose newest attempt ran or has been running for longer, such as `90s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longer_than: Option<String>,
}

impl TaskFilter {
    /// The filters as query parameters: name and value, if it is set.
    pub fn parameters(&self) -> [(&'static str, Option<&str>); 10] {
        [
            ("state", self.state.as_deref()),
            ("job", self.job.as_deref()),
            ("source", self.source.as_deref()),
            ("label", self.label.as_deref()),
            ("tag", self.tag.as_deref()),
            ("schedule", self.schedule.as_deref()),
            ("from", self.from.as_deref()),
            ("to", self.to.as_deref()),
            ("outcome", self.outcome.as_deref()),
            ("longer-than", self.longer_than.as_deref()),
        ]
    }

    /// Whether any is set.
    pub fn is_any_set(&self) -> bool {
        self.parameters().iter().any(|(_, value)| value.is_some())
    }
}

/// `POST /v1/tasks/cancel` and `POST /v1/tasks/retry`: many at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BulkRequest {
    /// Which tasks. At least one filter has to be set.
    pub filter: TaskFilter,
    /// Count them only.
    #[serde(default)]
    pub preview: bool,
}

/// What was done to many.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct BulkAnswer {
    /// Tasks that fit the filter.
    pub matched: u64,
    /// Tasks that were changed, or whose attempts were told to stop; 0 in a preview.
    pub changed: u64,
    /// Tasks that could not be, by the code of why.
    pub refused: BTreeMap<String, u64>,
    /// Whether the time was over before all were looked at; sending the request again goes on.
    #[serde(default)]
    pub more: bool,
}

/// A job: an item of `GET /v1/jobs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct JobInfo {
    /// Its name.
    pub name: String,
    /// Its version; null if its module is not there (any more).
    pub version: Option<String>,
    /// Its module, by its digest.
    pub revision: Option<String>,
    /// What it does.
    pub summary: Option<String>,
    /// Who owns it.
    pub owner: Option<String>,
    /// What to do when it fails.
    pub runbook: Option<String>,
    /// The sources that may schedule it.
    pub schedulable_by: Vec<String>,
    /// Whether no attempt of it begins.
    pub paused: bool,
    /// How many attempts of it run at a time at the most; null for as many as there is room.
    pub max_concurrency: Option<u32>,
    /// Why its module, which is there, cannot be used; left out where it can.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<ErrorInfo>,
    /// Tasks by state.
    pub tasks: BTreeMap<String, u64>,
}

/// `GET /v1/jobs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobList {
    /// By name.
    pub jobs: Vec<JobInfo>,
    /// Whether no attempt of any job begins.
    pub paused: bool,
}

/// `GET /v1/jobs/{name}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// As in the list.
    pub job: JobInfo,
    /// Its manifest, as `job.toml` says it.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub manifest: Option<Value>,
    /// JSON Schema of its payload.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub payload_schema: Option<Value>,
    /// JSON Schema of its result.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub result_schema: Option<Value>,
}

/// Answer of pause and resume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PauseAnswer {
    /// The job; null for all of them.
    pub job: Option<String>,
    /// Whether attempts of it do not begin.
    pub paused: bool,
}

/// `GET /v1/stats`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Who this is.
    pub host: String,
    /// Its version.
    pub version: String,
    /// Since when it serves.
    pub started_at: String,
    /// What time it is there; empty from a host that does not say so.
    #[serde(default)]
    pub now: String,
    /// What a host says of itself that is for trying things out; null for any other.
    #[serde(default)]
    pub dev: Option<DevInfo>,
    /// Whether no attempt begins.
    pub paused: bool,
    /// Attempts that may run at a time.
    pub slots: u64,
    /// Attempts that run.
    pub running: Vec<RunningInfo>,
    /// Tasks by state.
    pub tasks: BTreeMap<String, u64>,
    /// Bytes of the store.
    pub store_bytes: u64,
    /// By name.
    pub jobs: Vec<JobInfo>,
}

/// A host that was started with `--dev`: nobody should rely on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct DevInfo {
    /// What its clock showed when it started, if that is not the time that it was (`--clock`).
    pub clock: Option<String>,
}

/// An attempt that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RunningInfo {
    /// The task.
    pub task_id: String,
    /// The job.
    pub job: String,
    /// The attempt, from 1.
    pub attempt: u32,
    /// Since when.
    pub started_at: String,
}

/// Problem details (RFC 9457) of every answer that is not what was asked for, as `application/problem+json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// `about:blank`: the code says more than a page would.
    #[serde(rename = "type")]
    pub kind: String,
    /// The words of the HTTP status.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Stable.
    pub code: String,
    /// What was found and expected.
    pub detail: String,
    /// Where: a JSON pointer into the envelope; for what stands beside it into the task's request (`/options/…`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pointer: Option<String>,
    /// What to try.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hint: Option<String>,
    /// Which task of a batch, from 0.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub index: Option<usize>,
}
