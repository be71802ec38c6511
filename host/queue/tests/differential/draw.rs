//! Draws operations: mostly such as a host would ask for, with few jobs and keys so that they meet, and some that are stale,
//! unknown or at odd times.

use crate::operation::{Answer, Operation};
use crate::support::{NOW, id, job, line, progress, schedule};
use mainworker_domain::access::{Role, TokenId};
use mainworker_domain::audit::{Action, Actor, Object};
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{Ending, Jitter, State, Timestamp};
use mainworker_domain::manifest;
use mainworker_domain::outcome::{Outcome, Usage};
use mainworker_domain::schedule::{Overlap, ScheduleName};
use mainworker_domain::task_id::TaskId;
use mainworker_domain::task_options::UniquePolicy;
use mainworker_queue::attempt::{AttemptError, Figures, Held, Lease};
use mainworker_queue::verbs::audit::{AuditFilter, PruneAudit};
use mainworker_queue::verbs::cancel::Cancel;
use mainworker_queue::verbs::claim::Claim;
use mainworker_queue::verbs::deployments::{
    CollectRevisions, Deploy, Deployed, NewRevision, Rollback, RolledBack, Undeploy, Undeployed,
};
use mainworker_queue::verbs::enqueue::{ConcurrencyKey, Enqueue, Idempotency, NewTask, Unique};
use mainworker_queue::verbs::expire::Expire;
use mainworker_queue::verbs::extend::Extend;
use mainworker_queue::verbs::fire::{Fire, Fired, Run, RunFate, Seen};
use mainworker_queue::verbs::list::Filter;
use mainworker_queue::verbs::pause::Pause;
use mainworker_queue::verbs::prune::{Prune, Retention};
use mainworker_queue::verbs::record::{LogPiece, Record};
use mainworker_queue::verbs::rescue::Rescue;
use mainworker_queue::verbs::retry::Retry;
use mainworker_queue::verbs::schedules::{
    ApplySchedules, PauseSchedule, PutSchedule, ScheduleId, ScheduleRow,
};
use mainworker_queue::verbs::settle::{Settle, Settled};
use mainworker_queue::verbs::tokens::{AddToken, NewToken, RevokeToken, TouchTokens};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::mem::take;

/// Milliseconds of an hour, as far as the wall clock jumps.
const HOUR_MS: i64 = 3_600_000;

/// Draws operations, with what it knows from the answers to the former ones.
pub(crate) struct Draw {
    random: StdRng,
    /// By the wall clock, which jumps.
    now: Timestamp,
    /// By the clock of leases, which does not.
    steady: Timestamp,
    /// The number of the newest task that was drawn, taken or not.
    newest: u128,
    /// Tasks that were taken.
    taken: Vec<TaskId>,
    /// Attempts that run.
    running: Vec<Held>,
    /// Attempts that ended.
    ended: Vec<Held>,
    /// Those whose ends were asked for last.
    settling: Vec<Held>,
    /// Schedules as they were seen last.
    schedules: Vec<ScheduleRow>,
    /// The modules that are current, by job.
    current: BTreeMap<JobName, Digest>,
    /// The job that was to be deployed, rolled back or undeployed last, and the module that it was to be.
    changing: Option<(JobName, Digest)>,
}

impl Draw {
    const ACTORS: [Actor; 2] = [Actor::Operator, Actor::Settings];

    /// The same operations for the same seed and answers.
    pub(crate) fn new(seed: u64) -> Self {
        let random = StdRng::seed_from_u64(seed);
        Self {
            random,
            now: NOW,
            steady: Timestamp::MIN,
            newest: 0,
            taken: Vec::new(),
            running: Vec::new(),
            ended: Vec::new(),
            settling: Vec::new(),
            schedules: Vec::new(),
            current: BTreeMap::new(),
            changing: None,
        }
    }

