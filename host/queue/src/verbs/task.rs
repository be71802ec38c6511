//! What can be seen of one task. Never its configuration.

use crate::attempt::AttemptError;
use mainworker_domain::audit::Actor;
use mainworker_domain::digest::Digest;
use mainworker_domain::event::Progress;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::outcome::{Outcome, Usage};
use mainworker_domain::schedule::ScheduleName;
use mainworker_domain::task_id::TaskId;

/// A task without its attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskSummary {
    /// Its id.
    pub id: TaskId,
    /// Its place in the order of acceptance; larger is later.
    pub place: u64,
    /// The job.
    pub job: JobName,
    /// Who asked.
    pub source: String,
    /// The module that was current when it was accepted.
    pub revision: Digest,
    /// Where it stands.
    pub state: State,
    /// The word beside the state: how its newest attempt that ended did so, or `cancelled`; none after a retry by hand.
    pub outcome: Option<Outcome>,
    /// 0 (last) to 9 (first).
    pub priority: u8,
    /// For people and filters.
    pub label: Option<String>,
    /// For filters, in the order they were given.
    pub tags: Vec<String>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Not to begin before.
    pub run_at: Timestamp,
    /// Not to begin at or after.
    pub expires_at: Option<Timestamp>,
    /// When its newest attempt began.
    pub started_at: Option<Timestamp>,
    /// When it came to a terminal state.
    pub finished_at: Option<Timestamp>,
    /// Attempts that began.
    pub attempts: u32,
    /// Attempts at most, not counting those that the policy does not count.
    pub max_attempts: u32,
    /// Whether somebody wants the attempt that runs to be stopped.
    pub cancel_requested: bool,
    /// The task whose job asked for this one.
    pub parent: Option<TaskId>,
    /// The schedule whose run it is.
    pub schedule: Option<ScheduleName>,
    /// The moment that this run is for; none if somebody brought it about for none.
    pub occurrence: Option<Timestamp>,
}

/// A task with its attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskView {
    /// The task.
    pub summary: TaskSummary,
    /// How many tasks are above it, each of which asked for the next.
    pub depth: u32,
    /// Who asked for it; none if it was the host itself, or a job.
    pub requested_by: Option<Actor>,
    /// Its result: JSON text, if it is completed.
    pub result: Option<String>,
    /// How far its newest attempt has come.
    pub progress: Option<Progress>,
    /// Its attempts, the first first; one that runs included.
    pub attempts: Vec<AttemptView>,
}

impl TaskView {
    /// Why the task has no result: the error of its newest attempt that ended, unless it is completed.
    pub fn error(&self) -> Option<&AttemptError> {
        if self.summary.state == State::Completed {
            return None;
        }
        self.attempts.iter().rev().find(|attempt| attempt.outcome.is_some())?.error.as_ref()
    }
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptView {
    /// Counted from 1.
    pub number: u32,
    /// How it ended; none while it runs.
    pub outcome: Option<Outcome>,
    /// When it began; while it runs, when it was claimed.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Milliseconds from when it could have begun until it did.
    pub wait_ms: u64,
    /// What it cost; nothing while it runs, or if it was lost.
    pub usage: Usage,
    /// The module that ran or was to run.
    pub revision: Digest,
    /// Who ran it.
    pub host: String,
    /// Why it did not complete.
    pub error: Option<AttemptError>,
}

impl AttemptView {
    /// Milliseconds that it ran; none while it does.
    pub fn run_ms(&self) -> Option<u64> {
        self.finished_at.map(|finished_at| finished_at.ms_since(self.started_at))
    }
}
