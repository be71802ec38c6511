//! What must be true: a second account of every task, kept from the answers of the store and the rules of the lifecycle, and
//! compared with both at each step.

use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{self, Enqueue, State, Task, Timestamp, Transition};
use mainworker_domain::outcome::Outcome;
use mainworker_domain::task_id::TaskId;
use mainworker_queue::attempt::Held;
use mainworker_queue::verbs::cancel::{Cancelled, CancelledTask};
use mainworker_queue::verbs::claim::{Claim, Claimed};
use mainworker_queue::verbs::enqueue::{Enqueued, How, NewTask};
use mainworker_queue::verbs::expire::Expired;
use mainworker_queue::verbs::extend::{Extend, Extended};
use mainworker_queue::verbs::rescue::{Rescue, Rescued};
use mainworker_queue::verbs::retry::{Retried, RetriedTask};
use mainworker_queue::verbs::settle::{Settle, Settled};
use std::collections::BTreeMap;

/// What went wrong, in a sentence.
pub(crate) type Check<T = ()> = Result<T, String>;

/// Fails a check with a sentence unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($sentence:tt)+) => {
        if !$condition {
            return Err(format!($($sentence)+));
        }
    };
}
pub(crate) use ensure;

/// One life of one host: what it holds dies with it.
pub(crate) type Owner = u32;

/// A task as it must be.
#[derive(Clone, Debug)]
pub(crate) struct ModelTask {
    pub(crate) place: u64,
    pub(crate) new: NewTask,
    pub(crate) life: Task,
    /// It was due once.
    pub(crate) ready: bool,
    pub(crate) running: Option<ModelAttempt>,
    /// How its attempts ended, the first first.
    pub(crate) ends: Vec<Outcome>,
}

/// The attempt that runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ModelAttempt {
    pub(crate) held: Held,
    pub(crate) owner: Owner,
    pub(crate) lease_until: Timestamp,
    /// Its owner never heard that it has it.
    pub(crate) unheard: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) tasks: BTreeMap<TaskId, ModelTask>,
    pub(crate) jobs: BTreeMap<JobName, ModelJob>,
    pub(crate) paused: bool,
    /// Ends that came too late.
    pub(crate) stale: usize,
    /// Attempts that had to begin alone.
    pub(crate) alone: usize,
    next_place: u64,
}

#[derive(Debug, Default)]
pub(crate) struct ModelJob {
    pub(crate) paused: bool,
    running: u32,
    /// What its newest task says.
    concurrency_max: u32,
}

impl Model {
    /// Tasks were taken, or were there.
    pub(crate) fn enqueued(&mut self, tasks: &[NewTask], answers: &[Enqueued], now: Timestamp) -> Check {
        for (new, answer) in tasks.iter().zip(answers) {
            match answer.how {
                How::New => self.insert(new.clone(), now)?,
                How::Replaced(old) => {
                    let task = self.find(old)?;
                    ensure!(
                        task.life.state == State::Queued,
                        "{old} was replaced while it was {}",
                        task.life.state
                    );
                    let Ok(lifecycle::Cancel::Now(transition)) = lifecycle::cancel(&task.life) else {
                        return Err(format!("{old} was replaced and cannot be cancelled"));
                    };
                    self.go(old, &transition, now)?;
                    self.insert(new.clone(), now)?;
                }
                How::Known | How::Existing => {
                    self.find(answer.id)?;
                }
            }
        }
        Ok(())
    }

    fn insert(&mut self, new: NewTask, now: Timestamp) -> Check {
        if let Some(unique) = &new.unique {
            let holds = |task: &&ModelTask| {
                task.life.state.holds_unique_key()
                    && task.new.job == new.job
                    && task.new.unique.as_ref().is_some_and(|it| it.key == unique.key)
            };
            let holder = self.tasks.values().find(holds);
            ensure!(holder.is_none(), "{} was taken beside the holder of its unique key", new.id);
        }
        let enqueue = Enqueue {
            run_at: Some(new.run_at),
            priority: new.priority,
            expires_at: new.expires_at,
            retry: new.retry,
            configured: new.configuration.is_some(),
        };
        let life = Task::enqueued(enqueue, now);
        self.next_place += 1;
        self.jobs.entry(new.job.clone()).or_default().concurrency_max = new.concurrency_max;
        let ready = life.is_due(now);
        let task = ModelTask { place: self.next_place, life, ready, running: None, ends: Vec::new(), new };
        ensure!(self.tasks.insert(task.new.id, task).is_none(), "an id was taken twice");
        Ok(())
    }

