//! Tasks that follow upon one another are deleted together: what lies between them stays whole, and of them nothing is left.

use crate::audit::{audit, look_into, number};
use crate::support::{
    Harness, KEEP_ALL, NOW, at, begin, block_on, concurrency, ended, fire, id, idempotency, line, new_folder,
    new_task, progress, put, unique,
};
use mainworker_domain::audit::Actor;
use mainworker_domain::event::LogLine;
use mainworker_domain::lifecycle::State;
use mainworker_domain::outcome::Outcome;
use mainworker_domain::task_id::TaskId;
use mainworker_domain::task_options::UniquePolicy;
use mainworker_queue::attempt::Held;
use mainworker_queue::sqlite::SqliteStore;
use mainworker_queue::verbs::claim::Claim;
use mainworker_queue::verbs::enqueue::{How, NewTask};
use mainworker_queue::verbs::list::Filter;
use mainworker_queue::verbs::prune::{Prune, RUN_TASKS_MAX, Retention};
use mainworker_queue::verbs::record::{LogPiece, Record};
use mainworker_queue::verbs::task::TaskView;
use std::path::Path;

/// What became of a task before others are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It ended at [`NOW`], after one attempt or more.
    Old,
    /// It ended ten seconds later.
    Young,
    /// It was cancelled at [`NOW`], and such are kept longer.
    Cancelled,
    /// It is due.
    Ready,
    /// It is not due.
    Waiting,
    /// It waits for its next attempt.
    BetweenAttempts,
    Running,
    /// It is due, and as many of its key run as may.
    Blocked,
}

/// How many old tasks follow upon one another, and what lies behind them: none, fewer than are deleted together, as many,
/// more.
const RUNS: [(usize, Fate); 9] = [
    (0, Fate::Waiting),
    (2 * RUN_TASKS_MAX - 11, Fate::Running),
    (1, Fate::Young),
    (0, Fate::BetweenAttempts),
    (RUN_TASKS_MAX, Fate::Young),
    (RUN_TASKS_MAX + 1, Fate::Cancelled),
    (RUN_TASKS_MAX - 1, Fate::Ready),
    (2, Fate::Running),
    (0, Fate::Blocked),
];
/// Attempts of an old task, at the most.
const ATTEMPTS_MAX: u32 = 5;
/// Tables that say nothing of a single task.
const OF_NO_TASK: [&str; 16] = [
    "migration",
    "store",
    "kept",
    "job",
    "source",
    "revision",
    "host",
    "actor",
    "token",
    "audit",
    "schedule_name",
    "schedule",
    "occurrence",
    "deployed",
    "deployment",
    "deployment_history",
];

/// The fate of each task, the first first; their numbers begin at 1.
fn fates() -> Vec<(u128, Fate)> {
    let fates = RUNS.iter().flat_map(|&(old, behind)| std::iter::repeat_n(Fate::Old, old).chain([behind]));
    (1..).zip(fates).collect()
}

/// A task with all that a task can have, and much of it shared with its neighbours.
fn task(number: u128, fate: Fate) -> NewTask {
    NewTask {
        source: if number.is_multiple_of(2) { "api" } else { "ci" }.to_owned(),
        configuration: Some(vec![7; 100]),
        run_at: if fate == Fate::Waiting { at(6_000) } else { NOW },
        expires_at: Some(at(60_000)),
        label: Some("label".to_owned()),
        tags: vec!["tag".to_owned(), format!("third {}", number % 3)],
        // The same key as that of its neighbour, which is another source's.
        idempotency: idempotency(&format!("key {}", number / 2), 1),
        unique: unique(&format!("key {number}"), UniquePolicy::Reject),
        concurrency_key: concurrency("key", 2).filter(|_| matches!(fate, Fate::Running | Fate::Blocked)),
        depth: 1,
        by: Some(Actor::Operator),
        ..new_task(number)
    }
}

/// Takes all tasks and has them come to their fates; answers the attempts that run.
async fn fill(store: &Harness<'_, SqliteStore>) -> Vec<Held> {
    let fates = fates();
    let row = store.put(put("nightly", "{}"), NOW).await;
    let runs = (0..).zip(&fates).map(|(seconds, &(number, fate))| (at(seconds), task(number, fate)));
    store.fire(fire(&row, runs, NOW)).await;
    for (number, _) in fates.iter().filter(|(_, fate)| *fate == Fate::Cancelled) {
        store.cancel(id(*number), NOW).await;
    }
    let mut running = Vec::new();
    for round in 1..=ATTEMPTS_MAX {
        let claimed = store.claim(Claim { tasks_max: 1_000, ..begin(NOW) }).await.tasks;
        for held in claimed.into_iter().map(|task| task.held) {
            let log = LogPiece { first_line: 0, lines: vec![line("said"), line("and more")] };
            store.record(Record { held, log, progress: Some(progress(50)) }).await;
            let (number, fate) = *fates.iter().find(|(number, _)| id(*number) == held.task).unwrap();
            let is_last = number % u128::from(ATTEMPTS_MAX) < u128::from(round);
            let (outcome, now) = match fate {
                Fate::Old if !is_last => (Outcome::Interrupted, NOW),
                Fate::Old if number.is_multiple_of(2) => (Outcome::Rejected, NOW),
                Fate::Old => (Outcome::Completed, NOW),
                Fate::Young => (Outcome::Completed, at(10)),
                Fate::BetweenAttempts => (Outcome::Failed, NOW),
                Fate::Running => {
                    running.push(held);
                    continue;
                }
                Fate::Cancelled | Fate::Ready | Fate::Waiting | Fate::Blocked => (Outcome::Interrupted, NOW),
            };
            store.apply(ended(held, outcome, now)).await;
        }
    }
    running
}

