//! Old tasks go, in small steps.

use super::change::Writing;
use super::failure::Failure;
use super::rows::{attempt_keys, limit, place_in, place_out, read_tags, state};
use super::session::Session;
use super::sql::{self, Sql};
use crate::verbs::prune::{Prune, Pruned};
use mainworker_domain::lifecycle::{State, Timestamp};
use rusqlite::params;

/// Pages that are free before any are given back to the file system: below that they are soon used again.
const FREE_PAGES_MIN: u64 = 1_024;
/// Tasks deleted between two looks at the size, which moves slowly.
const LOOK_INTERVAL: u64 = 16;

/// What a step looks at.
struct Candidate {
    place: i64,
    job: i64,
    source: i64,
    state: State,
    outcome: i64,
    finished_at: Timestamp,
}

impl Writing<'_, '_> {
    pub(super) fn prune(&mut self, prune: &Prune) -> Result<Pruned, Failure> {
        let tasks_max = prune.tasks_max.max(1);
        let mut candidates = self.candidates(prune.after, tasks_max)?;
        let more = candidates.len() > tasks_max;
        candidates.truncate(tasks_max);
        let next = candidates.last().filter(|_| more).map(|last| place_out(last.place));

        let mut tasks = 0;
        let mut too_large = self.is_too_large(prune)?;
        for candidate in candidates {
            let Some(kept_ms) = prune.retention.kept_ms(candidate.state) else { continue };
            let old = candidate.finished_at.after_ms(kept_ms) <= prune.now;
            if old || too_large {
                self.delete(&candidate)?;
                tasks += 1;
                if too_large && tasks % LOOK_INTERVAL == 0 {
                    too_large = self.is_too_large(prune)?;
                }
            }
        }
        self.give_back_pages()?;
        Ok(Pruned { tasks, next })
    }

    /// One more than asked for, if there are so many. A task that runs is `Queued` here: open either way.
    fn candidates(&self, after: u64, tasks_max: usize) -> Result<Vec<Candidate>, Failure> {
        let bounds = params![place_in(after), limit(tasks_max.saturating_add(1))];
        self.session.all(sql::OLDEST, bounds, |row| {
            Ok(Candidate {
                place: row.get(0)?,
                job: row.get(1)?,
                source: row.get(2)?,
                state: state(row.get(3)?, false)?,
                outcome: row.get(4)?,
                finished_at: Timestamp::from_ms(row.get(5)?),
            })
        })
    }

    fn is_too_large(&self, prune: &Prune) -> Result<bool, Failure> {
        Ok(stored_bytes(self.session)? > prune.retention.store_bytes_max)
    }

    fn delete(&mut self, candidate: &Candidate) -> Result<(), Failure> {
        let place = candidate.place;
        let names = self.session.first(sql::NAMES, params![place], |row| {
            let tags = read_tags(row.get_ref(1)?.as_str_or_null().map_err(rusqlite::Error::from)?)?;
            Ok((row.get::<_, Option<String>>(0)?, tags, row.get::<_, Option<String>>(2)?))
        })?;
        let (label, tags, idempotency_key) = names.unwrap_or_default();
        if let Some(label) = label {
            self.session.execute(sql::DELETE_LABEL, params![label, place])?;
        }
        for tag in tags {
            self.session.execute(sql::DELETE_TAG, params![tag, place])?;
        }
        if let Some(key) = idempotency_key {
            self.session.execute(sql::DELETE_IDEMPOTENCY_KEY, params![candidate.source, key])?;
        }
        if let code @ 2.. = candidate.outcome {
            self.session.execute(sql::REMOVE_OUTCOME, params![code, place])?;
        }
        self.session.execute(sql::DELETE_ATTEMPTS, attempt_keys(place))?;
        for sql in [sql::DELETE_LOG, sql::CLEAR_CONFIGURATION, sql::DELETE_CONTENT, sql::DELETE_TASK] {
            self.session.execute(sql, params![place])?;
        }
        self.known.count(candidate.job, Some(candidate.state), None)
    }

    fn give_back_pages(&self) -> Result<(), Failure> {
        let free = pragma(self.session, sql::FREE_PAGES)?;
        // A quarter of the file, so that one that is written and pruned all the time keeps its pages.
        if free < FREE_PAGES_MIN.max(pragma(self.session, sql::PAGE_COUNT)? / 4) {
            return Ok(());
        }
        self.session.all(sql::GIVE_BACK_PAGES, [], |_| Ok(())).map(drop)
    }
}

/// Bytes of all pages that hold something.
pub(super) fn stored_bytes(session: &Session<'_>) -> Result<u64, Failure> {
    let pages = pragma(session, sql::PAGE_COUNT)?.saturating_sub(pragma(session, sql::FREE_PAGES)?);
    Ok(pages.saturating_mul(pragma(session, sql::PAGE_SIZE)?))
}

fn pragma(session: &Session<'_>, sql: Sql) -> Result<u64, Failure> {
    let value = session.first(sql, [], |row| Ok(row.get::<_, i64>(0)?))?;
    Ok(value.and_then(|value| u64::try_from(value).ok()).unwrap_or(0))
}
