//! What goes wrong inside the database, and what it is called outside.

use super::open::OpenError;
use super::sql::Sql;
use crate::store::StoreError;
use mainworker_domain::task_id::TaskId;
use rusqlite::{Error, ErrorCode};
use std::path::{Path, PathBuf};

/// Why a verb did not work. Its transaction is rolled back.
#[derive(Debug)]
pub(super) enum Failure {
    /// The database could not.
    Sql(Error),
    /// A row says what this program never writes.
    Damaged(String),
    /// A task came with an id that another has.
    IdTaken(TaskId),
    /// A statement was asked for while it was in use: a mistake of this program.
    InUse(Sql),
    /// The database is not where it was opened: nobody would find again what is written to it.
    Moved(PathBuf),
    /// The store is closed, or its writer is gone.
    Closed,
}

impl Failure {
    /// What whoever asked is told.
    pub(super) fn to_error(&self, doing: &'static str) -> StoreError {
        match self {
            Self::Sql(error) => sql_error(doing, error),
            Self::Damaged(problem) => StoreError::Damaged { doing, problem: problem.clone() },
            Self::IdTaken(id) => {
                let problem = format!("the id {id} belongs to another task, expected a new one");
                StoreError::Failed { doing, problem }
            }
            Self::InUse(sql) => {
                StoreError::Failed { doing, problem: format!("`{}` is in use already", sql.text()) }
            }
            Self::Moved(path) => {
                let path = path.display();
                let problem =
                    format!("`{path}` is gone or another file now, expected the one that was opened");
                StoreError::Failed { doing, problem }
            }
            Self::Closed => StoreError::Closed { doing },
        }
    }
}

impl Failure {
    /// What whoever opens the store is told.
    pub(super) fn to_open_error(&self, path: &Path) -> OpenError {
        match self.to_error("open the store") {
            StoreError::Damaged { problem, .. } => OpenError::damaged(path, problem),
            error => match self {
                Self::Sql(sql) => OpenError::sql("open the store", path, sql),
                _ => OpenError::damaged(path, error.to_string()),
            },
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Sql(error)
    }
}

fn sql_error(doing: &'static str, error: &Error) -> StoreError {
    let problem = error.to_string();
    match error {
        // The columns have declared types, so only another hand can have put something else there.
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..) => StoreError::Damaged { doing, problem },
        _ => match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Full { doing, problem },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                StoreError::ReadOnly { doing, problem }
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                StoreError::Damaged { doing, problem }
            }
            _ => StoreError::Failed { doing, problem },
        },
    }
}
