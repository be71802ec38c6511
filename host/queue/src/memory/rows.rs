//! The rows of tasks and of jobs, and the one way in which a task's row changes its state.

use crate::attempt::{Held, Lease};
use crate::verbs::deployments::{Current, HistoryEntry, RevisionRow};
use crate::verbs::enqueue::{Idempotency, NewTask};
use crate::verbs::log::LogPlace;
use crate::verbs::schedules::{OccurrenceFate, ScheduleId, ScheduleRow};
use crate::verbs::task::AttemptView;
use crate::verbs::tokens::TokenRow;
use mainworker_domain::audit::{Actor, AuditEntry};
use mainworker_domain::digest::Digest;
use mainworker_domain::event::{LogLine, Progress};
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{State, Task, Timestamp, Transition};
use mainworker_domain::schedule::ScheduleName;
use mainworker_domain::task_id::TaskId;
use std::collections::BTreeMap;

/// All that is stored.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    /// By their places, which begin at 1 and are never used again.
    pub(super) tasks: BTreeMap<u64, TaskRow>,
    /// The place of the task that was accepted last.
    pub(super) last_place: u64,
    /// All that ever had a task, were paused or were deployed.
    pub(super) jobs: BTreeMap<JobName, JobRow>,
    /// Whether no attempt at all may begin.
    pub(super) paused: bool,
    /// In the order in which they were made.
    pub(super) tokens: Vec<TokenRow>,
    /// By their numbers, which begin at 1 and are never used again.
    pub(super) audit: BTreeMap<u64, AuditEntry>,
    /// The number of the entry that was written last.
    pub(super) last_entry: u64,
    pub(super) schedules: BTreeMap<ScheduleId, ScheduleRow>,
    /// The number of the schedule that was created last.
    pub(super) last_schedule: u64,
    /// What was decided about, with the task.
    pub(super) occurrences: BTreeMap<(ScheduleId, Timestamp), (OccurrenceFate, Option<TaskId>)>,
    /// The revisions that are kept.
    pub(super) revisions: BTreeMap<(JobName, Digest), KeptRevision>,
    /// Which of them are current.
    pub(super) deployments: BTreeMap<JobName, DeploymentRow>,
    /// What was done, by numbers, which begin at 1 and are never used again.
    pub(super) history: BTreeMap<u64, (JobName, HistoryEntry)>,
    /// The number of what was done last.
    pub(super) last_change: u64,
}

/// A revision that is kept.
#[derive(Clone, Debug)]
pub(super) struct KeptRevision {
    /// But for its tasks, which are counted when somebody asks.
    pub(super) row: RevisionRow,
    /// The number of the change that made it current last.
    pub(super) change: u64,
}

/// Which revision of a job is current.
#[derive(Clone, Debug)]
pub(super) struct DeploymentRow {
    pub(super) current: Current,
    pub(super) since: Timestamp,
    pub(super) by: Actor,
}

/// Which schedule a task is of.
#[derive(Clone, Debug)]
pub(super) struct Scheduled {
    pub(super) name: ScheduleName,
    pub(super) occurrence: Option<Timestamp>,
}

/// One job.
#[derive(Clone, Debug, Default)]
pub(super) struct JobRow {
    pub(super) paused: bool,
    /// What its newest task says.
    pub(super) concurrency_max: Option<u32>,
    /// What its newest task with a concurrency key says.
    pub(super) key_running_max: Option<u32>,
}

/// One task.
#[derive(Clone, Debug)]
pub(super) struct TaskRow {
    /// As it was accepted, but for a configuration that was deleted.
    pub(super) accepted: NewTask,
    pub(super) scheduled: Option<Scheduled>,
    pub(super) created_at: Timestamp,
    /// What decides about it; where it names the same as `accepted`, this is how it stands.
    pub(super) life: Task,
    /// Whether it was seen to be due since it was queued. It stays so if the clock goes back.
    pub(super) ready: bool,
    /// Of the attempt that runs; none in every other state.
    pub(super) lease: Option<LeaseRow>,
    pub(super) finished_at: Option<Timestamp>,
    pub(super) result: Option<String>,
    /// Of the newest attempt.
    pub(super) progress: Option<Progress>,
    /// The first first; while the task runs, the last is the one that does.
    pub(super) attempts: Vec<AttemptView>,
    pub(super) log: BTreeMap<LogPlace, LogLine>,
}

