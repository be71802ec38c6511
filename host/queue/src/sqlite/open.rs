//! From a folder to a database that is ours, whole, and of the schema that this program knows.
//!
//! A new database is made under another name and gets its own when it is complete, so that a crash never leaves half of
//! one. Whose file it is stands in its first hundred bytes and is looked at before SQLite touches it: another program's
//! database is not even recovered.

use super::schema::{APPLICATION_ID, STEPS, version};
use super::sql;
use mainworker_domain::lifecycle::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, Error, ErrorCode, OpenFlags, params};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The name of the database in the data folder.
pub(super) const DATABASE_FILE: &str = "queue.sqlite3";
/// What it is called until it is complete.
const UNFINISHED_FILE: &str = "queue.sqlite3.new";
/// What every SQLite database begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Where the application's id stands in the first bytes.
const APPLICATION_ID_AT: usize = 68;
/// Where the schema's version stands in the first bytes.
const USER_VERSION_AT: usize = 60;
/// For a lock that another program holds, such as somebody's `sqlite3`: no host has one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a store could not be opened. Nothing was changed, unless it says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another host has it, or this one has it already.
    #[error(
        "open the store in `{}`: it is in use by {}, expected nobody",
        folder.display(),
        pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
    )]
    InUse {
        /// The data folder.
        folder: PathBuf,
        /// Who has it, if that is known.
        pid: Option<u32>,
    },
    /// The file is no SQLite database.
    #[error("open the store `{}`: found {found}, expected an SQLite database", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
        /// How it begins.
        found: String,
    },
    /// The file is the database of something else.
    #[error(
        "open the store `{}`: found a database with the application id {found:#010x}, expected {expected:#010x}",
        path.display()
    )]
    AnotherProgram {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: u32,
        /// Ours.
        expected: u32,
    },
    /// The file was written by a newer version of this program.
    #[error("open the store `{}`: found schema {found}, expected at most {expected}", path.display())]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest that this program knows.
        expected: u32,
    },
    /// The file is ours and is not whole.
    #[error("open the store `{}`: found it damaged: {found}, expected a database of schema {expected}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        found: String,
        /// The schema that it should have.
        expected: u32,
    },
    /// The folder or a file in it cannot be written.
    #[error("{doing}: `{}` cannot be written: {problem}", path.display())]
    ReadOnly {
        /// What was being done.
        doing: &'static str,
        /// The folder or the file.
        path: PathBuf,
        /// As the system says it.
        problem: String,
    },
    /// There is no space.
    #[error("{doing}: there is no space left for `{}`: {problem}", path.display())]
    Full {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// As the system says it.
        problem: String,
    },
    /// Anything else.
    #[error("{doing}: `{}`: {problem}", path.display())]
    Failed {
        /// What was being done.
        doing: &'static str,
        /// The folder or the file.
        path: PathBuf,
        /// As the system says it.
        problem: String,
    },
}

impl OpenError {
    pub(super) fn damaged(path: &Path, found: String) -> Self {
        Self::Damaged { path: path.to_owned(), found, expected: version() }
    }

    pub(super) fn io(doing: &'static str, path: &Path, error: &io::Error) -> Self {
        let (path, problem) = (path.to_owned(), error.to_string());
        match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                Self::ReadOnly { doing, path, problem }
            }
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full { doing, path, problem },
            _ => Self::Failed { doing, path, problem },
        }
    }

    pub(super) fn sql(doing: &'static str, path: &Path, error: &Error) -> Self {
        let (path, problem) = (path.to_owned(), error.to_string());
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::damaged(&path, problem),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                Self::ReadOnly { doing, path, problem }
            }
            Some(ErrorCode::DiskFull) => Self::Full { doing, path, problem },
            _ => Self::Failed { doing, path, problem },
        }
    }
}

/// Makes the data folder, for its owner alone, unless it is there.
pub(super) fn make_folder(folder: &Path) -> Result<(), OpenError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| OpenError::io("make the data folder", folder, &error))
}

/// The connection that writes. Whoever calls has the lock of the folder.
pub(super) fn open_writer(
    folder: &Path,
    now: Timestamp,
    pages_max: Option<u32>,
) -> Result<Connection, OpenError> {
    let path = folder.join(DATABASE_FILE);
    let exists = path.try_exists().map_err(|error| OpenError::io("open the store", &path, &error))?;
    if exists {
        check_header(&path)?;
    } else {
        create(folder, &path, now)?;
    }
    let failed = |error: Error| OpenError::sql("open the store", &path, &error);
    let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?;
    // Until it is known to be ours and whole, nothing is written into it, also not when it is closed.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(failed)?;
    let found = user_version(&connection).map_err(failed)?;
    if found > version() {
        return Err(OpenError::NewerSchema { path, found, expected: version() });
    }
    if found == 0 {
        return Err(OpenError::damaged(&path, "it has no schema".to_owned()));
    }
    // A table or a column that is not there is found now, and not when it is first wanted.
    let check = || prepare_all(&connection).map_err(|error| OpenError::damaged(&path, error.to_string()));
    if found == version() {
        check()?;
    } else {
        rehearse(&connection, found, now).map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::Unknown) => OpenError::damaged(&path, error.to_string()),
            _ => OpenError::sql("migrate the store", &path, &error),
        })?;
    }
    set_up_writer(&connection, pages_max).map_err(failed)?;
    forget_statistics(&connection).map_err(failed)?;
    migrate(&connection, found, now).map_err(|error| OpenError::sql("migrate the store", &path, &error))?;
    check()?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(failed)?;
    Ok(connection)
}

fn prepare_all(connection: &Connection) -> Result<(), Error> {
    sql::ALL.iter().try_for_each(|(_, sql)| connection.prepare_cached(sql).map(drop))
}

