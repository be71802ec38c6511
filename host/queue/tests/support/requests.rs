//! Requests with sensible defaults; a test changes what it is about, as in `NewTask { priority: 3, ..new_task(1) }`.

use mainworker_domain::audit::Actor;
use mainworker_domain::digest::Digest;
use mainworker_domain::event::{Level, LogLine, Progress};
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{Ending, Jitter, Timestamp};
use mainworker_domain::manifest::Retry;
use mainworker_domain::outcome::{Outcome, Usage};
use mainworker_domain::schedule::{Overlap, ScheduleName};
use mainworker_domain::task_id::TaskId;
use mainworker_domain::task_options::UniquePolicy;
use mainworker_queue::attempt::{AttemptError, Figures, Held, Lease};
use mainworker_queue::verbs::claim::Claim;
use mainworker_queue::verbs::deployments::{CollectRevisions, Deploy, NewRevision, Rollback};
use mainworker_queue::verbs::enqueue::{ConcurrencyKey, Enqueue, Idempotency, NewTask, Unique};
use mainworker_queue::verbs::fire::{Fire, Run, Seen};
use mainworker_queue::verbs::prune::Retention;
use mainworker_queue::verbs::record::LogPiece;
use mainworker_queue::verbs::schedules::{ApplySchedules, PutSchedule, ScheduleRow};
use mainworker_queue::verbs::settle::Settle;
use std::sync::atomic::{AtomicU64, Ordering};

/// When tests begin.
pub(crate) const NOW: Timestamp = Timestamp::from_ms(1_500_000_000_000);

/// So many seconds after [`NOW`]; before it, if they are negative.
pub(crate) fn at(seconds: i64) -> Timestamp {
    at_ms(seconds * 1_000)
}

/// So many milliseconds after [`NOW`]; before it, if they are negative.
pub(crate) fn at_ms(ms: i64) -> Timestamp {
    Timestamp::from_ms(NOW.as_ms() + ms)
}

/// Keeps all tasks, and the whole audit.
pub(crate) const KEEP_ALL: Retention = Retention {
    completed_ms: u64::MAX,
    failed_ms: u64::MAX,
    cancelled_ms: u64::MAX,
    expired_ms: u64::MAX,
    audit_ms: u64::MAX,
    store_bytes_max: u64::MAX,
};

/// Keeps no task that has ended, and the whole audit.
pub(crate) const KEEP_NO_ENDED: Retention =
    Retention { completed_ms: 0, failed_ms: 0, cancelled_ms: 0, expired_ms: 0, ..KEEP_ALL };

/// The id of the task with this number.
pub(crate) fn id(number: u128) -> TaskId {
    TaskId::from_bytes(number.to_be_bytes())
}

/// A job.
pub(crate) fn job(name: &str) -> JobName {
    JobName::parse(name).unwrap()
}

/// The name of a schedule.
pub(crate) fn schedule(name: &str) -> ScheduleName {
    ScheduleName::parse(name).unwrap()
}

/// That there is to be this schedule, whatever there was.
pub(crate) fn put(name: &str, definition: &str) -> PutSchedule {
    PutSchedule {
        name: schedule(name),
        definition: definition.to_owned(),
        evaluated_to: NOW,
        next_at: Some(at(60)),
        restarts: false,
        expected_revision: None,
    }
}

/// Applies schedules of no set, as the operator.
pub(crate) fn apply(puts: impl IntoIterator<Item = PutSchedule>, now: Timestamp) -> ApplySchedules {
    ApplySchedules {
        set: None,
        puts: puts.into_iter().collect(),
        deletes: Vec::new(),
        now,
        by: Some(Actor::Operator),
    }
}

/// What the scheduler asks for that has just seen this: a run of each occurrence, all may overlap.
pub(crate) fn fire(
    row: &ScheduleRow,
    runs: impl IntoIterator<Item = (Timestamp, NewTask)>,
    now: Timestamp,
) -> Fire {
    let run = |(at, task)| Run { occurrence: Some(at), task: Ok(Box::new(task)) };
    Fire {
        schedule: row.id,
        seen: Seen { revision: row.revision, evaluated_to: row.evaluated_to },
        runs: runs.into_iter().map(run).collect(),
        overlap: Overlap::Allow,
        dropped: 0,
        evaluated_to: now,
        next_at: Some(now.after_ms(60_000)),
        ended: None,
        problem: None,
        now,
        by: None,
    }
}

/// The module with this number.
pub(crate) fn module(number: u8) -> Digest {
    Digest::from_sha256([number; 32])
}

