//! Clocks that are set: nothing runs twice, and nothing stands still until the clock is where it was.

use crate::stage::{Heard, Stage, at};
use mainworker_queue::dispatch::Clock;
use mainworker_queue::memory::MemoryStore;
use mainworker_queue::verbs::fire::RunFate;
use std::collections::BTreeSet;
use std::sync::Arc;

const HOUR: i64 = 3_600;
const YEAR: i64 = 365 * 24 * HOUR;
const HOURLY: &str = r#"{ "job": "echo", "cron": "0 * * * *" }"#;

/// 46 minutes and 40 seconds to the next hour.
const TO_THE_HOUR: i64 = 2_800;

async fn hourly() -> Stage<MemoryStore> {
    let stage = Stage::new(Arc::new(MemoryStore::new()));
    stage.apply([("hourly", HOURLY)]).await;
    stage
}

#[tokio::test]
async fn an_hour_that_comes_twice_runs_once() {
    let mut stage = hourly().await;
    let _scheduler = stage.scheduler();
    stage.pass(TO_THE_HOUR);
    assert_eq!(stage.fired_at().await, [TO_THE_HOUR]);
    // Set back by an hour, which nobody tells the scheduler.
    stage.clock.set(-HOUR);
    let heard = stage.heard().await;
    assert!(
        matches!(&heard, Heard::Fired(looked) if looked.wanted.is_empty()),
        "nothing runs because of it: {heard:?}"
    );
    assert_eq!(stage.row("hourly").await.evaluated_to, at(TO_THE_HOUR - HOUR));
    // The hour comes again, and is known; so does the one after it, and is not.
    stage.pass(HOUR);
    let looked = stage.fired().await;
    assert_eq!(looked.done.fates, [RunFate::Known]);
    stage.pass(HOUR);
    assert_eq!(stage.fired_at().await, [TO_THE_HOUR + HOUR]);
    assert_eq!(stage.tasks().await.len(), 2);
}

#[tokio::test]
async fn a_year_ahead_and_back_again_loses_no_later_run() {
    let mut stage = hourly().await;
    let _scheduler = stage.scheduler();
    stage.clock.set(YEAR);
    let ahead = stage.fired_at().await;
    assert_eq!(ahead.len(), 1, "one for all that were missed: {ahead:?}");
    stage.clock.set(-YEAR);
    let back = stage.heard().await;
    assert!(matches!(&back, Heard::Fired(looked) if looked.wanted.is_empty()), "{back:?}");
    stage.pass(TO_THE_HOUR);
    assert_eq!(stage.fired_at().await, [TO_THE_HOUR], "and not in a year");
}

#[tokio::test]
async fn a_correction_of_a_moment_is_nothing() {
    let mut stage = hourly().await;
    let _scheduler = stage.scheduler();
    stage.pass(TO_THE_HOUR);
    stage.fired().await;
    let row = stage.row("hourly").await;
    stage.clock.set(-1);
    stage.wake.notify_one();
    stage.clock.pass(HOUR + 1);
    assert_eq!(stage.fired_at().await, [TO_THE_HOUR + HOUR]);
    assert!(stage.row("hourly").await.evaluated_to > row.evaluated_to);
}

#[tokio::test]
async fn whatever_the_clock_does_each_hour_runs_once() {
    let mut stage = hourly().await;
    let _scheduler = stage.scheduler();
    stage.apply([("marker", r#"{ "job": "marker", "runEveryMs": 1000, "overlap": "allow" }"#)]).await;
    for seconds in [HOUR, -HOUR / 2, HOUR, -2 * HOUR, HOUR, HOUR, HOUR, -600, HOUR, YEAR, -YEAR, HOUR, HOUR] {
        stage.clock.set(seconds);
        stage.pass(2);
        // The marker follows each jump, so when it has been looked at the other has been too, or is next.
        while stage.row("marker").await.evaluated_to != stage.clock.now()
            || stage.row("hourly").await.evaluated_to > stage.clock.now()
        {
            stage.heard().await;
        }
    }
    let tasks = stage.tasks().await;
    let hours: Vec<_> =
        tasks.iter().filter(|task| task.job.as_str() == "echo").filter_map(|task| task.occurrence).collect();
    let each: BTreeSet<_> = hours.iter().collect();
    assert_eq!(each.len(), hours.len(), "{hours:?}");
    assert!(hours.len() >= 5, "{hours:?}");
}
