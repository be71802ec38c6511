//! Attempts begin.
//!
//! Each job that may begin one has its ready tasks in the order in which they are next; a claim merges the heads of these
//! rows. A job that may not is left out as a whole, so nothing is looked at that cannot be taken.

use super::change::Writing;
use super::failure::Failure;
use super::known::Running;
use super::rows::{Row, limit, read_tags, unsigned};
use super::sql;
use crate::attempt::Held;
use crate::verbs::claim::{Claim, Claimed, ClaimedTask, PROMOTED_MAX};
use crate::verbs::expire::Expired;
use mainworker_domain::lifecycle::{self, SealedConfiguration, State, Task, Timestamp};
use mainworker_domain::task_id::TaskId;
use rusqlite::{Row as SqlRow, params};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Tasks that one claim ends because their time is over at the most; for those that are left, there is more.
const EXPIRED_MAX: usize = 1_000;
/// Tasks that one claim finds blocked by their keys at the most; for those that are left, there is more.
const BLOCKED_MAX: usize = 1_000;
/// Places of one job that are read at a time at the most.
const READ_MAX: usize = 1_024;

/// Where a task stands in the order: its key, then its place.
pub(super) type Position = (i64, i64);

/// A task that is next, with what its attempt needs.
struct Ready {
    row: Row,
    timeout_ms: Option<u64>,
    parent: Option<TaskId>,
    tags: Vec<String>,
    payload: String,
}

/// The ready tasks of one job, the next first.
struct Queue {
    job: i64,
    read: VecDeque<Position>,
    /// The last that was read; before the first, if none was.
    last_read: Position,
    /// The last that was taken out.
    last_taken: Option<Position>,
    /// How many are read at a time.
    read_max: usize,
    /// Whether all were read.
    exhausted: bool,
}

impl Writing<'_, '_> {
    pub(super) fn claim(&mut self, claim: &Claim) -> Result<Claimed, Failure> {
        let promoted = self.promote(claim.now)?;
        let mut claimed = Claimed { more: promoted == PROMOTED_MAX, ..Claimed::default() };
        let host = self.known.add_host(self.session, &claim.host)?;
        let mut queues = self.queues(claim)?;
        let mut heads: BinaryHeap<Reverse<(Position, usize)>> = BinaryHeap::new();
        for (index, queue) in queues.iter_mut().enumerate() {
            heads.extend(queue.head(self)?.map(|head| Reverse((head, index))));
        }
        let mut memory_left_bytes = claim.memory_bytes_max;
        let mut stopped = false;
        let mut blocked = 0;
        self.known.unblocked.clear();

        while let Some(Reverse((position, index))) = heads.pop() {
            let queue = &mut queues[index];
            let key = self.key_of_head(queue.job, position)?;
            if let Some(key) = &key
                && self.known.is_key_full(queue.job, key)?
            {
                self.block(queue.job, key, position)?;
                queue.take();
                heads.extend(queue.head(self)?.map(|head| Reverse((head, index))));
                blocked += 1;
                if blocked >= BLOCKED_MAX {
                    claimed.more = true;
                    break;
                }
                continue;
            }
            if stopped || claimed.tasks.len() >= claim.tasks_max {
                claimed.more = true;
                break;
            }
            if let Some(ready) = self.ready(position)? {
                let row = ready.row;
                if let Ok(transition) = lifecycle::claim(&row.life, claim.now) {
                    let alone = row.life.runs_alone();
                    let nothing_runs = claim.idle && claimed.tasks.is_empty();
                    if !nothing_runs && (alone || row.memory_bytes_max > memory_left_bytes) {
                        claimed.more = true;
                        break;
                    }
                    let life = row.life.after(&transition);
                    claimed.tasks.push(self.begin(ready, life, key, claim, host)?);
                    memory_left_bytes = memory_left_bytes.saturating_sub(row.memory_bytes_max);
                    stopped = alone;
                } else if let Ok(transition) = lifecycle::expire(&row.life, claim.now) {
                    self.go(&row, &transition, claim.now)?;
                    let job = self.known.job(row.job)?.name.clone();
                    claimed.expired.push(Expired { id: row.id, job });
                    stopped = claimed.expired.len() >= EXPIRED_MAX;
                }
            }
            for position in std::mem::take(&mut self.known.unblocked) {
                queue.insert(position);
            }
            queue.take();
            if self.known.job(queue.job)?.may_begin() {
                heads.extend(queue.head(self)?.map(|head| Reverse((head, index))));
            }
        }
        for queue in &queues {
            queue.remove_taken(self)?;
        }
        let next_due_at = |row: &SqlRow<'_>| Ok(Timestamp::from_ms(row.get(0)?));
        claimed.next_due_at = self.session.first(sql::NEXT_DUE, [], next_due_at)?;
        Ok(claimed)
    }