    /// Attempts began.
    pub(crate) fn claimed(&mut self, claim: &Claim, answer: &Claimed, owner: Owner, unheard: bool) -> Check {
        for task in self.tasks.values_mut() {
            task.ready |= task.life.is_due(claim.now);
        }
        for expired in &answer.expired {
            self.expired(expired, claim.now)?;
        }
        ensure!(answer.tasks.len() <= claim.tasks_max, "a claim gave more than it was asked for");
        let mut last = None;
        for claimed in &answer.tasks {
            let id = claimed.held.task;
            let task = self.find(id)?;
            ensure!(task.running.is_none(), "{id} was begun while an attempt of it ran");
            ensure!(task.ready, "{id} was begun before it was due");
            ensure!(!self.paused && !self.job(task).paused, "{id} was begun while its job was paused");
            let order = (task.life.order_key, task.place);
            ensure!(last < Some(order), "{id} was claimed after one that it comes before");
            last = Some(order);
            let transition =
                lifecycle::claim(&task.life, claim.now).map_err(|refusal| format!("{id}: {refusal}"))?;
            self.go(id, &transition, claim.now)?;
            let task = self.find_mut(id)?;
            ensure!(
                claimed.held.attempt == task.life.attempts,
                "{id} was begun with a number that is not next"
            );
            task.running =
                Some(ModelAttempt { held: claimed.held, owner, lease_until: claim.lease_until, unheard });
        }
        for claimed in &answer.tasks {
            let ModelJob { running, concurrency_max, .. } = self.jobs[&claimed.job];
            let job = &claimed.job;
            ensure!(
                running <= concurrency_max,
                "{running} attempts of {job} ran, allowed are {concurrency_max}"
            );
        }
        self.alone += answer.tasks.iter().filter(|claimed| claimed.alone).count();
        let Some(last) = last else { return Ok(()) };
        let overtaken =
            self.first_claimable(claim.now).filter(|task| (task.life.order_key, task.place) < last);
        ensure!(
            overtaken.is_none(),
            "{} was overtaken",
            overtaken.map(|task| task.new.id.to_string()).unwrap_or_default()
        );
        Ok(())
    }

    /// The task that is next, if there were room for it.
    pub(crate) fn first_claimable(&self, now: Timestamp) -> Option<&ModelTask> {
        let ready = self.tasks.values().filter(|task| {
            task.life.state == State::Queued
                && (task.ready || task.life.is_due(now))
                && !task.life.is_past_expiry(now)
                && !self.job(task).paused
                && self.job(task).running < self.job(task).concurrency_max
        });
        let ready = ready.filter(|_| !self.paused);
        ready.min_by_key(|task| (task.life.order_key, task.place))
    }

    pub(crate) fn expired(&mut self, expired: &Expired, now: Timestamp) -> Check {
        let task = self.find(expired.id)?;
        let transition =
            lifecycle::expire(&task.life, now).map_err(|refusal| format!("{}: {refusal}", expired.id))?;
        self.go(expired.id, &transition, now)
    }

    /// Attempts ended.
    pub(crate) fn settled(&mut self, settles: &[Settle], answers: &[Settled]) -> Check {
        ensure!(settles.len() == answers.len(), "a settlement was not answered in full");
        for (settle, answer) in settles.iter().zip(answers) {
            let id = settle.held.task;
            let task = self.find(id)?;
            let is_its_own = task.running.is_some_and(|running| running.held == settle.held);
            let Settled::Applied(applied) = answer else {
                ensure!(!is_its_own, "the end of the attempt that ran at {id} was taken for stale");
                self.stale += 1;
                continue;
            };
            ensure!(is_its_own, "a stale end of {id} was written down");
            let expected = lifecycle::settle(&task.life, settle.ending, settle.now, settle.jitter)
                .map_err(|refusal| format!("{id}: {refusal}"))?;
            ensure!(
                applied.transition == expected,
                "{id} went to {:?}, not {expected:?}",
                applied.transition
            );
            self.end(id, settle.ending.outcome, &expected, settle.now)?;
            let is_there = |asked: &NewTask| applied.enqueued.iter().any(|one| one.id == asked.id);
            for asked in settle.asked.iter().filter(|asked| is_there(asked)) {
                self.insert(asked.clone(), settle.now)?;
            }
        }
        Ok(())
    }