    /// What shows all that is there; to ask for in the end.
    pub(crate) fn last(&self) -> Vec<Operation> {
        // One that there never was, too.
        let tasks = (1..=self.newest + 1).map(id);
        let all = tasks.flat_map(|id| [Operation::Task(id), Operation::Log(id, 1_000)]);
        let first = [
            Operation::Overview,
            Operation::List(Filter::default(), Timestamp::MAX),
            Operation::Tokens,
            Operation::Audit(AuditFilter::default()),
            Operation::Schedules,
            Operation::Schedule(schedule("s")),
            Operation::Schedule(schedule("t")),
            Operation::Deployments,
            Operation::KeptRevisions,
            Operation::Revisions(job("a")),
            Operation::Revisions(job("b")),
        ];
        first.into_iter().chain(all).collect()
    }

    /// Learns from the answer to the newest operation.
    pub(crate) fn learn(&mut self, answer: &Answer) {
        match answer {
            Answer::Enqueued(Ok(enqueued)) => self.taken.extend(enqueued.iter().map(|one| one.id)),
            Answer::Claimed(Ok(claimed)) => self.running.extend(claimed.tasks.iter().map(|task| task.held)),
            Answer::Settled(Ok(settled)) => {
                for (held, settled) in take(&mut self.settling).into_iter().zip(settled) {
                    if let Settled::Applied(applied) = settled {
                        self.over(held);
                        self.taken.extend(applied.enqueued.iter().map(|one| one.id));
                    }
                }
            }
            Answer::Schedules(Ok(rows)) => self.schedules.clone_from(rows),
            Answer::Fired(Ok(Fired::Done(done))) => {
                let enqueued = done.fates.iter().filter_map(|fate| match fate {
                    RunFate::Enqueued(enqueued) => Some(enqueued.id),
                    _ => None,
                });
                self.taken.extend(enqueued);
            }
            Answer::Deployed(Ok(Deployed::Now { .. } | Deployed::Already)) => {
                self.current.extend(self.changing.take());
            }
            Answer::RolledBack(Ok(RolledBack::Now { to, .. })) => {
                self.current.extend(self.changing.take().map(|(job, _)| (job, *to)));
            }
            Answer::Undeployed(Ok(Undeployed::Now { .. })) => {
                if let Some((job, _)) = self.changing.take() {
                    self.current.remove(&job);
                }
            }
            Answer::Rescued(Ok(rescued)) => rescued.iter().for_each(|one| self.over(one.held)),
            _ => {}
        }
    }

    fn over(&mut self, held: Held) {
        self.running.retain(|&running| running != held);
        self.ended.push(held);
    }

    /// Whether the other store is to be opened again, before the next operation.
    pub(crate) fn reopens(&mut self) -> bool {
        self.one_in(50)
    }

    /// The next operation.
    pub(crate) fn next(&mut self) -> Operation {
        self.pass_time();
        match self.below(146) {
            0..24 => Operation::Enqueue(self.enqueue()),
            24..44 => Operation::Claim(self.claim()),
            44..64 => {
                let settles = self.several(4, Self::settle);
                self.settling = settles.iter().map(|settle| settle.held).collect();
                Operation::Settle(settles)
            }
            64..68 => Operation::Extend(Extend {
                held: self.several(4, Self::held),
                lease_until: self.steady.after_ms(15_000),
            }),
            68..72 => Operation::Rescue(self.rescue()),
            72..77 => Operation::Record(self.several(4, Self::record)),
            77..81 => Operation::Cancel(Cancel {
                tasks: self.several(4, Self::task),
                now: self.now,
                by: self.actor(),
            }),
            81..86 => Operation::Retry(Retry {
                tasks: self.several(4, Self::task),
                delay_ms: self.sometimes(|draw| draw.below(20_000)).unwrap_or(0),
                now: self.now,
                by: self.actor(),
            }),
            86..89 => Operation::Pause(self.pause()),
            89..91 => Operation::Expire(Expire { now: self.now, tasks_max: self.size(1, 5) }),
            91 => Operation::Prune(self.prune()),
            92..94 => Operation::Task(self.task()),
            94..97 => Operation::List(self.filter(), self.now),
            99..101 => Operation::AddToken(self.add_token()),
            101 | 108 | 109 => Operation::RevokeToken(RevokeToken {
                id: self.token(),
                now: self.now,
                by: self.one_of(&Self::ACTORS),
            }),
            102..104 => Operation::TouchTokens(TouchTokens {
                used: self.several(3, |draw| (draw.token(), draw.around(-9_000, 0))),
            }),
            104 => Operation::Tokens,
            105..107 => Operation::Audit(self.audit_filter()),
            107 => Operation::PruneAudit(PruneAudit {
                before: self.around(-600_000, 0),
                entries_max: self.size(0, 4),
            }),
            110..114 => Operation::ApplySchedules(self.apply()),
            114 => Operation::PauseSchedule(PauseSchedule {
                name: self.schedule(),
                paused: self.one_in(3),
                next_at: self.sometimes(|draw| draw.around(0, 9_000)),
                now: self.now,
                by: self.actor(),
            }),
            115..118 => Operation::Schedules,
            118 => Operation::Schedule(self.schedule()),
            119..126 => Operation::Fire(self.fire()),
            126..133 => Operation::Deploy(self.deploy()),
            133..136 => Operation::Rollback(self.rollback()),
            136 => {
                let job = self.deployed_job();
                self.changing = Some((job.clone(), self.module()));
                Operation::Undeploy(Undeploy { job, now: self.now, by: self.one_of(&Self::ACTORS) })
            }
            137 => Operation::Deployments,
            138 => Operation::KeptRevisions,
            139..141 => Operation::Revisions(self.deployed_job()),
            141..144 => Operation::CollectRevisions(CollectRevisions {
                keep: self.one_of(&[0, 0, 1, 2]),
                superseded_before: self.around(-20_000, 5_000),
                revisions_max: self.size(0, 4),
                after: 0,
            }),
            97..99 => Operation::Log(self.task(), self.size(0, 60)),
            _ => Operation::Overview,
        }
    }