/// What is known of a revision of `echo`.
pub(crate) fn new_revision(number: u8) -> NewRevision {
    NewRevision {
        job: job("echo"),
        module: module(number),
        oci_manifest: module(number + 100),
        version: format!("0.{number}.0"),
        commit: "c0ffee".to_owned(),
        builder: "https://ci.example/jobs".to_owned(),
        key_id: "ci".to_owned(),
        key_fingerprint: "sha256:77".to_owned(),
        from: "/srv/published".to_owned(),
    }
}

/// That a revision of `echo` is to be current in the place of another one, or of none.
pub(crate) fn deploy(number: u8, expected: Option<u8>, now: Timestamp) -> Deploy {
    Deploy {
        revision: new_revision(number),
        expected: expected.map(module),
        allowed_widenings: Vec::new(),
        now,
        by: Actor::Operator,
    }
}

/// That `echo` is to be rolled back.
pub(crate) fn rollback(to: Option<u8>, now: Timestamp) -> Rollback {
    Rollback { job: job("echo"), to: to.map(module), now, by: Actor::Operator }
}

/// That all revisions may go that are not among so many, in small steps.
pub(crate) fn collect(keep: usize) -> CollectRevisions {
    CollectRevisions { keep, superseded_before: Timestamp::MAX, revisions_max: 2, after: 0 }
}

/// A task of `echo`, due at once, that asks for nothing special; many may run at a time.
pub(crate) fn new_task(number: u128) -> NewTask {
    NewTask {
        id: id(number),
        job: job("echo"),
        source: "api".to_owned(),
        revision: Digest::from_sha256([7; 32]),
        payload: format!(r#"{{"number":{number}}}"#),
        configuration: None,
        priority: 0,
        run_at: Timestamp::MIN,
        expires_at: None,
        timeout_ms: None,
        label: None,
        tags: Vec::new(),
        idempotency: None,
        unique: None,
        retry: Retry { max_attempts: 3, base_ms: 10_000, cap_ms: 60_000 },
        concurrency_max: 1_000,
        concurrency_key: None,
        memory_bytes_max: 1,
        parent: None,
        depth: 0,
        by: None,
    }
}

/// An idempotency key of content that is told apart by `content`.
pub(crate) fn idempotency(key: &str, content: u8) -> Option<Idempotency> {
    Some(Idempotency { key: key.to_owned(), fingerprint: [content; 32] })
}

/// A concurrency key of which so many may run.
pub(crate) fn concurrency(key: &str, running_max: u32) -> Option<ConcurrencyKey> {
    Some(ConcurrencyKey { key: key.to_owned(), running_max })
}

/// A unique key.
pub(crate) fn unique(key: &str, policy: UniquePolicy) -> Option<Unique> {
    Some(Unique { key: key.to_owned(), policy })
}

/// Asks for tasks, with room for all.
pub(crate) fn ask(tasks: impl IntoIterator<Item = NewTask>, now: Timestamp) -> Enqueue {
    Enqueue { tasks: tasks.into_iter().collect(), now, open_max: 1_000_000 }
}

/// A claim with room for a hundred, beside others, under a lease of 15 seconds that no other claim has.
pub(crate) fn begin(now: Timestamp) -> Claim {
    static DRAWN: AtomicU64 = AtomicU64::new(1);
    Claim {
        now,
        // Every other one is negative: a lease is any 64 bits.
        lease: Lease::from_bits(DRAWN.fetch_add(1, Ordering::Relaxed).rotate_right(1)),
        lease_until: now.after_ms(15_000),
        host: "host-1".to_owned(),
        tasks_max: 100,
        memory_bytes_max: u64::MAX,
        idle: false,
    }
}

/// The end of an attempt that began and ended at `now`; jitter takes half of each wait.
pub(crate) fn ended(held: Held, outcome: Outcome, now: Timestamp) -> Settle {
    let completed = outcome == Outcome::Completed;
    let error = AttemptError {
        code: format!("code-{outcome}"),
        message: format!("it ended as {outcome}"),
        hint: Some("try again".to_owned()),
    };
    Settle {
        held,
        ending: Ending::from(outcome),
        figures: Figures { started_at: now, finished_at: now, usage: Usage::default(), ran: None },
        result: completed.then(|| r#"{"done":true}"#.to_owned()),
        error: (!completed).then_some(error),
        log: LogPiece::default(),
        progress: None,
        asked: Vec::new(),
        now,
        jitter: Jitter::from_bits(1 << 63),
    }
}

/// A line of a log.
pub(crate) fn line(message: &str) -> LogLine {
    LogLine { at_ms: 7, level: Level::Info, context: "job".to_owned(), message: message.to_owned() }
}

/// A report of progress.
pub(crate) fn progress(percent: u8) -> Progress {
    Progress { percent, message: format!("{percent} of 100") }
}
