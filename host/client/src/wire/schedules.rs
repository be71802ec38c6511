//! Schedules, as they go over the wire.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// A schedule: an item of `GET /v1/schedules`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ScheduleInfo {
    /// Its name.
    pub name: String,
    /// The file that owns it, by the name of its set; null if it is managed by itself.
    pub set: Option<String>,
    /// The job.
    pub job: String,
    /// At which times, for people: ``cron `0 6 1 * *` Europe/Berlin``, `every 5m`, `once at 2015-05-17T08:05:32.000Z`.
    pub when: String,
    /// One line for people.
    pub summary: Option<String>,
    /// Of its definition, from 1.
    pub revision: u64,
    /// Whether it stands still.
    pub paused: bool,
    /// Its next run by itself; null if there is none, or it stands still.
    pub next_at: Option<String>,
    /// Runs at their times that became tasks by themselves.
    pub runs: u64,
    /// Runs that fell due and were left out since they were missed.
    pub missed: u64,
    /// Why it has no further run: `once`, `end-at` or `run-times`.
    pub ended: Option<String>,
    /// What keeps its runs from being brought about, or why one was refused; null once one was brought about again.
    pub last_problem: Option<ScheduleProblemInfo>,
    /// When it was created.
    pub created_at: String,
    /// When its definition was changed last.
    pub changed_at: String,
}

/// What was wrong with a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScheduleProblemInfo {
    /// When.
    pub at: String,
    /// What.
    pub message: String,
}

/// `GET /v1/schedules`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScheduleList {
    /// By name.
    pub schedules: Vec<ScheduleInfo>,
}

/// `GET /v1/schedules/{name}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Schedule {
    /// As in the list.
    pub schedule: ScheduleInfo,
    /// What it says.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub definition: Box<RawValue>,
    /// The newest runs that were decided about, the latest first.
    pub occurrences: Vec<OccurrenceInfo>,
    /// Its tasks that run.
    pub running: u64,
    /// Its tasks that wait.
    pub queued: u64,
}

/// What became of one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct OccurrenceInfo {
    /// The moment that it is for.
    pub at: String,
    /// `enqueued`; `overlapped`: left out since an earlier run was not over; `refused`: no task was taken for it.
    pub fate: String,
    /// Its task, as long as that is kept.
    pub task_id: Option<String>,
    /// Where that stands.
    pub state: Option<String>,
    /// How its newest attempt that ended did so.
    pub outcome: Option<String>,
}

/// `GET /v1/schedules/{name}/next`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NextTimes {
    /// The times of the next runs, before any jitter; fewer than asked for if there are no more.
    pub times: Vec<String>,
    /// On whose clock they are meant.
    pub zone: String,
}

/// `POST /v1/schedules/apply`: all schedules of one set.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApplyRequest {
    /// Who owns them. Those that this set owns and that are not in `schedules` are deleted.
    pub set: String,
    /// Their definitions by name.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, Object>))]
    pub schedules: BTreeMap<String, Box<RawValue>>,
    /// Only say what would be done.
    #[serde(default)]
    pub preview: bool,
    /// Those that the set owned when the difference was shown, with their revisions: if they are others by now, nothing is
    /// applied (`schedule_changed`). Null for whatever there is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seen: Option<BTreeMap<String, u64>>,
}

/// Answer of `POST /v1/schedules/apply`, and of what changes one schedule.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApplyAnswer {
    /// Whether it was done, rather than only said.
    pub applied: bool,
    /// What there is to be, by name, then what there is not to be.
    pub changes: Vec<ChangeInfo>,
}

/// What is done to one schedule.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChangeInfo {
    /// Its name.
    pub name: String,
    /// `created`, `changed`, `unchanged` or `deleted`.
    pub change: String,
    /// The revision that was found; null if there was none.
    pub revision: Option<u64>,
    /// What it said; null if it is new.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub before: Option<Box<RawValue>>,
    /// What it says; null if it is deleted.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub after: Option<Box<RawValue>>,
    /// Whether its times begin anew, so that intervals are counted from now and nothing before now runs.
    pub restarts: bool,
    /// Its next run by itself.
    pub next_at: Option<String>,
}

/// Answer of pausing and resuming a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SchedulePauseAnswer {
    /// Its name.
    pub schedule: String,
    /// Whether it stands still.
    pub paused: bool,
}

/// Answer of `POST /v1/schedules/{name}/trigger`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TriggerAnswer {
    /// `enqueued`, or `overlapped`: left out since an earlier run is not over.
    pub fate: String,
    /// Its task.
    pub task_id: Option<String>,
}

/// `POST /v1/schedules/{name}/backfill`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BackfillRequest {
    /// From when, that moment included.
    pub from: String,
    /// Until when, that moment not included; at most now.
    pub to: String,
    /// Only say which runs there would be.
    #[serde(default)]
    pub preview: bool,
}

/// Its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BackfillAnswer {
    /// Whether it was done, rather than only said.
    pub applied: bool,
    /// The runs, in order.
    pub runs: Vec<BackfilledInfo>,
}

/// What became of one run that is made up for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct BackfilledInfo {
    /// The moment that it is for.
    pub at: String,
    /// `enqueued`, `overlapped`, `refused`; `known`: it was decided about before; in a preview `due`.
    pub fate: String,
    /// Its task.
    pub task_id: Option<String>,
    /// Why it was refused.
    pub problem: Option<String>,
}
