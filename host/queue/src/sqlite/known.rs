//! What the writer knows by heart: jobs with their counts, how many tasks which revision has, names with their numbers, and the attempts that run.
//!
//! Nobody else writes to the database, so this is what its rows say; it is changed together with them, in the same
//! transaction. When a transaction is rolled back, it is read anew.

use super::begin::Position;
use super::failure::Failure;
use super::rows::{Beside, Row, actor, job_name, signed, state_index, unsigned};
use super::session::Session;
use super::sql::{self, Sql};
use crate::attempt::{Held, Lease};
use mainworker_domain::audit::Actor;
use mainworker_domain::digest::Digest;
use mainworker_domain::event::Progress;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{State, Task, Timestamp};
use mainworker_domain::task_id::TaskId;
use rusqlite::types::FromSql;
use rusqlite::{Error, params};
use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Known {
    pub(super) jobs: BTreeMap<i64, Job>,
    job_ids: HashMap<JobName, i64>,
    pub(super) sources: Names<String>,
    pub(super) revisions: Names<Digest>,
    pub(super) hosts: Names<String>,
    actors: Names<Actor>,
    pub(super) running: HashMap<TaskId, Running>,
    /// Attempts that run, by job and concurrency key.
    keys: HashMap<(i64, String), u32>,
    /// Blocked tasks that became ready in this transaction, or since its last claim began.
    pub(super) unblocked: Vec<Position>,
    store: Store,
    /// Tasks that are queued or running.
    pub(super) open: u64,
    /// Tasks by job and by the revision that they were accepted with.
    uses: HashMap<Use, Uses>,
    /// Those of them that are to be written.
    changed_uses: BTreeSet<Use>,
}

/// A job and a revision.
type Use = (i64, i64);

/// Tasks of a job that were accepted with one revision.
#[derive(Clone, Copy, Debug, Default)]
struct Uses {
    /// Queued or running.
    open: i64,
    /// All.
    kept: i64,
}

/// The one row of `store`.
#[derive(Clone, Copy, Debug)]
struct Store {
    paused: bool,
    last_place: i64,
    created_max: Timestamp,
    clock_back_ms: u64,
    changed: bool,
}

/// One job.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) name: JobName,
    pub(super) paused: bool,
    pub(super) concurrency_max: Option<u32>,
    /// How many attempts of one concurrency key may run, if it ever had a task with a key.
    pub(super) key_running_max: Option<u32>,
    /// Tasks by state, in the order of [`State::ALL`].
    counts: [i64; State::ALL.len()],
    changed: bool,
}

/// An attempt that runs, with all that decides what follows from its end.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) place: i64,
    pub(super) attempt: u32,
    pub(super) lease: Lease,
    pub(super) lease_until: Timestamp,
    pub(super) claimed_at: Timestamp,
    pub(super) job: i64,
    pub(super) source: i64,
    pub(super) revision: i64,
    pub(super) host: i64,
    pub(super) memory_bytes_max: u64,
    pub(super) unique: bool,
    pub(super) beside: Beside,
    /// Its concurrency key.
    pub(super) key: Option<String>,
    pub(super) life: Task,
    pub(super) progress: Option<Progress>,
}

/// Names and their numbers. A number is given once.
#[derive(Debug)]
pub(super) struct Names<N> {
    ids: HashMap<N, i64>,
    names: HashMap<i64, N>,
}

impl<N: Clone + Eq + Hash> Names<N> {
    fn new(rows: Vec<(i64, N)>) -> Self {
        let ids = rows.iter().map(|(id, name)| (name.clone(), *id)).collect();
        Self { ids, names: rows.into_iter().collect() }
    }

    fn add(&mut self, id: i64, name: N) {
        self.ids.insert(name.clone(), id);
        self.names.insert(id, name);
    }

    pub(super) fn id<Q>(&self, name: &Q) -> Option<i64>
    where
        N: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.ids.get(name).copied()
    }

    /// The name of a number that stands in a row.
    pub(super) fn name(&self, id: i64) -> Result<&N, Failure> {
        self.names.get(&id).ok_or_else(|| Failure::Damaged(format!("a row names {id}, which has no name")))
    }
}

impl Job {
    pub(super) fn count(&self, state: State) -> i64 {
        self.counts[state_index(state)]
    }