    /// Mostly some seconds; at times the wall clock jumps.
    fn pass_time(&mut self) {
        let ms = self.below(4_000);
        self.steady = self.steady.after_ms(ms);
        self.now = self.now.after_ms(ms);
        let jump_ms = match self.below(40) {
            0 => HOUR_MS,
            1 => -HOUR_MS,
            2 => self.random.random_range(-30_000..30_000),
            _ => return,
        };
        self.now = Timestamp::from_ms(self.now.as_ms() + jump_ms);
    }

    fn enqueue(&mut self) -> Enqueue {
        let count = if self.one_in(3) { self.size(0, 6) } else { 1 };
        let tasks = (0..count).map(|_| self.new_task()).collect();
        let open_max = if self.one_in(8) { self.below(30) } else { u64::MAX };
        Enqueue { tasks, now: self.now, open_max }
    }

    fn new_task(&mut self) -> NewTask {
        self.newest += 1;
        let number = self.newest;
        let run_at = match self.below(4) {
            0 => self.around(-10_000, 20_000),
            _ => self.now,
        };
        NewTask {
            id: id(number),
            job: job(self.one_of(&["a", "b", "c"])),
            source: self.one_of(&["api", "api", "ci"]).to_owned(),
            revision: Digest::from_sha256([self.one_of(&[1, 2]); 32]),
            payload: format!("{{\"number\":{number}}}"),
            configuration: self.sometimes(|draw| vec![draw.one_of(&[0, 255]); draw.size(0, 3)]),
            priority: if self.one_in(2) { 0 } else { self.one_of(&[0, 1, 5, 9]) },
            run_at,
            expires_at: self.sometimes(|draw| draw.around(-1_000, 15_000)),
            timeout_ms: self.sometimes(|draw| draw.below(5_000)),
            label: self.sometimes(|draw| draw.one_of(&["May", "June"]).to_owned()),
            tags: ["x", "y", "z"].into_iter().filter(|_| self.one_in(4)).map(str::to_owned).collect(),
            idempotency: self.sometimes(|draw| Idempotency {
                key: draw.one_of(&["k", "l", "m"]).to_owned(),
                fingerprint: [draw.one_of(&[1, 1, 2]); 32],
            }),
            unique: self.sometimes(Self::unique),
            retry: manifest::Retry { max_attempts: self.one_of(&[1, 2, 5]), base_ms: 2_000, cap_ms: 6_000 },
            concurrency_max: self.one_of(&[1, 2, 3, 100, 100]),
            concurrency_key: self.concurrency_key(),
            memory_bytes_max: self.below(6),
            parent: self.sometimes(Self::task),
            depth: self.one_of(&[0, 0, 0, 3]),
            by: self.actor(),
        }
    }

