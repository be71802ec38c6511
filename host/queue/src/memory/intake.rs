//! Tasks come in: from outside, and from jobs that completed.

use super::rows::{Rows, Scheduled, TaskRow};
use crate::verbs::enqueue::{Enqueue, EnqueueError, EnqueueRefusal, Enqueued, How, NewTask};
use mainworker_domain::lifecycle::{self, Cancel, Task, Timestamp};
use mainworker_domain::task_id::TaskId;
use mainworker_domain::task_options::UniquePolicy;
use std::collections::BTreeMap;

/// How many tasks may be open, and how many were before the batch.
#[derive(Clone, Copy)]
pub(super) struct Room {
    open_before: u64,
    open_max: u64,
}

impl Rows {
    pub(super) fn enqueue(&mut self, enqueue: Enqueue) -> Result<Vec<Enqueued>, EnqueueError> {
        // A task that is refused has changed nothing, but those before it in the batch may have.
        let before = (enqueue.tasks.len() > 1).then(|| self.clone());
        let room = Room { open_before: self.open(), open_max: enqueue.open_max };
        let mut answers = Vec::new();
        for (index, task) in enqueue.tasks.into_iter().enumerate() {
            match self.take(task, enqueue.now, Some(room), None) {
                Ok(answer) => answers.push(answer),
                Err(refusal) => {
                    if let Some(before) = before {
                        *self = before;
                    }
                    return Err(EnqueueError::Refused { index, refusal });
                }
            }
        }
        Ok(answers)
    }

    /// Takes what an attempt that completed asked for: those that are there now, and those that are not.
    pub(super) fn take_asked(&mut self, asked: Vec<NewTask>, now: Timestamp) -> Asked {
        let mut answer = Asked::default();
        for task in asked {
            let id = task.id;
            match self.take(task, now, None, None) {
                Ok(enqueued) => answer.enqueued.push(enqueued),
                Err(refusal) => answer.dropped.push((id, refusal)),
            }
        }
        answer
    }

    /// Takes one task. Without a bound there is always room.
    pub(super) fn take(
        &mut self,
        task: NewTask,
        now: Timestamp,
        room: Option<Room>,
        scheduled: Option<Scheduled>,
    ) -> Result<Enqueued, EnqueueRefusal> {
        if let Some(idempotency) = &task.idempotency
            && let Some(known) = self.known(&task.source, idempotency)
        {
            let task_id = known.accepted.id;
            let same = known.accepted.idempotency.as_ref() == Some(idempotency);
            return if same {
                Ok(Enqueued { id: task_id, how: How::Known })
            } else {
                Err(EnqueueRefusal::IdempotencyConflict { task_id })
            };
        }

        let mut replaced = None;
        if let Some(unique) = &task.unique
            && let Some(holder) = self.holder(&task.job, &unique.key)
        {
            let (task_id, state) = (holder.accepted.id, holder.life.state);
            let own = holder.accepted.source == task.source;
            match (unique.policy, lifecycle::cancel(&holder.life)) {
                (UniquePolicy::Existing, _) => return Ok(Enqueued { id: task_id, how: How::Existing }),
                (UniquePolicy::Replace, Ok(Cancel::Now(transition))) if own => {
                    replaced = Some((task_id, transition));
                }
                (UniquePolicy::Reject | UniquePolicy::Replace, _) => {
                    return Err(EnqueueRefusal::UniqueConflict { task_id, state });
                }
            }
        }

        if let Some(room) = room {
            let open = self.open() - u64::from(replaced.is_some());
            if open >= room.open_max {
                let (open, allowed) = (room.open_before, room.open_max);
                return Err(EnqueueRefusal::QueueFull { open, allowed });
            }
        }

        let how = match replaced {
            None => How::New,
            Some((id, transition)) => {
                if let Some(holder) = self.find_mut(id) {
                    holder.go(&transition, now);
                }
                How::Replaced(id)
            }
        };
        let id = task.id;
        self.add(task, now, scheduled);
        Ok(Enqueued { id, how })
    }

    fn add(&mut self, task: NewTask, now: Timestamp, scheduled: Option<Scheduled>) {
        debug_assert!(self.find(task.id).is_none(), "the id {} was used before", task.id);
        let life = Task::enqueued(
            lifecycle::Enqueue {
                run_at: Some(task.run_at),
                priority: task.priority,
                expires_at: task.expires_at,
                retry: task.retry,
                configured: task.configuration.is_some(),
            },
            now,
        );
        let job = self.jobs.entry(task.job.clone()).or_default();
        job.concurrency_max = Some(task.concurrency_max);
        if let Some(key) = &task.concurrency_key {
            job.key_running_max = Some(key.running_max.max(1));
        }
        self.last_place += 1;
        let row = TaskRow {
            accepted: task,
            scheduled,
            created_at: now,
            life,
            ready: life.is_due(now),
            lease: None,
            finished_at: None,
            result: None,
            progress: None,
            attempts: Vec::new(),
            log: BTreeMap::new(),
        };
        self.tasks.insert(self.last_place, row);
    }
}

/// What became of the tasks that an attempt asked for, as [`Applied`](crate::verbs::settle::Applied) says it.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) enqueued: Vec<Enqueued>,
    pub(super) dropped: Vec<(TaskId, EnqueueRefusal)>,
}
