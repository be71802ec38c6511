//! Tasks come in: from outside, and from jobs that completed.
//!
//! A batch is decided as a whole before any of it is written, so that a refused one leaves nothing to undo.

use super::change::Writing;
use super::failure::Failure;
use super::fire::Scheduled;
use super::rows::{Beside, configuration_code, signed, write_tags};
use super::sql;
use crate::verbs::enqueue::{Enqueue, EnqueueRefusal, Enqueued, How, Idempotency, NewTask, Unique};
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{self, Cancel, Task, Timestamp};
use mainworker_domain::task_id::TaskId;
use mainworker_domain::task_options::UniquePolicy;
use rusqlite::{ErrorCode, params};
use std::collections::HashMap;

/// A task that is not taken: which one of its batch, and why.
pub(super) type Refused = (usize, EnqueueRefusal);

/// What is to be done for one task.
enum Plan {
    /// It is there already.
    Answer(Enqueued),
    /// Cancel the task that it takes the place of, if there is one, and write it down.
    Add { life: Task, replaced: Option<TaskId> },
}

/// The task that holds a unique key.
struct Holder {
    id: TaskId,
    life: Task,
    /// Whether the one who asks for another asked for it, too.
    own: bool,
}

/// What the earlier tasks of a batch have changed that the later ones see.
#[derive(Default)]
pub(super) struct Earlier<'e> {
    known: HashMap<(&'e str, &'e str), (TaskId, [u8; 32])>,
    holders: HashMap<(&'e JobName, &'e str), (TaskId, Task, &'e str)>,
}

impl Writing<'_, '_> {
    pub(super) fn enqueue(&mut self, enqueue: &Enqueue) -> Result<Result<Vec<Enqueued>, Refused>, Failure> {
        let plans = match self.plan_all(enqueue)? {
            Ok(plans) => plans,
            Err(refused) => return Ok(Err(refused)),
        };
        let mut answers = Vec::with_capacity(plans.len());
        for (task, plan) in enqueue.tasks.iter().zip(plans) {
            answers.push(self.carry_out(task, plan, enqueue.now, None)?);
        }
        Ok(Ok(answers))
    }

