//! The one way in which a task's rows change with its state. A claim alone has another, shorter one.

use super::failure::Failure;
use super::known::{Known, Running};
use super::rows::{Row, configuration_code, outcome_code, state_code};
use super::session::Session;
use super::sql;
use mainworker_domain::lifecycle::{SealedConfiguration, State, Task, Timestamp, Transition};
use mainworker_domain::task_id::TaskId;
use rusqlite::params;

/// What a verb has in hand while its transaction is open.
pub(super) struct Writing<'w, 'c> {
    pub(super) session: &'w Session<'c>,
    pub(super) known: &'w mut Known,
}

impl Writing<'_, '_> {
    /// A task as it stands.
    pub(super) fn find(&self, id: TaskId) -> Result<Option<Row>, Failure> {
        match self.known.running.get(&id) {
            Some(running) => Ok(Some(running.row(id))),
            None => Row::by_id(self.session, id),
        }
    }

    /// The task that holds a unique key of a job, as it stands.
    pub(super) fn holder(&self, job: i64, key: &str) -> Result<Option<Row>, Failure> {
        let row = self.session.first(sql::ROW_BY_UNIQUE_KEY, params![job, key], Row::read)?;
        Ok(row.map(|row| self.known.running.get(&row.id).map_or(row, |running| running.row(row.id))))
    }

    /// Writes a transition down, and answers with the task after it.
    pub(super) fn go(&mut self, row: &Row, transition: &Transition, now: Timestamp) -> Result<Task, Failure> {
        let after = row.life.after(transition);
        self.leave(row)?;
        self.session.execute(
            sql::WRITE_TASK,
            params![
                row.place,
                state_code(after.state),
                outcome_code(after.outcome),
                after.attempts,
                after.tally.attempts,
                after.tally.losses,
                after.tally.module_unavailable,
                after.run_at.as_ms(),
                after.order_key.as_i64(),
                after.expires_at.map(Timestamp::as_ms),
                now.as_ms(),
                configuration_code(after.configuration),
            ],
        )?;
        self.index(row, &after)?;
        if transition.deletes_configuration() && row.life.configuration == SealedConfiguration::Kept {
            self.session.execute(sql::CLEAR_CONFIGURATION, params![row.place])?;
        }
        if after.state == State::Queued {
            self.enter(row.place, row.job, &after, now)?;
        }
        self.known.count(row.job, row.revision, Some(row.life.state), Some(after.state))?;
        Ok(after)
    }

    /// Keeps up the rows by which a task is found that few tasks have.
    fn index(&self, row: &Row, after: &Task) -> Result<(), Failure> {
        let before = &row.life;
        if before.outcome != after.outcome {
            if let code @ 2.. = outcome_code(before.outcome) {
                self.session.execute(sql::REMOVE_OUTCOME, params![code, row.place])?;
            }
            if let code @ 2.. = outcome_code(after.outcome) {
                self.session.execute(sql::ADD_OUTCOME, params![code, row.place])?;
            }
        }
        let expires_at =
            |life: &Task| life.expires_at.filter(|_| !life.state.is_terminal()).map(Timestamp::as_ms);
        if let (Some(expires_at), None) = (expires_at(before), expires_at(after)) {
            self.session.execute(sql::REMOVE_EXPIRY, params![expires_at, row.place])?;
        }
        match (before.state.holds_unique_key(), after.state.holds_unique_key()) {
            (true, false) if row.unique => {
                self.session.execute(sql::LET_GO_OF_UNIQUE_KEY, params![row.job, row.place])?;
            }
            (false, true) if row.unique => {
                self.session.execute(sql::HOLD_UNIQUE_KEY, params![row.job, row.place])?;
            }
            _ => {}
        }
        match (before.state.is_terminal(), after.state.is_terminal()) {
            (false, true) if row.beside.scheduled() => {
                self.session.execute(sql::CLOSE_RUN, params![row.place])?;
            }
            (true, false) if row.beside.scheduled() => {
                self.session.execute(sql::OPEN_RUN, params![row.place])?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes a task out of the rows that its state has beside its own.
    fn leave(&mut self, row: &Row) -> Result<(), Failure> {
        match row.life.state {
            State::Queued => {
                let (run_at, order_key) = (row.life.run_at.as_ms(), row.life.order_key.as_i64());
                let ready =
                    self.session.execute(sql::REMOVE_READY, params![row.job, order_key, row.place])? > 0;
                let found =
                    ready || self.session.execute(sql::REMOVE_WAITING, params![run_at, row.place])? > 0;
                if row.beside.keyed() && (ready || !found) {
                    self.leave_key(row, ready)?;
                }
            }
            State::Running => {
                self.session.execute(sql::REMOVE_LEASE, params![row.place])?;
                if let Some(key) = self.known.end(row.id) {
                    self.unblock(row.job, &key)?;
                }
            }
            State::Completed | State::Failed | State::Cancelled | State::Expired => {}
        }
        Ok(())
    }

    /// Puts a queued task among those that are ready, or those that wait until they are due.
    pub(super) fn enter(&self, place: i64, job: i64, life: &Task, now: Timestamp) -> Result<(), Failure> {
        let (run_at, order_key) = (life.run_at.as_ms(), life.order_key.as_i64());
        if life.is_due(now) {
            self.session.execute(sql::ADD_READY, params![job, order_key, place])?;
        } else {
            self.session.execute(sql::ADD_WAITING, params![run_at, place, job, order_key])?;
        }
        Ok(())
    }
}

impl Running {
    /// Its task.
    pub(super) fn row(&self, id: TaskId) -> Row {
        Row {
            place: self.place,
            id,
            job: self.job,
            source: self.source,
            revision: self.revision,
            memory_bytes_max: self.memory_bytes_max,
            unique: self.unique,
            beside: self.beside,
            life: self.life,
        }
    }
}