/// All that is to be seen of the tasks that are not deleted, the newest first.
async fn seen(
    store: &Harness<'_, SqliteStore>,
    is_deleted: impl Fn(Fate) -> bool,
) -> Vec<(TaskView, Vec<(u32, LogLine)>)> {
    let mut seen = Vec::new();
    for (number, _) in fates().into_iter().rev().filter(|(_, fate)| !is_deleted(*fate)) {
        seen.push(store.seen(id(number)).await);
    }
    seen
}

/// Fills a store and deletes some tasks, by steps that look at so many.
fn deletes(retention: Retention, tasks_max: usize, is_deleted: fn(Fate) -> bool) {
    let folder = new_folder();
    let store = SqliteStore::open(folder.path(), NOW).unwrap();
    block_on(async {
        let harness = Harness::new(&store);
        fill(&harness).await;
        let before = seen(&harness, is_deleted).await;
        let deleted = harness.prune(Prune { retention, now: at(50), tasks_max, after: 0 }).await;
        assert_eq!(usize::try_from(deleted).unwrap(), fates().len() - before.len());

        assert_eq!(seen(&harness, is_deleted).await, before);
        let left: Vec<TaskId> = before.iter().map(|(view, _)| view.summary.id).collect();
        let by_tag = Filter { tag: Some("tag".to_owned()), ..Filter::default() };
        let by_label = Filter { label: Some("label".to_owned()), ..Filter::default() };
        for filter in [Filter::default(), by_tag, by_label] {
            assert_eq!(harness.list_ids(filter, NOW).await, left);
        }
        audit(folder.path());
        // A key is free if its task is gone, whoever has the same.
        for (number, fate) in fates() {
            let repeated = NewTask { id: id(number + 1_000), unique: None, ..task(number, fate) };
            let how = if is_deleted(fate) { How::New } else { How::Known };
            assert_eq!(harness.enqueue([repeated], at(50)).await[0].how, how, "{number} {fate:?}");
        }
        harness.check().await;
    });
    drop(store);
    audit(folder.path());
}

#[test]
fn what_is_kept_longer_between_old_tasks_stays_whole() {
    let retention = Retention { completed_ms: 45_000, failed_ms: 45_000, ..KEEP_ALL };
    for tasks_max in [1, RUN_TASKS_MAX + 2, 1_000] {
        deletes(retention, tasks_max, |fate| fate == Fate::Old);
    }
}

#[test]
fn what_is_open_between_tasks_that_ended_stays_whole_when_there_are_too_many_bytes() {
    let retention = Retention { store_bytes_max: 0, ..KEEP_ALL };
    for tasks_max in [1, RUN_TASKS_MAX + 2, 1_000] {
        deletes(retention, tasks_max, |fate| matches!(fate, Fate::Old | Fate::Young | Fate::Cancelled));
    }
}

/// The tables that say something of single tasks, each with how many rows it has.
fn rows(folder: &Path) -> Vec<(String, i64)> {
    let database = look_into(folder);
    let mut names = database
        .prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
        )
        .unwrap();
    let names = names.query_map([], |row| row.get(0)).unwrap();
    let names = names.map(Result::unwrap).filter(|name: &String| !OF_NO_TASK.contains(&name.as_str()));
    names.map(|name| (name.clone(), number(folder, &format!(r#"SELECT count(*) FROM "{name}""#)))).collect()
}

#[test]
fn nothing_is_left_when_everything_was_deleted() {
    let folder = new_folder();
    let store = SqliteStore::open(folder.path(), NOW).unwrap();
    block_on(async {
        let harness = Harness::new(&store);
        let running = fill(&harness).await;
        let filled = rows(folder.path());
        assert!(filled.iter().all(|(_, count)| *count > 0), "each table is put to the test: {filled:?}");
        let most = harness.list(Filter::default(), NOW).await.iter().map(|task| task.attempts).max();
        assert_eq!(most, Some(ATTEMPTS_MAX));

        for held in running {
            harness.apply(ended(held, Outcome::Rejected, at(20))).await;
        }
        for (number, _) in fates() {
            harness.cancel(id(number), at(20)).await;
        }
        let everything =
            Retention { completed_ms: 0, failed_ms: 0, cancelled_ms: 0, expired_ms: 0, ..KEEP_ALL };
        let prune = Prune { retention: everything, now: at(20), tasks_max: 1_000, after: 0 };
        assert_eq!(usize::try_from(harness.prune(prune).await).unwrap(), fates().len());
        let overview = harness.overview().await;
        assert!(State::ALL.into_iter().all(|state| overview.count(state) == 0), "{overview:?}");
    });
    let left: Vec<_> = rows(folder.path()).into_iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(left, []);
    drop(store);
    audit(folder.path());
}