    /// Somebody, or nobody.
    fn actor(&mut self) -> Option<Actor> {
        self.sometimes(
            |draw| {
                if draw.one_in(2) { Actor::Token(draw.token()) } else { draw.one_of(&Self::ACTORS) }
            },
        )
    }

    fn token(&mut self) -> TokenId {
        TokenId::from_random(self.below(5))
    }

    fn add_token(&mut self) -> AddToken {
        let token = NewToken {
            id: self.token(),
            source: self.sometimes(|draw| draw.one_of(&["api", "ci"]).to_owned()),
            jobs: self.sometimes(|draw| draw.several(2, |draw| job(draw.one_of(&["a", "b"])))),
            roles: self.several(3, |draw| draw.one_of(&Role::ALL)),
            secret_sha256: [self.one_of(&[1, 2]); 32],
            expires_at: self.sometimes(|draw| draw.around(-1_000, 60_000)),
        };
        AddToken { token, now: self.now, by: self.one_of(&Self::ACTORS) }
    }

    fn schedule(&mut self) -> ScheduleName {
        schedule(self.one_of(&["s", "t"]))
    }

    fn apply(&mut self) -> ApplySchedules {
        ApplySchedules {
            set: self.sometimes(|_| schedule("company")),
            puts: self.several(2, |draw| PutSchedule {
                name: draw.schedule(),
                definition: draw.one_of(&["{}", "[]"]).to_owned(),
                evaluated_to: draw.now,
                next_at: draw.sometimes(|draw| draw.around(0, 9_000)),
                restarts: draw.one_in(2),
                expected_revision: draw.sometimes(|draw| draw.one_of(&[None, Some(1), Some(2)])),
            }),
            deletes: if self.one_in(4) { vec![self.schedule()] } else { Vec::new() },
            now: self.now,
            by: self.actor(),
        }
    }

    /// Mostly what a scheduler would ask for that has seen what was seen last.
    fn fire(&mut self) -> Fire {
        let never = (ScheduleId::from_number(99), Seen { revision: 1, evaluated_to: self.now });
        let seen: Vec<_> = self
            .schedules
            .iter()
            .map(|row| (row.id, Seen { revision: row.revision, evaluated_to: row.evaluated_to }))
            .collect();
        let (schedule, seen) = if seen.is_empty() { never } else { self.one_of(&seen) };
        let fire = Fire {
            schedule,
            seen,
            runs: self.several(3, |draw| Run {
                occurrence: (!draw.one_in(5))
                    .then(|| Timestamp::from_ms(NOW.as_ms() + draw.one_of(&[0, 1, 2, 3, 4]))),
                task: if draw.one_in(8) { Err("refused".to_owned()) } else { Ok(Box::new(draw.new_task())) },
            }),
            overlap: self.one_of(&Overlap::ALL),
            dropped: self.below(3),
            evaluated_to: self.now,
            next_at: self.sometimes(|draw| draw.around(0, 9_000)),
            ended: self.sometimes(|_| "once".to_owned()),
            problem: self.sometimes(|_| "in trouble".to_owned()),
            now: self.now,
            by: self.actor(),
        };
        // What follows is as if this had been seen to be done.
        if fire.by.is_none() && self.one_in(2) {
            let row = self.schedules.iter_mut().find(|row| row.id == schedule);
            row.into_iter().for_each(|row| row.evaluated_to = fire.evaluated_to);
        }
        fire
    }

    fn deployed_job(&mut self) -> JobName {
        job(self.one_of(&["a", "b"]))
    }

    /// Those that tasks are accepted with, and others.
    fn module(&mut self) -> Digest {
        Digest::from_sha256([self.one_of(&[1, 2, 3, 4, 5]); 32])
    }