/// A connection that only reads, beside the one that writes.
pub(super) fn open_reader(folder: &Path) -> Result<Connection, OpenError> {
    let path = folder.join(DATABASE_FILE);
    let failed = |error: Error| OpenError::sql("open the store for reading", &path, &error);
    let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -2048;").map_err(failed)?;
    Ok(connection)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, Error> {
    // Each connection is used by one thread at a time, so it needs no lock of its own.
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(sql::ALL.len() + 8);
    // A plan must not depend on the values of the first question.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    Ok(connection)
}

/// `synchronous = FULL`: what was answered is on the disk, also when the power goes. The cache has 4 MiB:
/// with 16 and with 64 both intake and claims were slower, since SQLite walks through all of it at each commit. The log of writes is moved by the writer itself (`checkpoint`), and given back to
/// the file system down to 64 MiB after a long reader has let it grow.
fn set_up_writer(connection: &Connection, pages_max: Option<u32>) -> Result<(), Error> {
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -4096; \
         PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 67108864;",
    )?;
    match pages_max {
        Some(pages_max) => connection.pragma_update_and_check(None, "max_page_count", pages_max, |_| Ok(())),
        None => Ok(()),
    }
}

/// Throws away what an `ANALYZE` of another hand has left, which would soon be false. What the connection has read of it goes with
/// the schema, which it reads anew.
pub(super) fn forget_statistics(connection: &Connection) -> Result<(), Error> {
    connection.execute_batch(
        "DROP TABLE IF EXISTS sqlite_stat1; DROP TABLE IF EXISTS sqlite_stat4; PRAGMA writable_schema = RESET;",
    )
}

fn user_version(connection: &Connection) -> Result<u32, Error> {
    connection.query_one("PRAGMA user_version", [], |row| row.get(0))
}

/// Looks at the first bytes of a file that is there.
fn check_header(path: &Path) -> Result<(), OpenError> {
    let failed = |error: io::Error| OpenError::io("open the store", path, &error);
    let file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
    let mut header = Vec::new();
    file.take(100).read_to_end(&mut header).map_err(failed)?;
    if header.len() < 100 || !header.starts_with(MAGIC) {
        let found = match header.len() {
            0 => "an empty file".to_owned(),
            _ => "a file that begins otherwise".to_owned(),
        };
        return Err(OpenError::NotADatabase { path: path.to_owned(), found });
    }
    let found = number_at(&header, APPLICATION_ID_AT);
    if found != APPLICATION_ID {
        return Err(OpenError::AnotherProgram { path: path.to_owned(), found, expected: APPLICATION_ID });
    }
    let found = number_at(&header, USER_VERSION_AT);
    if found > version() {
        return Err(OpenError::NewerSchema { path: path.to_owned(), found, expected: version() });
    }
    Ok(())
}

fn number_at(header: &[u8], at: usize) -> u32 {
    let bytes = header.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, u32::from_be_bytes)
}

/// Makes a new, empty database.
fn create(folder: &Path, path: &Path, now: Timestamp) -> Result<(), OpenError> {
    let doing = "make the store";
    let log = folder.join(format!("{DATABASE_FILE}-wal"));
    if log.exists() {
        // A new database beside it would swallow what is in there.
        return Err(OpenError::damaged(&log, "there is a log of writes without its database".to_owned()));
    }
    let unfinished = folder.join(UNFINISHED_FILE);
    let io_failed = |error: io::Error| OpenError::io(doing, &unfinished, &error);
    let sql_failed = |error: Error| OpenError::sql(doing, &unfinished, &error);
    for left_over in [unfinished.clone(), folder.join(format!("{UNFINISHED_FILE}-journal"))] {
        match std::fs::remove_file(&left_over) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(io_failed(error)),
            _ => {}
        }
    }
    // SQLite gives the rights of this file to those that it puts beside it.
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished);
    drop(made.map_err(io_failed)?);
    let connection = connect(&unfinished, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(sql_failed)?;
    let pragmas = format!(
        "PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA synchronous = FULL; \
         PRAGMA application_id = {APPLICATION_ID};"
    );
    connection.execute_batch(&pragmas).map_err(sql_failed)?;
    migrate(&connection, 0, now).map_err(sql_failed)?;
    connection.execute_batch("PRAGMA journal_mode = WAL").map_err(sql_failed)?;
    connection.close().map_err(|(_, error)| sql_failed(error))?;
    std::fs::rename(&unfinished, path).map_err(io_failed)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io_failed)
}

/// Makes the steps after `from` and takes them back: what they do not find is missed before anything is changed.
fn rehearse(connection: &Connection, from: u32, now: Timestamp) -> Result<(), Error> {
    let transaction = connection.unchecked_transaction()?;
    for (number, step) in steps_after(from) {
        make_step(&transaction, number, step, now)?;
    }
    transaction.rollback()
}

/// Makes the steps after `from`, each in a transaction of its own.
fn migrate(connection: &Connection, from: u32, now: Timestamp) -> Result<(), Error> {
    for (number, step) in steps_after(from) {
        let transaction = connection.unchecked_transaction()?;
        make_step(&transaction, number, step, now)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}

fn steps_after(from: u32) -> impl Iterator<Item = (u32, &'static str)> {
    (1..).zip(STEPS).filter(move |(number, _)| *number > from)
}

fn make_step(connection: &Connection, number: u32, step: &str, now: Timestamp) -> Result<(), Error> {
    connection.execute_batch(step)?;
    connection.execute(
        "INSERT INTO migration (version, applied_at) VALUES (?1, ?2)",
        params![number, now.as_ms()],
    )?;
    Ok(())
}