/// The right to an attempt, and when it ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeaseRow {
    pub(super) lease: Lease,
    pub(super) until: Timestamp,
}

impl TaskRow {
    /// Writes a transition down. What its verb adds, such as the lease of a claim, comes after.
    pub(super) fn go(&mut self, transition: &Transition, now: Timestamp) {
        self.life = self.life.after(transition);
        self.ready = self.life.is_due(now);
        self.lease = None;
        self.finished_at = self.life.state.is_terminal().then_some(now);
        if transition.deletes_configuration() {
            self.accepted.configuration = None;
        }
    }

    /// Its job and its concurrency key.
    pub(super) fn key(&self) -> Option<(JobName, String)> {
        let key = self.accepted.concurrency_key.as_ref()?;
        Some((self.accepted.job.clone(), key.key.clone()))
    }

    /// The attempt that runs.
    pub(super) fn held(&self) -> Option<Held> {
        let lease = self.lease?.lease;
        Some(Held { task: self.accepted.id, attempt: self.life.attempts, lease })
    }

    /// Whether it is a task of this schedule.
    pub(super) fn is_of(&self, schedule: &ScheduleName) -> bool {
        self.scheduled.as_ref().is_some_and(|scheduled| scheduled.name == *schedule)
    }

    /// Whether it holds the unique key `key`.
    pub(super) fn holds(&self, key: &str) -> bool {
        let its_key = self.accepted.unique.as_ref().is_some_and(|unique| unique.key == key);
        its_key && self.life.state.holds_unique_key()
    }
}

impl Rows {
    pub(super) fn find(&self, id: TaskId) -> Option<&TaskRow> {
        self.tasks.values().find(|row| row.accepted.id == id)
    }

    pub(super) fn find_mut(&mut self, id: TaskId) -> Option<&mut TaskRow> {
        self.tasks.values_mut().find(|row| row.accepted.id == id)
    }

    /// The task whose running attempt is exactly this one: anything else that names it is stale.
    pub(super) fn find_held(&mut self, held: Held) -> Option<&mut TaskRow> {
        self.find_mut(held.task).filter(|row| row.held() == Some(held))
    }

    /// The task that has an idempotency key of this source.
    pub(super) fn known(&self, source: &str, idempotency: &Idempotency) -> Option<&TaskRow> {
        self.tasks.values().find(|row| {
            let its_key = row.accepted.idempotency.as_ref().map(|idempotency| idempotency.key.as_str());
            row.accepted.source == source && its_key == Some(idempotency.key.as_str())
        })
    }

    /// The task of this job that holds a unique key.
    pub(super) fn holder(&self, job: &JobName, key: &str) -> Option<&TaskRow> {
        self.tasks.values().find(|row| row.accepted.job == *job && row.holds(key))
    }

    /// How many tasks are queued or running.
    pub(super) fn open(&self) -> u64 {
        let open = self.tasks.values().filter(|row| !row.life.state.is_terminal());
        u64::try_from(open.count()).unwrap_or(u64::MAX)
    }

    pub(super) fn running(&self) -> Vec<Held> {
        self.tasks.values().filter_map(TaskRow::held).collect()
    }

    /// How many attempts of each concurrency key run.
    pub(super) fn running_by_key(&self) -> BTreeMap<(JobName, String), u32> {
        let mut running = BTreeMap::new();
        for row in self.tasks.values().filter(|row| row.life.state == State::Running) {
            if let Some(key) = row.key() {
                *running.entry(key).or_default() += 1;
            }
        }
        running
    }

    /// How many attempts of each job run.
    pub(super) fn running_by_job(&self) -> BTreeMap<JobName, u32> {
        let mut running = BTreeMap::new();
        for row in self.tasks.values().filter(|row| row.life.state == State::Running) {
            *running.entry(row.accepted.job.clone()).or_default() += 1;
        }
        running
    }
}