    /// Takes one task of an attempt that completed, or of a schedule. There is always room for it.
    pub(super) fn take(
        &mut self,
        task: &NewTask,
        now: Timestamp,
        scheduled: Option<Scheduled>,
    ) -> Result<Result<Enqueued, EnqueueRefusal>, Failure> {
        match self.plan(task, now, &Earlier::default())? {
            Ok(plan) => self.carry_out(task, plan, now, scheduled).map(Ok),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    fn plan_all(&self, enqueue: &Enqueue) -> Result<Result<Vec<Plan>, Refused>, Failure> {
        let mut plans = Vec::with_capacity(enqueue.tasks.len());
        let mut earlier = Earlier::default();
        let (before, allowed) = (self.known.open, enqueue.open_max);
        let mut open = before;
        for (index, task) in enqueue.tasks.iter().enumerate() {
            let plan = match self.plan(task, enqueue.now, &earlier)? {
                Ok(plan) => plan,
                Err(refusal) => return Ok(Err((index, refusal))),
            };
            if let Plan::Add { life, replaced } = &plan {
                open = open.saturating_sub(u64::from(replaced.is_some()));
                if open >= allowed {
                    return Ok(Err((index, EnqueueRefusal::QueueFull { open: before, allowed })));
                }
                open += 1;
                if let Some(Idempotency { key, fingerprint }) = &task.idempotency {
                    earlier.known.insert((&task.source, key), (task.id, *fingerprint));
                }
                if let Some(Unique { key, .. }) = &task.unique {
                    earlier.holders.insert((&task.job, key), (task.id, *life, &task.source));
                }
            }
            plans.push(plan);
        }
        Ok(Ok(plans))
    }

    fn plan(
        &self,
        task: &NewTask,
        now: Timestamp,
        earlier: &Earlier<'_>,
    ) -> Result<Result<Plan, EnqueueRefusal>, Failure> {
        if let Some(idempotency) = &task.idempotency
            && let Some((id, fingerprint)) = self.known_task(task, idempotency, earlier)?
        {
            let same = fingerprint == idempotency.fingerprint;
            let answer = Plan::Answer(Enqueued { id, how: How::Known });
            return Ok(if same {
                Ok(answer)
            } else {
                Err(EnqueueRefusal::IdempotencyConflict { task_id: id })
            });
        }

        let mut replaced = None;
        if let Some(unique) = &task.unique
            && let Some(Holder { id: task_id, life, own }) = self.holder_of(task, unique, earlier)?
        {
            match (unique.policy, lifecycle::cancel(&life)) {
                (UniquePolicy::Existing, _) => {
                    return Ok(Ok(Plan::Answer(Enqueued { id: task_id, how: How::Existing })));
                }
                (UniquePolicy::Replace, Ok(Cancel::Now(_))) if own => replaced = Some(task_id),
                (UniquePolicy::Reject | UniquePolicy::Replace, _) => {
                    return Ok(Err(EnqueueRefusal::UniqueConflict { task_id, state: life.state }));
                }
            }
        }

        let life = lifecycle::Enqueue {
            run_at: Some(task.run_at),
            priority: task.priority,
            expires_at: task.expires_at,
            retry: task.retry,
            configured: task.configuration.is_some(),
        };
        Ok(Ok(Plan::Add { life: Task::enqueued(life, now), replaced }))
    }

    /// The task that has the idempotency key of `task`, and its fingerprint.
    pub(super) fn known_task(
        &self,
        task: &NewTask,
        idempotency: &Idempotency,
        earlier: &Earlier<'_>,
    ) -> Result<Option<(TaskId, [u8; 32])>, Failure> {
        if let Some(&known) = earlier.known.get(&(task.source.as_str(), idempotency.key.as_str())) {
            return Ok(Some(known));
        }
        let Some(source) = self.known.sources.id(&task.source) else { return Ok(None) };
        self.session.first(sql::KNOWN, params![source, idempotency.key], |row| {
            Ok((TaskId::from_bytes(row.get(0)?), row.get(1)?))
        })
    }

    /// The task that holds the unique key of `task`, as it stands.
    fn holder_of(
        &self,
        task: &NewTask,
        unique: &Unique,
        earlier: &Earlier<'_>,
    ) -> Result<Option<Holder>, Failure> {
        if let Some((id, life, source)) = earlier.holders.get(&(&task.job, unique.key.as_str())) {
            return Ok(Some(Holder { id: *id, life: *life, own: *source == task.source }));
        }
        let Some(job) = self.known.job_id(&task.job) else { return Ok(None) };
        let source = self.known.sources.id(&task.source);
        let holder = self.holder(job, &unique.key)?;
        Ok(holder.map(|row| Holder { id: row.id, life: row.life, own: source == Some(row.source) }))
    }

    fn carry_out(
        &mut self,
        task: &NewTask,
        plan: Plan,
        now: Timestamp,
        scheduled: Option<Scheduled>,
    ) -> Result<Enqueued, Failure> {
        let (life, replaced) = match plan {
            Plan::Answer(answer) => return Ok(answer),
            Plan::Add { life, replaced } => (life, replaced),
        };
        let how = match replaced {
            None => How::New,
            Some(id) => {
                self.replace(id, now)?;
                How::Replaced(id)
            }
        };
        self.add(task, &life, now, scheduled)?;
        Ok(Enqueued { id: task.id, how })
    }

    fn replace(&mut self, id: TaskId, now: Timestamp) -> Result<(), Failure> {
        let row = self.find(id)?;
        let row =
            row.ok_or_else(|| Failure::Damaged(format!("the task {id} holds a key and is not there")))?;
        match lifecycle::cancel(&row.life) {
            Ok(Cancel::Now(transition)) => self.go(&row, &transition, now).map(drop),
            _ => Err(Failure::Damaged(format!("the task {id} is `{}`, expected `queued`", row.life.state))),
        }
    }

    fn add(
        &mut self,
        task: &NewTask,
        life: &Task,
        now: Timestamp,
        scheduled: Option<Scheduled>,
    ) -> Result<(), Failure> {
        let session = self.session;
        let place = self.known.next_place(now);
        let job = self.known.add_job(session, &task.job)?;
        let source = self.known.add_source(session, &task.source)?;
        let revision = self.known.add_revision(session, &task.revision)?;
        let beside = Beside::of(task, scheduled.is_some());
        let added = session.execute(
            sql::ADD_TASK,
            params![
                place,
                task.id.as_bytes(),
                job,
                source,
                life.run_at.as_ms(),
                life.order_key.as_i64(),
                now.as_ms(),
                life.expires_at.map(Timestamp::as_ms),
                configuration_code(life.configuration),
                beside.code(),
            ],
        );
        added.map_err(|failure| match failure {
            // Keys were looked up before; what is left is the id.
            Failure::Sql(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                Failure::IdTaken(task.id)
            }
            failure => failure,
        })?;
        session.execute(
            sql::ADD_CONTENT,
            params![
                place,
                revision,
                task.priority,
                task.retry.max_attempts,
                signed(task.retry.base_ms),
                signed(task.retry.cap_ms),
                signed(task.memory_bytes_max),
                task.timeout_ms.map(signed),
                task.parent.as_ref().map(TaskId::as_bytes),
                task.label,
                write_tags(&task.tags)?,
                task.idempotency.as_ref().map(|idempotency| &idempotency.key),
                task.unique.as_ref().map(|unique| &unique.key),
                task.payload,
            ],
        )?;
        self.add_names(task, place, job, source)?;
        if let Some(key) = &task.concurrency_key {
            session.execute(sql::ADD_CONCURRENCY_KEY, params![place, key.key])?;
            self.set_key_running_max(job, key.running_max.max(1))?;
        }
        if beside.origin() {
            let actor = task.by.as_ref().map(|actor| self.known.add_actor(session, actor)).transpose()?;
            let schedule = scheduled.map(|scheduled| scheduled.name);
            let occurrence = scheduled.and_then(|scheduled| scheduled.occurrence).map(Timestamp::as_ms);
            session.execute(sql::ADD_ORIGIN, params![place, task.depth, actor, schedule, occurrence])?;
            if beside.scheduled() {
                session.execute(sql::ADD_SCHEDULED, params![schedule, place])?;
                session.execute(sql::OPEN_RUN, params![place])?;
            }
        }
        if let Some(sealed) = &task.configuration {
            session.execute(sql::ADD_CONFIGURATION, params![place, sealed])?;
        }
        self.enter(place, job, life, now)?;
        self.known.set_concurrency_max(job, task.concurrency_max)?;
        self.known.count(job, revision, None, Some(life.state))
    }

    /// Adds the rows by which a task is found that few tasks have.
    fn add_names(&self, task: &NewTask, place: i64, job: i64, source: i64) -> Result<(), Failure> {
        if let Some(Idempotency { key, fingerprint }) = &task.idempotency {
            self.session.execute(sql::ADD_IDEMPOTENCY_KEY, params![source, key, place, fingerprint])?;
        }
        if task.unique.is_some() {
            self.session.execute(sql::HOLD_UNIQUE_KEY, params![job, place])?;
        }
        if let Some(expires_at) = task.expires_at {
            self.session.execute(sql::ADD_EXPIRY, params![expires_at.as_ms(), place])?;
        }
        if let Some(label) = &task.label {
            self.session.execute(sql::ADD_LABEL, params![label, place])?;
        }
        for tag in &task.tags {
            self.session.execute(sql::ADD_TAG, params![tag, place])?;
        }
        Ok(())
    }
}