    pub(crate) fn rescued(&mut self, rescue: &Rescue, answers: &[Rescued]) -> Check<Vec<ModelAttempt>> {
        let mut lost = Vec::new();
        for rescued in answers {
            let id = rescued.held.task;
            let task = self.find(id)?;
            let running = task.running.filter(|running| running.held == rescued.held);
            let running =
                running.ok_or_else(|| format!("an attempt of {id} was rescued that does not run"))?;
            ensure!(running.lease_until <= rescue.leases_until, "{id} was rescued before its lease was over");
            self.end(id, Outcome::Lost, &rescued.transition, rescue.now)?;
            lost.push(running);
        }
        Ok(lost)
    }

    pub(crate) fn extended(&mut self, extend: &Extend, answers: &[Extended]) -> Check {
        for (held, answer) in extend.held.iter().zip(answers) {
            let task = self.find_mut(held.task)?;
            let running = task.running.as_mut().filter(|running| running.held == *held);
            match (running, answer) {
                (Some(running), Extended::Kept { .. }) => running.lease_until = extend.lease_until,
                (None, Extended::Stale) => {}
                _ => return Err(format!("the lease of {} was {answer:?}", held.task)),
            }
        }
        Ok(())
    }

    pub(crate) fn cancelled(&mut self, id: TaskId, answer: &CancelledTask, now: Timestamp) -> Check {
        let task = self.find(id)?;
        ensure!(
            answer.job.as_ref() == Some(&task.new.job),
            "{id} was cancelled as a task of {:?}",
            answer.job
        );
        match (lifecycle::cancel(&task.life), answer.how) {
            (Ok(lifecycle::Cancel::Now(transition)), Cancelled::Now) => self.go(id, &transition, now),
            (Ok(lifecycle::Cancel::Requested), Cancelled::Requested { attempt }) => {
                ensure!(attempt == task.life.attempts, "another attempt of {id} was to be cancelled");
                self.find_mut(id)?.life.cancel_requested = true;
                Ok(())
            }
            (Ok(lifecycle::Cancel::Already), Cancelled::Already) => Ok(()),
            (Err(expected), Cancelled::Refused(refusal)) if expected == refusal => Ok(()),
            (expected, answer) => Err(format!("a cancel of {id} was {answer:?}, expected {expected:?}")),
        }
    }

    pub(crate) fn retried(
        &mut self,
        id: TaskId,
        answer: &RetriedTask,
        delay_ms: u64,
        now: Timestamp,
    ) -> Check {
        let task = self.find(id)?;
        ensure!(answer.job.as_ref() == Some(&task.new.job), "{id} was retried as a task of {:?}", answer.job);
        match (lifecycle::retry(&task.life, delay_ms, now), answer.how) {
            (Ok(transition), Retried::Queued) => self.go(id, &transition, now),
            (Ok(_), Retried::UniqueConflict { task_id }) => {
                let holder = self.find(task_id)?;
                ensure!(holder.life.state.holds_unique_key(), "{task_id} holds a key though it has ended");
                Ok(())
            }
            (Err(expected), Retried::Refused(refusal)) if expected == refusal => Ok(()),
            (expected, answer) => Err(format!("a retry of {id} was {answer:?}, expected {expected:?}")),
        }
    }

    fn end(&mut self, id: TaskId, outcome: Outcome, transition: &Transition, now: Timestamp) -> Check {
        let task = self.find_mut(id)?;
        task.running = None;
        task.ends.push(outcome);
        self.go(id, transition, now)
    }

    fn go(&mut self, id: TaskId, transition: &Transition, now: Timestamp) -> Check {
        let task = self.find_mut(id)?;
        let was_running = task.life.state == State::Running;
        task.life = task.life.after(transition);
        task.ready = task.life.is_due(now);
        let runs = task.life.state == State::Running;
        let job = task.new.job.clone();
        let running = &mut self.jobs.entry(job).or_default().running;
        *running = *running + u32::from(runs) - u32::from(was_running);
        Ok(())
    }

    fn job(&self, task: &ModelTask) -> &ModelJob {
        &self.jobs[&task.new.job]
    }

    pub(crate) fn find(&self, id: TaskId) -> Check<&ModelTask> {
        self.tasks.get(&id).ok_or_else(|| format!("nobody enqueued {id}"))
    }

    pub(crate) fn find_mut(&mut self, id: TaskId) -> Check<&mut ModelTask> {
        self.tasks.get_mut(&id).ok_or_else(|| format!("nobody enqueued {id}"))
    }
}
