//! When what was committed moves from the log of writes into the database.
//!
//! SQLite would do it inside a commit, which somebody waits for. Here it is done after the answers: when nobody waits and there is
//! something worth moving, and at the latest when the log has become long.

use super::failure::Failure;
use super::session::Session;
use super::sql::{self, Sql};

/// Pages in the log after which they are moved if nobody waits: some milliseconds of work.
const IDLE_PAGES: i64 = 1_000;
/// Pages after which they are moved in any case, 16 MiB. A page that is written again and again is moved once, so more is cheaper;
/// but somebody waits for it.
const BUSY_PAGES: i64 = 4_000;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    /// Pages that could not be moved the last time, since somebody was reading.
    left: i64,
}

impl Checkpoints {
    /// Moves what there is, if it is time to.
    pub(super) fn after_group(&mut self, session: &Session<'_>, idle: bool) {
        let moved = pages_in_log(session, sql::LOOK_AT_LOG).and_then(|pages| {
            let limit = if idle { IDLE_PAGES } else { BUSY_PAGES };
            if pages >= self.left.saturating_add(limit) {
                self.left = pages_in_log(session, sql::MOVE_LOG)?;
            }
            Ok(())
        });
        log_failure(moved);
    }

    /// Moves all of it and empties the log.
    pub(super) fn at_end(session: &Session<'_>) {
        log_failure(pages_in_log(session, sql::EMPTY_LOG).map(drop));
    }
}

/// Runs one of the statements on the log; answers how many pages are in it that are not in the database yet.
fn pages_in_log(session: &Session<'_>, sql: Sql) -> Result<i64, Failure> {
    let pages = session.first(sql, [], |row| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?))?;
    Ok(pages.unwrap_or(0))
}

/// What was committed is safe in the log, so nobody has to be told but whoever reads the host's own log.
fn log_failure(moved: Result<(), Failure>) {
    if let Err(failure) = moved {
        let error = failure.to_error("move the store's log of writes");
        tracing::warn!(%error, "the log of writes grows until this works again");
    }
}
