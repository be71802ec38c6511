//! Fire: what a look at a schedule brings about, in one transaction.
//!
//! For each run in turn: an occurrence that was decided about before is left alone, whatever clock or scheduler asks for it again.
//! Then, unless its idempotency key is that of a task that is there, [`overlap`](mainworker_domain::schedule::overlap) says whether it becomes a
//! task, on what is open of this schedule at that moment, the runs before it included. Then it is taken by the rules of
//! [`enqueue`](crate::verbs::enqueue), with one difference: there is always room, so that the run of a month's end is not lost to a queue
//! that is full on that morning.
//!
//! The scheduler itself asks on what it saw. If that is over, nothing happens: of two schedulers on one store one loses, and looks
//! anew. People bring about runs beside it: theirs do not count, move nothing on, and are wanted of a paused schedule too.

use crate::verbs::cancel::Cancelled;
use crate::verbs::enqueue::{Enqueued, How, NewTask};
use crate::verbs::schedules::{OccurrenceFate, ScheduleId, ScheduleProblem, ScheduleRow};
use mainworker_domain::audit::{Action, Actor};
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::schedule::Overlap;
use mainworker_domain::task_id::TaskId;

/// Brings about runs of one schedule.
#[derive(Clone, Debug)]
pub struct Fire {
    /// Which.
    pub schedule: ScheduleId,
    /// What was seen of it.
    pub seen: Seen,
    /// Its runs, in order.
    pub runs: Vec<Run>,
    /// What happens to one while an earlier one is not over.
    pub overlap: Overlap,
    /// Runs that fell due and are left out since they were missed. The scheduler's alone, as are the next three.
    pub dropped: u64,
    /// Up to which moment its runs are decided about with this. Before what was seen if the clock went back.
    pub evaluated_to: Timestamp,
    /// When to look again; none for never.
    pub next_at: Option<Timestamp>,
    /// Why it has no further run, in one word.
    pub ended: Option<String>,
    /// What keeps its runs from being brought about, beside what becomes of each.
    pub problem: Option<String>,
    /// When.
    pub now: Timestamp,
    /// Who wants it; none if it is the scheduler itself.
    pub by: Option<Actor>,
}

/// What was seen of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// [`ScheduleRow::revision`].
    pub revision: u64,
    /// [`ScheduleRow::evaluated_to`]. Counts for the scheduler itself.
    pub evaluated_to: Timestamp,
}

/// One run.
#[derive(Clone, Debug)]
pub struct Run {
    /// The moment that it is for; none if it is for none.
    pub occurrence: Option<Timestamp>,
    /// Its task, or why none could be made.
    pub task: Result<Box<NewTask>, String>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fired {
    /// It was decided about.
    Done(Done),
    /// The schedule is not what was seen, or paused: nothing was changed.
    Stale,
}

/// See [`Fired`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// What became of each run.
    pub fates: Vec<RunFate>,
    /// Tasks that were cancelled for them, each once.
    pub cancelled: Vec<CancelledForRun>,
}

/// What became of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunFate {
    /// There is a task for it.
    Enqueued(Enqueued),
    /// Its occurrence was decided about before.
    Known,
    /// It was left out, since an earlier run was not over.
    Overlapped,
    /// No task was taken for it.
    Refused(String),
}

/// A task that was in the way of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelledForRun {
    /// The task.
    pub id: TaskId,
    /// Its job.
    pub job: JobName,
    /// Cancelled now, or its attempt is to be told to stop.
    pub how: Cancelled,
}

impl RunFate {
    /// Whether it made a task that was not there.
    pub fn is_new(&self) -> bool {
        matches!(self, Self::Enqueued(Enqueued { how: How::New | How::Replaced(_), .. }))
    }

    /// The fate of its occurrence and the task; none if that was decided before.
    pub(crate) fn of_occurrence(&self) -> Option<(OccurrenceFate, Option<TaskId>)> {
        match self {
            Self::Known => None,
            Self::Enqueued(enqueued) => Some((OccurrenceFate::Enqueued, Some(enqueued.id))),
            Self::Overlapped => Some((OccurrenceFate::Overlapped, None)),
            Self::Refused(_) => Some((OccurrenceFate::Refused, None)),
        }
    }
}

impl Fire {
    /// What moves nothing on of a schedule as it was seen, and brings about nothing yet.
    pub fn beside(row: &ScheduleRow, now: Timestamp, by: Option<Actor>) -> Self {
        Self {
            schedule: row.id,
            seen: Seen { revision: row.revision, evaluated_to: row.evaluated_to },
            runs: Vec::new(),
            overlap: Overlap::default(),
            dropped: 0,
            evaluated_to: row.evaluated_to,
            next_at: row.next_at,
            ended: row.ended.clone(),
            problem: None,
            now,
            by,
        }
    }

    /// Whether it was asked on what is over.
    pub(crate) fn is_stale(&self, row: &ScheduleRow) -> bool {
        let another = row.revision != self.seen.revision;
        let moved_on = row.evaluated_to != self.seen.evaluated_to;
        another || (self.by.is_none() && (moved_on || row.paused))
    }

    /// The same without any run, to conclude from it.
    pub(crate) fn clone_without_runs(&self) -> Self {
        let Self { schedule, seen, overlap, dropped, evaluated_to, next_at, now, .. } = *self;
        let (ended, problem, by) = (self.ended.clone(), self.problem.clone(), self.by.clone());
        Self {
            schedule,
            seen,
            runs: Vec::new(),
            overlap,
            dropped,
            evaluated_to,
            next_at,
            ended,
            problem,
            now,
            by,
        }
    }

    /// Writes into the row what follows from the fates of its runs.
    pub(crate) fn conclude(&self, row: &mut ScheduleRow, fates: &[RunFate]) {
        let problem = fates.iter().rev().find_map(|fate| match fate {
            RunFate::Refused(message) => Some(message.clone()),
            _ => None,
        });
        if let Some(message) = problem.or_else(|| self.problem.clone()) {
            row.last_problem = Some(ScheduleProblem { at: self.now, message });
        }
        if self.by.is_none() {
            // Whatever was in the way is not any more.
            let is_over =
                self.problem.is_none() && !fates.iter().any(|fate| matches!(fate, RunFate::Refused(_)));
            if is_over && fates.iter().any(|fate| matches!(fate, RunFate::Enqueued(_))) {
                row.last_problem = None;
            }
            let made = fates.iter().filter(|fate| matches!(fate, RunFate::Enqueued(_))).count();
            row.runs = row.runs.saturating_add(u64::try_from(made).unwrap_or(u64::MAX));
            row.missed = row.missed.saturating_add(self.dropped);
            row.evaluated_to = self.evaluated_to;
            row.next_at = self.next_at;
            row.ended.clone_from(&self.ended);
        }
    }

    /// What the audit calls it, if somebody wanted it and it made a task; with how many.
    pub(crate) fn action(&self, fates: &[RunFate]) -> Option<(Action, String)> {
        let made = fates.iter().filter(|fate| fate.is_new()).count();
        let backfill = self.runs.iter().any(|run| run.occurrence.is_some());
        let action = if backfill { Action::ScheduleBackfilled } else { Action::ScheduleTriggered };
        (made > 0).then(|| (action, format!("tasks {made}")))
    }
}
