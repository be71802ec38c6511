//! What one seed plays: how many hosts of which size, which tasks, and what clients, operators and faults do.

use crate::broken::Broken;
use crate::dice::Dice;
use crate::model::Check;
use crate::script;
use crate::world::{World, now};
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{Timestamp, retry_policy};
use mainworker_domain::manifest::Retry;
use mainworker_domain::task_id::TaskId;
use mainworker_domain::task_options::UniquePolicy;
use mainworker_queue::dispatch::DispatchOptions;
use mainworker_queue::dispatch::core::Input;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::cancel::{Cancel, Cancelled};
use mainworker_queue::verbs::enqueue::{Enqueue, EnqueueError, Idempotency, NewTask, Unique};
use mainworker_queue::verbs::expire::Expire;
use mainworker_queue::verbs::pause::Pause;
use mainworker_queue::verbs::retry::Retry as RetryVerb;

/// Memory of a host, in units of nothing in particular.
const MEMORY_BYTES: u64 = 100;

pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) hosts: usize,
    pub(crate) options: DispatchOptions,
    pub(crate) operations: u32,
    pub(crate) faults: bool,
    jobs: Vec<(JobName, u32)>,
    /// Tasks that come together at the most.
    batch_max: u64,
    /// Hosts crash so often that some tasks lose several attempts.
    crashes: bool,
}

impl Plan {
    pub(crate) fn new(seed: u64, dice: &mut Dice) -> Self {
        let slots = 1 + dice.index(6);
        let options = DispatchOptions {
            prefetch_max: dice.index(40),
            // All hosts have one name: nothing may depend on it.
            ..DispatchOptions::new("host", slots, MEMORY_BYTES)
        };
        let job = |name: &str, concurrency_max| (JobName::parse(name).unwrap(), concurrency_max);
        Self {
            seed,
            hosts: if dice.percent(70) { 1 } else { 2 },
            options,
            operations: 15 + u32::try_from(dice.below(35)).unwrap(),
            faults: dice.percent(60),
            jobs: vec![job("one-at-a-time", 1), job("a-few", 3), job("many", 1_000)],
            crashes: script::is_long(seed),
            batch_max: if dice.percent(25) { 24 } else { 3 },
        }
    }

    /// The task with that number.
    pub(crate) fn task(&self, number: u64, now: Timestamp, dice: &mut Dice) -> NewTask {
        let (job, concurrency_max) = self.jobs[dice.index(self.jobs.len())].clone();
        let key = |dice: &mut Dice| format!("key-{}", dice.below(4));
        let policy = dice.pick(&UniquePolicy::ALL);
        let retry =
            Retry { max_attempts: 1 + u32::try_from(dice.below(4)).unwrap(), base_ms: 50, cap_ms: 2_000 };
        let mut id = [0; 16];
        id[8..].copy_from_slice(&number.to_be_bytes());
        NewTask {
            id: TaskId::from_bytes(id),
            job,
            source: "api".to_owned(),
            revision: Digest::from_sha256([7; 32]),
            payload: "{}".to_owned(),
            configuration: dice.percent(20).then(|| vec![1]),
            priority: if dice.percent(60) { 0 } else { u8::try_from(dice.below(10)).unwrap() },
            run_at: if dice.percent(75) { now } else { now.after_ms(dice.below(5_000)) },
            expires_at: dice.percent(10).then(|| now.after_ms(1 + dice.below(6_000))),
            timeout_ms: None,
            label: None,
            tags: if dice.percent(20) { vec!["tag".to_owned()] } else { Vec::new() },
            idempotency: dice.percent(5).then(|| Idempotency { key: key(dice), fingerprint: [1; 32] }),
            unique: dice.percent(15).then(|| Unique { key: key(dice), policy }),
            retry: retry_policy(retry, None),
            concurrency_max,
            concurrency_key: None,
            memory_bytes_max: if dice.percent(95) { 1 + dice.below(60) } else { MEMORY_BYTES + 50 },
            parent: None,
            depth: 0,
            by: None,
        }
    }
}

