//! Old tasks go, in small steps.

use super::change::Writing;
use super::failure::Failure;
use super::rows::{attempt_keys, limit, place_in, place_out, read_tags, state};
use super::session::Session;
use super::sql::{self, Sql};
use crate::verbs::prune::{Prune, Pruned, RUN_TASKS_MAX};
use mainworker_domain::lifecycle::{State, Timestamp};
use rusqlite::{Row, params};
use std::collections::HashMap;

/// Pages that are free before any are given back to the file system: below that they are soon used again.
const FREE_PAGES_MIN: u64 = 1_024;

/// What a step looks at.
struct Candidate {
    place: i64,
    job: i64,
    source: i64,
    state: State,
    outcome: i64,
    finished_at: Timestamp,
}

impl Candidate {
    fn is_old(&self, prune: &Prune) -> bool {
        let kept_ms = prune.retention.kept_ms(self.state);
        kept_ms.is_some_and(|kept_ms| self.finished_at.after_ms(kept_ms) <= prune.now)
    }
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
        let mut run = Vec::new();
        for candidate in candidates {
            if candidate.is_old(prune) || (too_large && candidate.state.is_terminal()) {
                run.push(candidate);
                if run.len() < RUN_TASKS_MAX {
                    continue;
                }
            }
            tasks += self.delete(&mut run)?;
            too_large = too_large && self.is_too_large(prune)?;
        }
        tasks += self.delete(&mut run)?;
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

    /// Deletes tasks that follow upon one another, with nothing between them that stays; answers how many.
    fn delete(&mut self, run: &mut Vec<Candidate>) -> Result<u64, Failure> {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(0) };
        let places = [first.place, last.place];
        let revisions = self.remove_names(run, places)?;
        for sql in [
            sql::DELETE_LOGS,
            sql::DELETE_CONFIGURATIONS,
            sql::DELETE_CONCURRENCY_KEYS,
            // Before the rows by which they are found.
            sql::DELETE_SCHEDULED,
            sql::DELETE_ORIGINS,
            sql::DELETE_CONTENTS,
            sql::DELETE_TASKS,
        ] {
            self.session.execute(sql, places)?;
        }
        let ([first_key, _], [_, last_key]) = (attempt_keys(first.place), attempt_keys(last.place));
        self.session.execute(sql::DELETE_ATTEMPTS, [first_key, last_key])?;
        for candidate in run.iter() {
            if let code @ 2.. = candidate.outcome {
                self.session.execute(sql::REMOVE_OUTCOME, params![code, candidate.place])?;
            }
            let missing =
                || Failure::Damaged(format!("the task at place {} has no content", candidate.place));
            let revision = revisions.get(&candidate.place).ok_or_else(missing)?;
            self.known.count(candidate.job, *revision, Some(candidate.state), None)?;
        }
        let tasks = run.len();
        run.clear();
        Ok(u64::try_from(tasks).unwrap_or(u64::MAX))
    }

    /// Deletes the rows by which tasks are found that few tasks have; answers the revision of each place.
    fn remove_names(&self, run: &[Candidate], places: [i64; 2]) -> Result<HashMap<i64, i64>, Failure> {
        let remove = |row: &Row<'_>| -> Result<(i64, i64), Failure> {
            let place: i64 = row.get(0)?;
            if let Some(label) = row.get::<_, Option<String>>(2)? {
                self.session.execute(sql::DELETE_LABEL, params![label, place])?;
            }
            for tag in read_tags(row.get_ref(3)?.as_str_or_null().map_err(rusqlite::Error::from)?)? {
                self.session.execute(sql::DELETE_TAG, params![tag, place])?;
            }
            let source =
                run.iter().find(|candidate| candidate.place == place).map(|candidate| candidate.source);
            if let Some(key) = row.get::<_, Option<String>>(4)? {
                self.session.execute(sql::DELETE_IDEMPOTENCY_KEY, params![source, key])?;
            }
            Ok((place, row.get(1)?))
        };
        Ok(self.session.all(sql::CONTENTS, places, remove)?.into_iter().collect())
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
