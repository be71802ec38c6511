//! A connection with its statements at hand.
//!
//! The writer runs a dozen statements for each task; looking each up by its text would be a tenth of the work.

use super::failure::Failure;
use super::sql::{ALL, Sql};
use rusqlite::{CachedStatement, Connection, Params, Row};
use std::cell::{OnceCell, RefCell, RefMut};

/// See the [module](self). When it is dropped, its statements go back to the connection.
pub(super) struct Session<'c> {
    connection: &'c Connection,
    statements: [OnceCell<RefCell<CachedStatement<'c>>>; ALL.len()],
}

impl<'c> Session<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self { connection, statements: [const { OnceCell::new() }; ALL.len()] }
    }

    pub(super) fn connection(&self) -> &'c Connection {
        self.connection
    }

    /// A statement, prepared. It cannot be asked for again while it is in use.
    pub(super) fn statement(&self, sql: Sql) -> Result<RefMut<'_, CachedStatement<'c>>, Failure> {
        let Some(slot) = self.statements.get(sql.index()) else { return Err(Failure::InUse(sql)) };
        if slot.get().is_none() {
            let statement = self.connection.prepare_cached(sql.text())?;
            // It was empty just now, and no other thread has it.
            drop(slot.set(RefCell::new(statement)));
        }
        let statement = slot.get().and_then(|statement| statement.try_borrow_mut().ok());
        statement.ok_or(Failure::InUse(sql))
    }

    /// Runs a statement that answers no rows, and says how many it changed.
    pub(super) fn execute(&self, sql: Sql, params: impl Params) -> Result<usize, Failure> {
        Ok(self.statement(sql)?.execute(params)?)
    }

    /// Adds a row and says its number.
    pub(super) fn insert(&self, sql: Sql, params: impl Params) -> Result<i64, Failure> {
        Ok(self.statement(sql)?.insert(params)?)
    }

    /// The first row, if there is one.
    pub(super) fn first<T>(
        &self,
        sql: Sql,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        let mut statement = self.statement(sql)?;
        let mut rows = statement.query(params)?;
        rows.next()?.map(read).transpose()
    }

    /// Every row.
    pub(super) fn all<T>(
        &self,
        sql: Sql,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> Result<T, Failure>,
    ) -> Result<Vec<T>, Failure> {
        let mut statement = self.statement(sql)?;
        let mut rows = statement.query(params)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(read(row)?);
        }
        Ok(all)
    }
}