    /// Mostly what somebody would ask for who has seen what is current.
    fn deploy(&mut self) -> Deploy {
        let (job, module) = (self.deployed_job(), self.module());
        let current = self.current.get(&job).copied();
        let expected = if self.one_in(4) { self.sometimes(Self::module) } else { current };
        self.changing = Some((job.clone(), module));
        let revision = NewRevision {
            job,
            module,
            oci_manifest: module,
            version: self.one_of(&["1.0.0", "1.0.0", "2.0.0"]).to_owned(),
            commit: "c0ffee".to_owned(),
            builder: "https://ci.example".to_owned(),
            key_id: self.one_of(&["ci", "ci", "ci-2"]).to_owned(),
            key_fingerprint: "sha256:77".to_owned(),
            from: "/srv/published".to_owned(),
        };
        let allowed_widenings = self.several(2, |draw| draw.one_of(&["source:a", "source:b"]).to_owned());
        let by = self.one_of(&Self::ACTORS);
        Deploy { revision, expected, allowed_widenings, now: self.now, by }
    }

    fn rollback(&mut self) -> Rollback {
        let (job, module) = (self.deployed_job(), self.module());
        self.changing = Some((job.clone(), module));
        let to = if self.one_in(3) { Some(module) } else { None };
        Rollback { job, to, now: self.now, by: self.one_of(&Self::ACTORS) }
    }

    fn audit_filter(&mut self) -> AuditFilter {
        AuditFilter {
            actor: self.actor(),
            action: self.sometimes(|draw| draw.one_of(Action::ALL)),
            object: self.sometimes(|draw| match draw.below(5) {
                4 => Object::Schedule(draw.schedule()),
                0 => Object::Host,
                1 => Object::Job(job(draw.one_of(&["a", "b"]))),
                2 => Object::Token(draw.token()),
                _ => Object::Task(draw.task()),
            }),
            from: self.sometimes(|draw| draw.around(-60_000, 0)),
            to: self.sometimes(|draw| draw.around(-60_000, 0)),
        }
    }

    /// A third of the tasks have one.
    fn concurrency_key(&mut self) -> Option<ConcurrencyKey> {
        let keyed = self.one_in(3);
        keyed.then(|| ConcurrencyKey {
            key: self.one_of(&["k", "k", "l"]).to_owned(),
            running_max: self.one_of(&[0, 1, 1, 2, 3]),
        })
    }

    fn unique(&mut self) -> Unique {
        Unique { key: self.one_of(&["u", "v"]).to_owned(), policy: self.one_of(&UniquePolicy::ALL) }
    }

    /// A task that an attempt asks for. More of them have a unique key than of others, since there are few.
    fn asked(&mut self) -> NewTask {
        let unique = if self.one_in(2) { Some(self.unique()) } else { None };
        NewTask { unique, ..self.new_task() }
    }

    fn claim(&mut self) -> Claim {
        Claim {
            now: self.now,
            lease: Lease::from_bits(self.random.random()),
            lease_until: self.steady.after_ms(15_000),
            host: self.one_of(&["host-1", "host-2"]).to_owned(),
            tasks_max: self.size(0, 5),
            memory_bytes_max: if self.one_in(3) { self.below(12) } else { u64::MAX },
            idle: self.one_in(3),
        }
    }

    fn settle(&mut self) -> Settle {
        let outcome = match self.below(3) {
            0 => Outcome::Completed,
            1 => self.one_of(&[Outcome::Failed, Outcome::Lost]),
            _ => self.one_of(&Outcome::ALL),
        };
        let error = AttemptError {
            code: "code".to_owned(),
            message: format!("it ended as {outcome}"),
            hint: self.sometimes(|_| "try again".to_owned()),
        };
        let asked = if self.one_in(4) { self.size(0, 3) } else { 0 };
        Settle {
            held: self.held(),
            ending: Ending { outcome, retry_after_ms: self.below(5_000) },
            figures: Figures {
                started_at: self.around(-5_000, 100),
                finished_at: self.around(-5_000, 100),
                usage: Usage { wall_us: self.below(9), output_bytes: self.below(9), ..Usage::default() },
                ran: self.sometimes(|draw| Digest::from_sha256([draw.one_of(&[7, 8]); 32])),
            },
            result: (outcome == Outcome::Completed).then(|| "{}".to_owned()),
            error: (outcome != Outcome::Completed).then_some(error),
            log: self.piece(),
            progress: self.sometimes(|draw| progress(draw.one_of(&[2, 100]))),
            asked: (0..asked).map(|_| self.asked()).collect(),
            now: self.now,
            jitter: Jitter::from_bits(self.random.random()),
        }
    }

