//! What people do with tasks and jobs, and what time does.

use super::rows::{Rows, TaskRow};
use crate::verbs::cancel::{Cancel, Cancelled, CancelledTask};
use crate::verbs::expire::{Expire, Expired};
use crate::verbs::pause::Pause;
use crate::verbs::retry::{Retried, RetriedTask, Retry};
use mainworker_domain::audit::{Action, Object};
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{self, Timestamp, Transition};
use mainworker_domain::task_id::TaskId;

impl Rows {
    pub(super) fn cancel(&mut self, cancel: &Cancel) -> Vec<CancelledTask> {
        let one = |&id| {
            let how = self.cancel_one(id, cancel.now);
            if matches!(how, Cancelled::Now | Cancelled::Requested { .. }) {
                self.note(cancel.now, cancel.by.as_ref(), Action::TaskCancelled, Object::Task(id), None);
            }
            CancelledTask { how, job: self.job_of(id) }
        };
        cancel.tasks.iter().map(one).collect()
    }

    fn job_of(&self, id: TaskId) -> Option<JobName> {
        self.find(id).map(|row| row.accepted.job.clone())
    }

    pub(super) fn cancel_one(&mut self, id: TaskId, now: Timestamp) -> Cancelled {
        let Some(row) = self.find_mut(id) else { return Cancelled::Unknown };
        match lifecycle::cancel(&row.life) {
            Ok(lifecycle::Cancel::Now(transition)) => {
                row.go(&transition, now);
                Cancelled::Now
            }
            Ok(lifecycle::Cancel::Requested) => {
                row.life.cancel_requested = true;
                Cancelled::Requested { attempt: row.life.attempts }
            }
            Ok(lifecycle::Cancel::Already) => Cancelled::Already,
            Err(refusal) => Cancelled::Refused(refusal),
        }
    }

    pub(super) fn retry(&mut self, retry: &Retry) -> Vec<RetriedTask> {
        let one = |&id| {
            let how = self.retry_one(id, retry);
            if how == Retried::Queued {
                self.note(retry.now, retry.by.as_ref(), Action::TaskRetried, Object::Task(id), None);
            }
            RetriedTask { how, job: self.job_of(id) }
        };
        retry.tasks.iter().map(one).collect()
    }

    fn retry_one(&mut self, id: TaskId, retry: &Retry) -> Retried {
        let Some(row) = self.find(id) else { return Retried::Unknown };
        let transition = match lifecycle::retry(&row.life, retry.delay_ms, retry.now) {
            Ok(transition) => transition,
            Err(refusal) => return Retried::Refused(refusal),
        };
        // It has ended, so it does not hold its key itself.
        if let Some(unique) = &row.accepted.unique
            && let Some(holder) = self.holder(&row.accepted.job, &unique.key)
        {
            return Retried::UniqueConflict { task_id: holder.accepted.id };
        }
        if let Some(row) = self.find_mut(id) {
            row.go(&transition, retry.now);
        }
        Retried::Queued
    }

    pub(super) fn pause(&mut self, pause: &Pause) {
        let paused = match &pause.job {
            None => &mut self.paused,
            Some(job) => &mut self.jobs.entry(job.clone()).or_default().paused,
        };
        if std::mem::replace(paused, pause.paused) != pause.paused {
            self.note(pause.now, pause.by.as_ref(), pause.action(), pause.object(), None);
        }
    }

    pub(super) fn expire(&mut self, expire: &Expire) -> Vec<Expired> {
        let mut over: Vec<_> = self
            .tasks
            .iter_mut()
            .filter_map(|(&place, row)| {
                let transition = lifecycle::expire(&row.life, expire.now).ok()?;
                Some(((row.life.expires_at, place), transition, row))
            })
            .collect();
        over.sort_by_key(|&(order, ..)| order);
        over.truncate(expire.tasks_max);
        over.into_iter().map(|(_, transition, row)| row.expire(&transition, expire.now)).collect()
    }
}

impl TaskRow {
    /// Writes down that it came too late.
    pub(super) fn expire(&mut self, transition: &Transition, now: Timestamp) -> Expired {
        self.go(transition, now);
        Expired { id: self.accepted.id, job: self.accepted.job.clone() }
    }
}