    /// Whether an attempt of it may begin, as far as the job goes.
    pub(super) fn may_begin(&self) -> bool {
        let concurrency_max = i64::from(self.concurrency_max.unwrap_or(0));
        !self.paused && self.count(State::Queued) > 0 && self.count(State::Running) < concurrency_max
    }
}

impl Known {
    /// Reads all of it.
    pub(super) fn load(session: &Session<'_>) -> Result<Self, Failure> {
        let store = session.first(sql::STORE, [], |row| {
            Ok(Store {
                paused: row.get(0)?,
                last_place: row.get(1)?,
                created_max: Timestamp::from_ms(row.get(2)?),
                clock_back_ms: unsigned(row.get(3)?),
                changed: false,
            })
        })?;
        let store = store.ok_or_else(|| Failure::Damaged("the row of the store is not there".to_owned()))?;
        let jobs = jobs(session)?;
        let open = jobs.values().map(|job| job.count(State::Queued) + job.count(State::Running)).sum::<i64>();
        let mut known = Self {
            job_ids: jobs.iter().map(|(id, job)| (job.name.clone(), *id)).collect(),
            jobs,
            sources: Names::new(names(session, sql::SOURCES)?),
            revisions: Names::new(
                names(session, sql::REVISIONS)?
                    .into_iter()
                    .map(|(id, sha256)| (id, Digest::from_sha256(sha256)))
                    .collect(),
            ),
            hosts: Names::new(names(session, sql::HOSTS)?),
            actors: Names::new(actors(session)?),
            running: HashMap::new(),
            keys: HashMap::new(),
            unblocked: Vec::new(),
            store,
            open: u64::try_from(open).unwrap_or(0),
            uses: session
                .all(sql::REVISION_USES, [], |row| {
                    let uses = Uses { open: row.get(2)?, kept: row.get(3)? };
                    Ok(((row.get(0)?, row.get(1)?), uses))
                })?
                .into_iter()
                .collect(),
            changed_uses: BTreeSet::new(),
        };
        known.load_running(session)?;
        Ok(known)
    }

    fn load_running(&mut self, session: &Session<'_>) -> Result<(), Failure> {
        let leases = session.all(sql::LEASES, [], |lease| {
            let place = lease.get(0)?;
            let row =
                Row::by_place(session, place)?.filter(|row| row.life.state == State::Queued).ok_or_else(
                    || Failure::Damaged(format!("a lease is of place {place}, which has no open task")),
                )?;
            let attempt = lease.get(1)?;
            let percent: Option<u8> = lease.get(7)?;
            let message: Option<String> = lease.get(8)?;
            let running = Running {
                place,
                attempt,
                lease: Lease::from_i64(lease.get(2)?),
                lease_until: Timestamp::from_ms(lease.get(3)?),
                claimed_at: Timestamp::from_ms(lease.get(4)?),
                job: row.job,
                source: row.source,
                revision: row.revision,
                host: lease.get(5)?,
                memory_bytes_max: row.memory_bytes_max,
                unique: row.unique,
                beside: row.beside,
                key: match row.beside.keyed() {
                    true => session.first(sql::CONCURRENCY_KEY, params![place], |row| Ok(row.get(0)?))?,
                    false => None,
                },
                life: Task {
                    state: State::Running,
                    attempts: attempt,
                    cancel_requested: lease.get(6)?,
                    ..row.life
                },
                progress: percent.zip(message).map(|(percent, message)| Progress { percent, message }),
            };
            Ok((row.id, running))
        })?;
        for (id, running) in leases {
            self.begin(id, running);
        }
        Ok(())
    }

    /// Remembers an attempt that runs.
    pub(super) fn begin(&mut self, id: TaskId, running: Running) {
        if let Some(key) = &running.key {
            *self.keys.entry((running.job, key.clone())).or_default() += 1;
        }
        self.running.insert(id, running);
    }