    fn rescue(&mut self) -> Rescue {
        let leases_until = if self.one_in(6) { Timestamp::MAX } else { self.steady };
        Rescue { leases_until, tasks_max: self.size(1, 4), now: self.now }
    }

    fn record(&mut self) -> Record {
        let held = self.held();
        Record { held, log: self.piece(), progress: self.sometimes(|draw| progress(draw.one_of(&[1, 99]))) }
    }

    fn piece(&mut self) -> LogPiece {
        let first_line = self.one_of(&[0, 0, 1, 2, 4]);
        let lines = (0..self.size(0, 3)).map(|_| line(&format!("line {}", self.below(100)))).collect();
        LogPiece { first_line, lines }
    }

    fn pause(&mut self) -> Pause {
        let job = if self.one_in(4) { None } else { Some(job(self.one_of(&["a", "b", "d"]))) };
        // More often resumed than paused, so that something goes on.
        Pause { job, paused: self.one_in(3), now: self.now, by: self.actor() }
    }

    fn prune(&mut self) -> Prune {
        let mut kept_ms = || self.one_of(&[0, 1_000, 10_000, u64::MAX]);
        let retention = Retention {
            completed_ms: kept_ms(),
            failed_ms: kept_ms(),
            cancelled_ms: kept_ms(),
            expired_ms: kept_ms(),
            audit_ms: u64::MAX,
            store_bytes_max: u64::MAX,
        };
        Prune { retention, now: self.now, tasks_max: self.size(1, 20), after: 0 }
    }

    fn filter(&mut self) -> Filter {
        Filter {
            states: if self.one_in(2) {
                Vec::new()
            } else {
                self.several(3, |draw| draw.one_of(&State::ALL))
            },
            job: self.sometimes(|draw| job(draw.one_of(&["a", "b"]))),
            source: self.sometimes(|draw| draw.one_of(&["api", "ci"]).to_owned()),
            label: self.sometimes(|draw| draw.one_of(&["May", "June"]).to_owned()),
            tag: self.sometimes(|draw| draw.one_of(&["x", "y"]).to_owned()),
            schedule: self.sometimes(Self::schedule),
            outcome: self.sometimes(|draw| draw.one_of(&Outcome::ALL)),
            created_from: self.sometimes(|draw| draw.around(-60_000, 0)),
            created_to: self.sometimes(|draw| draw.around(-60_000, 0)),
            longer_than_ms: self.sometimes(|draw| draw.below(5_000)),
        }
    }

    /// Mostly a task that was taken lately; at times one that never was.
    fn task(&mut self) -> TaskId {
        let back_max = if self.one_in(3) { self.taken.len() } else { 15 };
        let back = self.size(1, back_max.max(1));
        let taken = self.taken.len().checked_sub(back).map(|index| self.taken[index]);
        taken.filter(|_| !self.one_in(20)).unwrap_or(id(self.newest + 1))
    }

    /// Mostly an attempt that runs; at times one that ended or never was.
    fn held(&mut self) -> Held {
        let never = Held { task: self.task(), attempt: 1, lease: Lease::from_bits(1) };
        let those = if self.one_in(5) { self.ended.clone() } else { self.running.clone() };
        let held = if those.is_empty() { never } else { self.one_of(&those) };
        match self.below(30) {
            0 => Held { attempt: held.attempt + 1, ..held },
            1 => Held { lease: never.lease, ..held },
            2 => never,
            _ => held,
        }
    }

    fn several<T>(&mut self, most: usize, draw: impl Fn(&mut Self) -> T) -> Vec<T> {
        let count = self.size(0, most);
        (0..count).map(|_| draw(self)).collect()
    }

    fn sometimes<T>(&mut self, draw: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.one_in(4).then(|| draw(self))
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.random.random_range(0..all.len())].clone()
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.random.random_range(0..end)
    }

    fn size(&mut self, least: usize, most: usize) -> usize {
        self.random.random_range(least..=most)
    }

    /// A time from so many milliseconds after now to so many.
    fn around(&mut self, from_ms: i64, to_ms: i64) -> Timestamp {
        Timestamp::from_ms(self.now.as_ms() + self.random.random_range(from_ms..=to_ms))
    }
}