    /// Makes those ready that are due, those that are so for the longest time first; answers how many.
    fn promote(&mut self, now: Timestamp) -> Result<usize, Failure> {
        let due = self.session.all(sql::DUE, params![now.as_ms(), limit(PROMOTED_MAX)], |row| {
            Ok::<(i64, i64, i64, i64), _>((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
        for (run_at, place, job, order_key) in &due {
            self.session.execute(sql::REMOVE_WAITING, params![run_at, place])?;
            self.session.execute(sql::ADD_READY, params![job, order_key, place])?;
        }
        Ok(due.len())
    }

    fn queues(&self, claim: &Claim) -> Result<Vec<Queue>, Failure> {
        if self.known.paused() {
            return Ok(Vec::new());
        }
        let may_begin = || self.known.jobs.iter().filter(|(_, job)| job.may_begin());
        let share = claim.tasks_max.checked_div(may_begin().count()).unwrap_or(0);
        let read_max = share.saturating_add(1).min(READ_MAX);
        Ok(may_begin().map(|(&job, _)| Queue::new(job, read_max)).collect())
    }

    /// The concurrency key of a task that is next. Not looked for in a job that never had one.
    fn key_of_head(&self, job: i64, (_, place): Position) -> Result<Option<String>, Failure> {
        match self.known.job(job)?.key_running_max {
            Some(_) => self.key(place),
            None => Ok(None),
        }
    }

    /// A task that is ready. None is there if another hand was in the database; it is passed over.
    fn ready(&self, (_, place): Position) -> Result<Option<Ready>, Failure> {
        let ready = self.session.first(sql::READY_ROW, params![place], |columns| {
            let timeout_ms: Option<i64> = columns.get(22)?;
            let parent: Option<[u8; 16]> = columns.get(23)?;
            Ok(Ready {
                row: Row::read(columns)?,
                timeout_ms: timeout_ms.map(unsigned),
                parent: parent.map(TaskId::from_bytes),
                tags: read_tags(columns.get_ref(24)?.as_str_or_null().map_err(rusqlite::Error::from)?)?,
                payload: columns.get(25)?,
            })
        })?;
        Ok(ready.filter(|ready| !self.known.running.contains_key(&ready.row.id)))
    }

    /// Begins an attempt. The row of the task and its indexes stay as they are.
    fn begin(
        &mut self,
        ready: Ready,
        life: Task,
        key: Option<String>,
        claim: &Claim,
        host: i64,
    ) -> Result<ClaimedTask, Failure> {
        let row = ready.row;
        let held = Held { task: row.id, attempt: life.attempts, lease: claim.lease };
        self.session.execute(
            sql::ADD_LEASE,
            params![
                row.place,
                held.attempt,
                held.lease.as_i64(),
                claim.lease_until.as_ms(),
                claim.now.as_ms(),
                host,
            ],
        )?;
        self.known.count(row.job, row.revision, Some(State::Queued), Some(State::Running))?;
        let running = Running {
            place: row.place,
            attempt: held.attempt,
            lease: claim.lease,
            lease_until: claim.lease_until,
            claimed_at: claim.now,
            job: row.job,
            source: row.source,
            revision: row.revision,
            host,
            memory_bytes_max: row.memory_bytes_max,
            unique: row.unique,
            beside: row.beside,
            key: key.clone(),
            life,
            progress: None,
        };
        self.known.begin(row.id, running);
        if let Some(key) = &key {
            self.unblock(row.job, key)?;
        }
        Ok(ClaimedTask {
            held,
            job: self.known.job(row.job)?.name.clone(),
            source: self.known.sources.name(row.source)?.clone(),
            revision: *self.known.revisions.name(row.revision)?,
            payload: ready.payload,
            configuration: self.configuration(&row)?,
            due_at: life.run_at,
            timeout_ms: ready.timeout_ms,
            tags: ready.tags,
            attempt_for_job: life.attempt_for_job(),
            max_attempts: life.retry.max_attempts,
            memory_bytes_max: row.memory_bytes_max,
            alone: life.runs_alone(),
            parent: ready.parent,
            depth: self.depth(&row)?,
        })
    }

    fn depth(&self, row: &Row) -> Result<u32, Failure> {
        if !row.beside.origin() {
            return Ok(0);
        }
        let depth = self.session.first(sql::DEPTH, params![row.place], |row| Ok(row.get(0)?))?;
        depth.ok_or_else(|| Failure::Damaged(format!("the origin of the task {} is not there", row.id)))
    }

    fn configuration(&self, row: &Row) -> Result<Option<Vec<u8>>, Failure> {
        if row.life.configuration != SealedConfiguration::Kept {
            return Ok(None);
        }
        let sealed = self.session.first(sql::CONFIGURATION, params![row.place], |row| Ok(row.get(0)?))?;
        let missing = || Failure::Damaged(format!("the configuration of the task {} is not there", row.id));
        sealed.map(Some).ok_or_else(missing)
    }
}

impl Queue {
    fn new(job: i64, read_max: usize) -> Self {
        let before_all = (i64::MIN, i64::MIN);
        Self {
            job,
            read: VecDeque::new(),
            last_read: before_all,
            last_taken: None,
            read_max,
            exhausted: false,
        }
    }

    /// The task that is next.
    fn head(&mut self, writing: &Writing<'_, '_>) -> Result<Option<Position>, Failure> {
        if self.read.is_empty() && !self.exhausted {
            let mut statement = writing.session.statement(sql::READY)?;
            let (order_key, place) = self.last_read;
            let mut rows = statement.query(params![self.job, order_key, place, limit(self.read_max)])?;
            while let Some(row) = rows.next()? {
                self.read.push_back((row.get(0)?, row.get(1)?));
            }
            self.exhausted = self.read.len() < self.read_max;
            self.last_read = self.read.back().copied().unwrap_or(self.last_read);
        }
        Ok(self.read.front().copied())
    }

    /// Adds a task that has become ready. It comes after all that were taken out.
    fn insert(&mut self, position: Position) {
        // One behind all that were read is read when it is its turn.
        if position <= self.last_read || self.exhausted {
            let index = self.read.partition_point(|&read| read < position);
            self.read.insert(index, position);
        }
    }

    fn take(&mut self) {
        self.last_taken = self.read.pop_front().or(self.last_taken);
    }

    /// Deletes what was taken out: all up to the last one, since nobody is passed over.
    fn remove_taken(&self, writing: &Writing<'_, '_>) -> Result<(), Failure> {
        if let Some((order_key, place)) = self.last_taken {
            writing.session.execute(sql::REMOVE_READY_TO, params![self.job, order_key, place])?;
        }
        Ok(())
    }
}