    /// Forgets an attempt that ran; answers its concurrency key.
    pub(super) fn end(&mut self, id: TaskId) -> Option<String> {
        let running = self.running.remove(&id)?;
        let key = (running.job, running.key?);
        if let Some(count) = self.keys.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.keys.remove(&key);
            }
        }
        Some(key.1)
    }

    /// Whether as many attempts of a concurrency key run as may.
    pub(super) fn is_key_full(&self, job: i64, key: &str) -> Result<bool, Failure> {
        let running_max = self.job(job)?.key_running_max.unwrap_or(1);
        // Looked up only for tasks that have a key, which have one of their own to be looked up by.
        let running = self.keys.get(&(job, key.to_owned())).copied().unwrap_or(0);
        Ok(running >= running_max)
    }

    /// Answers the concurrency keys of the job that have room now and had none.
    pub(super) fn set_key_running_max(&mut self, job: i64, running_max: u32) -> Result<Vec<String>, Failure> {
        let before = self.job(job)?.key_running_max;
        if before == Some(running_max) {
            return Ok(Vec::new());
        }
        self.job_mut(job)?.key_running_max = Some(running_max);
        let full_before = |count: u32| before.is_none_or(|before| count >= before);
        let keys = self.keys.iter().filter(|((its_job, _), count)| *its_job == job && full_before(**count));
        Ok(keys.map(|((_, key), _)| key.clone()).collect())
    }

    /// Writes what has changed and is written once a transaction: counts, and the place that was given last.
    pub(super) fn save(&mut self, session: &Session<'_>) -> Result<(), Failure> {
        self.unblocked.clear();
        if self.store.changed {
            let Store { paused, last_place, created_max, clock_back_ms, .. } = self.store;
            session.execute(
                sql::WRITE_STORE,
                params![paused, last_place, created_max.as_ms(), signed(clock_back_ms)],
            )?;
            self.store.changed = false;
        }
        for (id, job) in self.jobs.iter_mut().filter(|(_, job)| job.changed) {
            let [queued, running, completed, failed, cancelled, expired] = job.counts;
            session.execute(
                sql::WRITE_JOB,
                params![
                    id,
                    job.paused,
                    job.concurrency_max,
                    queued,
                    running,
                    completed,
                    failed,
                    cancelled,
                    expired,
                    job.key_running_max
                ],
            )?;
            job.changed = false;
        }
        while let Some((job, revision)) = self.changed_uses.pop_first() {
            match self.uses.get(&(job, revision)) {
                Some(Uses { open, kept }) => {
                    session.execute(sql::WRITE_REVISION_USE, params![job, revision, open, kept])?
                }
                None => session.execute(sql::REMOVE_REVISION_USE, params![job, revision])?,
            };
        }
        Ok(())
    }

    /// The number of a job, which is new if it has none.
    pub(super) fn add_job(&mut self, session: &Session<'_>, name: &JobName) -> Result<i64, Failure> {
        if let Some(id) = self.job_id(name) {
            return Ok(id);
        }
        let id = session.insert(sql::ADD_JOB, params![name.as_str()])?;
        let job = Job {
            name: name.clone(),
            paused: false,
            concurrency_max: None,
            key_running_max: None,
            counts: [0; State::ALL.len()],
            changed: false,
        };
        self.jobs.insert(id, job);
        self.job_ids.insert(name.clone(), id);
        Ok(id)
    }

    pub(super) fn add_source(&mut self, session: &Session<'_>, name: &str) -> Result<i64, Failure> {
        if let Some(id) = self.sources.id(name) {
            return Ok(id);
        }
        let id = session.insert(sql::ADD_SOURCE, params![name])?;
        self.sources.add(id, name.to_owned());
        Ok(id)
    }

    pub(super) fn add_host(&mut self, session: &Session<'_>, name: &str) -> Result<i64, Failure> {
        if let Some(id) = self.hosts.id(name) {
            return Ok(id);
        }
        let id = session.insert(sql::ADD_HOST, params![name])?;
        self.hosts.add(id, name.to_owned());
        Ok(id)
    }

    pub(super) fn add_actor(&mut self, session: &Session<'_>, actor: &Actor) -> Result<i64, Failure> {
        if let Some(id) = self.actors.ids.get(actor) {
            return Ok(*id);
        }
        let id = session.insert(sql::ADD_ACTOR, params![actor.to_string()])?;
        self.actors.add(id, actor.clone());
        Ok(id)
    }

    pub(super) fn add_revision(&mut self, session: &Session<'_>, revision: &Digest) -> Result<i64, Failure> {
        if let Some(id) = self.revisions.ids.get(revision) {
            return Ok(*id);
        }
        let id = session.insert(sql::ADD_REVISION, params![revision.as_bytes()])?;
        self.revisions.add(id, *revision);
        Ok(id)
    }

    pub(super) fn job_id(&self, name: &JobName) -> Option<i64> {
        self.job_ids.get(name).copied()
    }

    pub(super) fn job(&self, id: i64) -> Result<&Job, Failure> {
        self.jobs
            .get(&id)
            .ok_or_else(|| Failure::Damaged(format!("a row names the job {id}, which is not there")))
    }

    fn job_mut(&mut self, id: i64) -> Result<&mut Job, Failure> {
        let job = self.jobs.get_mut(&id);
        let job =
            job.ok_or_else(|| Failure::Damaged(format!("a row names the job {id}, which is not there")))?;
        job.changed = true;
        Ok(job)
    }

    /// Counts a task of `job` that was accepted with `revision` and came, went on or was deleted.
    pub(super) fn count(
        &mut self,
        job: i64,
        revision: i64,
        from: Option<State>,
        to: Option<State>,
    ) -> Result<(), Failure> {
        let counts = &mut self.job_mut(job)?.counts;
        if let Some(from) = from {
            counts[state_index(from)] -= 1;
        }
        if let Some(to) = to {
            counts[state_index(to)] += 1;
        }
        let was_open = from.is_some_and(|state| !state.is_terminal());
        let is_open = to.is_some_and(|state| !state.is_terminal());
        self.open = (self.open + u64::from(is_open)).saturating_sub(u64::from(was_open));
        if was_open != is_open || from.is_some() != to.is_some() {
            let key = (job, revision);
            let uses = self.uses.entry(key).or_default();
            uses.open += i64::from(is_open) - i64::from(was_open);
            uses.kept += i64::from(to.is_some()) - i64::from(from.is_some());
            if uses.kept <= 0 {
                self.uses.remove(&key);
            }
            self.changed_uses.insert(key);
        }
        Ok(())
    }

    /// How many tasks of a job that are kept were accepted with a revision.
    pub(super) fn tasks_of(&self, job: i64, revision: i64) -> u64 {
        self.uses.get(&(job, revision)).map_or(0, |uses| u64::try_from(uses.kept).unwrap_or(0))
    }

    pub(super) fn set_concurrency_max(&mut self, job: i64, concurrency_max: u32) -> Result<(), Failure> {
        if self.job(job)?.concurrency_max != Some(concurrency_max) {
            self.job_mut(job)?.concurrency_max = Some(concurrency_max);
        }
        Ok(())
    }

    /// Answers whether it was otherwise before.
    pub(super) fn set_paused(&mut self, job: Option<i64>, paused: bool) -> Result<bool, Failure> {
        let before = match job {
            Some(job) => std::mem::replace(&mut self.job_mut(job)?.paused, paused),
            None => {
                self.store.changed = true;
                std::mem::replace(&mut self.store.paused, paused)
            }
        };
        Ok(before != paused)
    }

    /// Whether no attempt at all may begin.
    pub(super) fn paused(&self) -> bool {
        self.store.paused
    }

    /// The place of the next task that is accepted.
    pub(super) fn next_place(&mut self, now: Timestamp) -> i64 {
        let store = &mut self.store;
        store.last_place += 1;
        store.clock_back_ms = store.clock_back_ms.max(store.created_max.ms_since(now));
        store.created_max = store.created_max.max(now);
        store.changed = true;
        store.last_place
    }

    /// The attempt that runs, if it is exactly this one: anything else that names it is stale.
    pub(super) fn held(&mut self, held: Held) -> Option<&mut Running> {
        self.running
            .get_mut(&held.task)
            .filter(|running| running.attempt == held.attempt && running.lease == held.lease)
    }
}

fn jobs(session: &Session<'_>) -> Result<BTreeMap<i64, Job>, Failure> {
    let jobs = session.all(sql::JOBS, [], |row| {
        let name: String = row.get(1)?;
        let mut counts = [0; State::ALL.len()];
        for (column, count) in (4..).zip(&mut counts) {
            *count = row.get(column)?;
        }
        let job = Job {
            name: job_name(name)?,
            paused: row.get(2)?,
            concurrency_max: row.get(3)?,
            key_running_max: row.get(10)?,
            counts,
            changed: false,
        };
        Ok((row.get(0)?, job))
    })?;
    Ok(jobs.into_iter().collect())
}

fn actors(session: &Session<'_>) -> Result<Vec<(i64, Actor)>, Failure> {
    session
        .all(sql::ACTORS, [], |row| Ok((row.get(0)?, actor(row.get_ref(1)?.as_str().map_err(Error::from)?)?)))
}

fn names<N: FromSql>(session: &Session<'_>, sql: Sql) -> Result<Vec<(i64, N)>, Failure> {
    session.all(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
}