impl World {
    /// Somebody does something.
    pub(crate) fn operate(&mut self) -> Check {
        let host = self.dice.index(self.hosts.len());
        if self.faults && self.plan.crashes && self.dice.percent(20) {
            self.crash(host);
            return Ok(());
        }
        match self.dice.below(100) {
            0..55 => self.enqueue(),
            55..68 => self.cancel(),
            68..75 => self.retry(),
            75..84 => self.pause(),
            84..88 => self.expire(),
            88..91 => self.drain(host),
            91..94 if self.faults => {
                self.crash(host);
                Ok(())
            }
            94..97 if self.faults => {
                self.cut_off(host);
                Ok(())
            }
            97..100 => {
                self.jump();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn enqueue(&mut self) -> Check {
        let wall = self.wall();
        let count = 1 + self.dice.below(self.plan.batch_max);
        let mut tasks = Vec::new();
        for _ in 0..count {
            self.next_task += 1;
            tasks.push(self.plan.task(self.next_task, wall, &mut self.dice));
        }
        let mut spoilt = tasks.clone();
        if let Some(broken) = self.broken {
            spoilt.iter_mut().for_each(|task| broken.spoil_task(task));
        }
        match now(self.store.enqueue(Enqueue { tasks: spoilt, now: wall, open_max: 1_000 })) {
            Ok(answers) => self.model.enqueued(&tasks, &answers, wall)?,
            Err(EnqueueError::Refused { .. }) => {}
            Err(EnqueueError::Store(error)) => return Err(error.to_string()),
        }
        self.tell_all(|| Input::Wake)
    }

    fn any_task(&mut self) -> Option<TaskId> {
        let ids: Vec<_> = self.model.tasks.keys().copied().collect();
        (!ids.is_empty()).then(|| self.dice.pick(&ids))
    }

    fn cancel(&mut self) -> Check {
        let Some(id) = self.any_task() else { return Ok(()) };
        let wall = self.wall();
        let answers = now(self.store.cancel(Cancel { tasks: vec![id], now: wall, by: None })).unwrap();
        self.model.cancelled(id, &answers[0], wall)?;
        match answers[0].how {
            Cancelled::Requested { attempt } => self.tell_all(|| Input::StopAttempt { task: id, attempt }),
            // It may have stood before others, too large for the room that is left.
            Cancelled::Now => self.tell_all(|| Input::Wake),
            _ => Ok(()),
        }
    }

    fn retry(&mut self) -> Check {
        let Some(id) = self.any_task() else { return Ok(()) };
        let (wall, delay_ms) = (self.wall(), self.dice.below(300));
        let answers =
            now(self.store.retry(RetryVerb { tasks: vec![id], delay_ms, now: wall, by: None })).unwrap();
        self.model.retried(id, &answers[0], delay_ms, wall)?;
        self.tell_all(|| Input::Wake)
    }

    fn pause(&mut self) -> Check {
        let job =
            self.dice.percent(75).then(|| self.plan.jobs[self.dice.index(self.plan.jobs.len())].0.clone());
        let paused = self.dice.percent(50);
        self.set_paused(job, paused);
        self.tell_all(|| Input::Wake)
    }

    fn set_paused(&mut self, job: Option<JobName>, paused: bool) {
        if self.broken != Some(Broken::IgnoresPauses) {
            let pause = Pause { job: job.clone(), paused, now: self.wall(), by: None };
            now(self.store.pause(pause)).unwrap();
        }
        match job {
            Some(job) => self.model.jobs.entry(job).or_default().paused = paused,
            None => self.model.paused = paused,
        }
    }

    /// Nothing is paused any more.
    pub(crate) fn resume_all(&mut self) {
        self.set_paused(None, false);
        for (job, _) in self.plan.jobs.clone() {
            self.set_paused(Some(job), false);
        }
    }

    fn expire(&mut self) -> Check {
        let wall = self.wall();
        let expired = now(self.store.expire(Expire { now: wall, tasks_max: 5 })).unwrap();
        expired.iter().try_for_each(|it| self.model.expired(it, wall))
    }
}
