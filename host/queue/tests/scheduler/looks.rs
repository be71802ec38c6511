//! A look happens when a run is due, and whenever something was changed.

use crate::stage::{Stage, at, name};
use mainworker_queue::memory::MemoryStore;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::fire::RunFate;
use mainworker_queue::verbs::schedules::PauseSchedule;
use std::sync::Arc;

const EACH_MINUTE: &str = r#"{ "job": "echo", "runEveryMs": 60000, "payload": { "at": "${occurrence}" } }"#;

fn stage() -> Stage<MemoryStore> {
    Stage::new(Arc::new(MemoryStore::new()))
}

#[tokio::test]
async fn a_run_at_its_time_becomes_a_task() {
    let mut stage = stage();
    let _scheduler = stage.scheduler();
    stage.apply([("minutely", EACH_MINUTE)]).await;
    stage.pass(60);
    let looked = stage.fired().await;
    assert_eq!((looked.name.as_str(), looked.job.as_str()), ("minutely", "echo"));
    assert!(matches!(looked.done.fates.as_slice(), [RunFate::Enqueued(_)]), "{looked:?}");
    let tasks = stage.tasks().await;
    assert_eq!(tasks.len(), 1);
    assert_eq!((&tasks[0].schedule, tasks[0].occurrence), (&Some(name("minutely")), Some(at(60))));
    let row = stage.row("minutely").await;
    assert_eq!((row.runs, row.evaluated_to, row.next_at), (1, at(60), Some(at(120))));
}

#[tokio::test]
async fn it_looks_by_itself_when_a_run_is_due() {
    let mut stage = stage();
    stage.apply([("minutely", EACH_MINUTE)]).await;
    let _scheduler = stage.scheduler();
    // Nobody wakes it: it sees the clock move.
    stage.clock.pass(60);
    assert_eq!(stage.fired_at().await, [60]);
    stage.clock.pass(60);
    assert_eq!(stage.fired_at().await, [120]);
}

#[tokio::test]
async fn one_that_nobody_has_looked_at_is_looked_at() {
    let mut stage = stage();
    stage.apply([("minutely", EACH_MINUTE)]).await;
    stage.clock.pass(61);
    // A host that starts finds what is due.
    let _scheduler = stage.scheduler();
    assert_eq!(stage.fired_at().await, [60]);
}

#[tokio::test]
async fn what_is_paused_is_left_alone_until_it_is_resumed() {
    let mut stage = stage();
    let _scheduler = stage.scheduler();
    let each = r#"{ "job": "echo", "runEveryMs": 60000, "missed": "all" }"#;
    stage.apply([("other", EACH_MINUTE), ("minutely", each)]).await;
    let pause =
        |paused, now, next_at| PauseSchedule { name: name("minutely"), paused, next_at, now, by: None };
    stage.store.pause_schedule(pause(true, at(0), None)).await.unwrap();
    for (seconds, expected) in [(60, [60]), (60, [120])] {
        stage.pass(seconds);
        let looked = stage.fired_at().await;
        assert_eq!(looked, expected, "the other one runs");
    }
    assert!(stage.tasks().await.iter().all(|task| task.schedule == Some(name("other"))));
    stage.store.pause_schedule(pause(false, at(120), Some(at(120)))).await.unwrap();
    stage.wake.notify_one();
    let looked = stage.fired().await;
    assert_eq!((looked.name.as_str(), looked.wanted.len()), ("minutely", 2));
}

#[tokio::test]
async fn another_definition_counts_from_its_next_look() {
    let mut stage = stage();
    let _scheduler = stage.scheduler();
    stage.apply([("minutely", EACH_MINUTE)]).await;
    stage.pass(60);
    assert_eq!(stage.fired_at().await, [60]);
    stage.apply([("minutely", r#"{ "job": "other", "runEveryMs": 10000 }"#)]).await;
    stage.pass(10);
    let looked = stage.fired().await;
    assert_eq!((looked.job.as_str(), looked.wanted.len()), ("other", 1));
}

#[tokio::test]
async fn what_has_ended_is_not_looked_at_any_more() {
    let mut stage = stage();
    let _scheduler = stage.scheduler();
    let twice = r#"{ "job": "echo", "runEveryMs": 60000, "runTimes": 2 }"#;
    stage.apply([("twice", twice), ("minutely", EACH_MINUTE)]).await;
    for runs in 1..=3 {
        stage.pass(60);
        while stage.row("minutely").await.runs < runs || stage.row("twice").await.runs < runs.min(2) {
            stage.fired().await;
        }
    }
    let row = stage.row("twice").await;
    assert_eq!((row.runs, row.next_at, row.ended.as_deref()), (2, None, Some("run-times")));
}

#[tokio::test]
async fn a_long_time_off_is_one_run_and_is_told() {
    let mut stage = stage();
    stage.apply([("minutely", EACH_MINUTE)]).await;
    stage.clock.pass(365 * 86_400);
    let _scheduler = stage.scheduler();
    let looked = stage.fired().await;
    assert_eq!(looked.wanted.len(), 1, "the newest stands for all");
    assert_eq!((looked.dropped, looked.dropped_at_least), (10_000, true));
    let row = stage.row("minutely").await;
    assert_eq!((row.runs, row.missed), (1, 10_000));
}

#[tokio::test]
async fn a_look_under_way_is_finished_by_a_stop() {
    let stage = stage();
    stage.apply([("minutely", EACH_MINUTE)]).await;
    stage.clock.pass(60);
    let scheduler = stage.scheduler();
    tokio::task::yield_now().await;
    scheduler.stop().await;
    let (row, tasks) = (stage.row("minutely").await, stage.tasks().await);
    assert_eq!(row.runs, tasks.len() as u64);
}
