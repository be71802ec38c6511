//! What people do with tasks and jobs, and what time does.

use super::change::Writing;
use super::failure::Failure;
use super::read;
use super::rows::{Row, limit, signed};
use super::sql;
use crate::verbs::cancel::{Cancel, Cancelled, CancelledTask};
use crate::verbs::expire::{Expire, Expired};
use crate::verbs::pause::Pause;
use crate::verbs::retry::{Retried, RetriedTask, Retry};
use mainworker_domain::audit::{Action, Object};
use mainworker_domain::lifecycle::{self, Timestamp};
use mainworker_domain::task_id::TaskId;
use rusqlite::params;

impl Writing<'_, '_> {
    pub(super) fn cancel(&mut self, cancel: &Cancel) -> Result<Vec<CancelledTask>, Failure> {
        cancel.tasks.iter().map(|&id| self.cancel_one(id, cancel)).collect()
    }

    fn cancel_one(&mut self, id: TaskId, cancel: &Cancel) -> Result<CancelledTask, Failure> {
        let Some(row) = self.find(id)? else {
            return Ok(CancelledTask { how: Cancelled::Unknown, job: None });
        };
        let job = Some(self.known.job(row.job)?.name.clone());
        let how = self.cancel_row(&row, cancel.now)?;
        if matches!(how, Cancelled::Now | Cancelled::Requested { .. }) {
            let object = Object::Task(id);
            self.note(cancel.now, cancel.by.as_ref(), Action::TaskCancelled, &object, None)?;
        }
        Ok(CancelledTask { how, job })
    }

    pub(super) fn cancel_row(&mut self, row: &Row, now: Timestamp) -> Result<Cancelled, Failure> {
        Ok(match lifecycle::cancel(&row.life) {
            Ok(lifecycle::Cancel::Now(transition)) => {
                self.go(row, &transition, now)?;
                Cancelled::Now
            }
            Ok(lifecycle::Cancel::Requested) => {
                self.session.execute(sql::REQUEST_CANCEL, params![row.place])?;
                if let Some(running) = self.known.running.get_mut(&row.id) {
                    running.life.cancel_requested = true;
                }
                Cancelled::Requested { attempt: row.life.attempts }
            }
            Ok(lifecycle::Cancel::Already) => Cancelled::Already,
            Err(refusal) => Cancelled::Refused(refusal),
        })
    }

    pub(super) fn retry(&mut self, retry: &Retry) -> Result<Vec<RetriedTask>, Failure> {
        retry.tasks.iter().map(|&id| self.retry_one(id, retry)).collect()
    }

    fn retry_one(&mut self, id: TaskId, retry: &Retry) -> Result<RetriedTask, Failure> {
        let Some(row) = self.find(id)? else { return Ok(RetriedTask { how: Retried::Unknown, job: None }) };
        let job = Some(self.known.job(row.job)?.name.clone());
        let how = self.retry_row(&row, retry)?;
        if how == Retried::Queued {
            self.note(retry.now, retry.by.as_ref(), Action::TaskRetried, &Object::Task(id), None)?;
        }
        Ok(RetriedTask { how, job })
    }

    fn retry_row(&mut self, row: &Row, retry: &Retry) -> Result<Retried, Failure> {
        let transition = match lifecycle::retry(&row.life, retry.delay_ms, retry.now) {
            Ok(transition) => transition,
            Err(refusal) => return Ok(Retried::Refused(refusal)),
        };
        let key: Option<Option<String>> =
            self.session.first(sql::UNIQUE_KEY, params![row.place], |columns| Ok(columns.get(0)?))?;
        // It has ended, so it does not hold its key itself.
        if let Some(Some(key)) = key
            && let Some(holder) = self.holder(row.job, &key)?
        {
            return Ok(Retried::UniqueConflict { task_id: holder.id });
        }
        self.go(row, &transition, retry.now)?;
        Ok(Retried::Queued)
    }

    pub(super) fn pause(&mut self, pause: &Pause) -> Result<(), Failure> {
        let job = match &pause.job {
            Some(name) => Some(self.known.add_job(self.session, name)?),
            None => None,
        };
        if self.known.set_paused(job, pause.paused)? {
            self.note(pause.now, pause.by.as_ref(), pause.action(), &pause.object(), None)?;
        }
        Ok(())
    }

    pub(super) fn expire(&mut self, expire: &Expire) -> Result<Vec<Expired>, Failure> {
        let bounds = params![expire.now.as_ms(), limit(expire.tasks_max)];
        let places = self.session.all(sql::PAST_EXPIRY, bounds, |row| Ok(row.get(0)?))?;
        let mut expired = Vec::with_capacity(places.len());
        for place in places {
            let Some(row) = Row::by_place(self.session, place)? else { continue };
            let Ok(transition) = lifecycle::expire(&row.life, expire.now) else { continue };
            self.go(&row, &transition, expire.now)?;
            let job = self.known.job(row.job)?.name.clone();
            expired.push(Expired { id: row.id, job });
        }
        Ok(expired)
    }

    /// Keeps a small value under a name, unless there is one; answers the one that is there.
    pub(super) fn keep(&mut self, name: &str, value: &[u8]) -> Result<Vec<u8>, Failure> {
        if let Some(kept) = read::kept(self.session, name)? {
            return Ok(kept);
        }
        self.session.execute(sql::ADD_KEPT, params![name, value])?;
        Ok(value.to_owned())
    }

    /// Writes so many bytes; [`Writing::forget_trial`] takes them away again.
    pub(super) fn try_to_write(&mut self, bytes: u64) -> Result<(), Failure> {
        self.session.execute(sql::WRITE_TRIAL, params![signed(bytes)]).map(drop)
    }

    /// In a transaction of its own: what is written and taken away in the same one never reaches the disk.
    pub(super) fn forget_trial(&mut self) -> Result<(), Failure> {
        self.session.execute(sql::REMOVE_TRIAL, []).map(drop)
    }
}
