//! Concurrency keys: which tasks are ready although others of their key run.
//!
//! A claim that meets a task whose key has as many attempts running as it may puts it into `blocked`, so that no later claim looks at
//! it. What holds between any two steps: **if a key has room and blocked tasks, one that is before all of them is ready.** So
//! each step that makes room, or takes such a one away, makes the first of the blocked ready; and each that is ready and finds
//! room is followed by the next.

use super::begin::Position;
use super::change::Writing;
use super::failure::Failure;
use super::rows::Row;
use super::sql;
use rusqlite::params;

impl Writing<'_, '_> {
    /// The concurrency key of a task, if it has one.
    pub(super) fn key(&self, place: i64) -> Result<Option<String>, Failure> {
        self.session.first(sql::CONCURRENCY_KEY, params![place], |row| Ok(row.get(0)?))
    }

    /// Takes a task that is ready out of the way: its key has no room.
    pub(super) fn block(&self, job: i64, key: &str, (order_key, place): Position) -> Result<(), Failure> {
        self.session.execute(sql::ADD_BLOCKED, params![job, key, order_key, place])?;
        Ok(())
    }

    /// Makes the first blocked task of a key ready, if the key has room.
    pub(super) fn unblock(&mut self, job: i64, key: &str) -> Result<(), Failure> {
        if self.known.is_key_full(job, key)? {
            return Ok(());
        }
        let first = self.session.first(sql::FIRST_BLOCKED, params![job, key], |row| {
            Ok::<Position, _>((row.get(0)?, row.get(1)?))
        })?;
        if let Some((order_key, place)) = first {
            self.session.execute(sql::REMOVE_BLOCKED, params![job, key, order_key, place])?;
            self.session.execute(sql::ADD_READY, params![job, order_key, place])?;
            self.known.unblocked.push((order_key, place));
        }
        Ok(())
    }

    /// Writes down how many attempts of one key of a job may run, as its newest task with a key says.
    pub(super) fn set_key_running_max(&mut self, job: i64, running_max: u32) -> Result<(), Failure> {
        // A key that had room before has a ready task already.
        for key in self.known.set_key_running_max(job, running_max)? {
            self.unblock(job, &key)?;
        }
        Ok(())
    }

    /// Follows a queued task of a key out of the rows that its state has. `ready` says whether it was in that one.
    pub(super) fn leave_key(&mut self, row: &Row, ready: bool) -> Result<(), Failure> {
        let Some(key) = self.key(row.place)? else { return Ok(()) };
        if ready {
            return self.unblock(row.job, &key);
        }
        let order_key = row.life.order_key.as_i64();
        self.session.execute(sql::REMOVE_BLOCKED, params![row.job, key, order_key, row.place])?;
        Ok(())
    }
}
