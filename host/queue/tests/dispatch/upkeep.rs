//! Tasks expire and are deleted.

use crate::stage::{NOW, Stage, in_time};
use mainworker_domain::audit::Actor;
use mainworker_domain::event::Event;
use mainworker_domain::lifecycle::{Reason, State};
use mainworker_queue::store::Store;
use mainworker_queue::upkeep::{Upkeep, UpkeepOptions};
use mainworker_queue::verbs::audit::{AuditFilter, ReadAudit};
use mainworker_queue::verbs::cancel::Cancel;
use mainworker_queue::verbs::prune::Retention;
use std::sync::Arc;

const HOUR_MS: u64 = 3_600_000;

fn options() -> UpkeepOptions {
    let retention = Retention {
        completed_ms: HOUR_MS,
        failed_ms: HOUR_MS,
        cancelled_ms: HOUR_MS,
        expired_ms: HOUR_MS,
        audit_ms: HOUR_MS,
        store_bytes_max: u64::MAX,
    };
    // As often as a test can wait for.
    UpkeepOptions { expire_ms: 1, round_ms: 1, pause_ms: 1, ..UpkeepOptions::new(retention) }
}

fn start(stage: &Stage) -> Upkeep {
    let clock = Arc::clone(&stage.clock);
    Upkeep::start(Arc::clone(&stage.store), options(), clock, Arc::clone(&stage.on_event))
}

#[tokio::test]
async fn tasks_whose_time_is_over_expire_however_many_there_are() {
    let mut stage = Stage::new();
    for _ in 0..450 {
        let mut task = stage.task("{}");
        task.expires_at = Some(NOW.after_ms(1_000));
        stage.enqueue_task(task).await;
    }
    let upkeep = start(&stage);
    in_time(stage.store.counted("expire", 2)).await;
    assert_eq!(stage.store.overview().await.unwrap().count(State::Queued), 450);
    stage.clock.advance(1_000);
    for _ in 0..450 {
        let changed = stage.hears(|event| match event {
            Event::TaskChanged { state, reason, .. } => Some((*state, *reason)),
            _ => None,
        });
        assert_eq!(changed.await, (State::Expired, Reason::Expired));
    }
    in_time(upkeep.stop()).await;
}

#[tokio::test]
async fn tasks_that_ended_long_ago_are_deleted_step_by_step() {
    let mut stage = Stage::new();
    let mut ids = Vec::new();
    for _ in 0..450 {
        ids.push(stage.enqueue("{}").await);
    }
    let kept = ids.split_off(449);
    stage.store.cancel(Cancel { tasks: ids.clone(), now: NOW, by: None }).await.unwrap();
    let upkeep = start(&stage);
    // Three steps are one round.
    in_time(stage.store.counted("prune", 4)).await;
    assert!(stage.store.task(ids[0]).await.unwrap().is_some(), "it is not old enough");
    stage.clock.advance(HOUR_MS.cast_signed());
    let before = stage.store.count("prune");
    in_time(stage.store.counted("prune", before + 7)).await;
    in_time(upkeep.stop()).await;
    let overview = stage.store.overview().await.unwrap();
    assert_eq!((overview.count(State::Cancelled), overview.count(State::Queued)), (0, 1));
    assert_eq!(stage.state(kept[0]).await, State::Queued);
}

#[tokio::test]
async fn entries_of_the_audit_go_when_they_are_too_old() {
    let mut stage = Stage::new();
    let mut tasks = Vec::new();
    for _ in 0..450 {
        tasks.push(stage.enqueue("{}").await);
    }
    let cancel = Cancel { tasks, now: NOW, by: Some(Actor::Operator) };
    stage.store.cancel(cancel).await.unwrap();
    let read = || ReadAudit {
        filter: AuditFilter::default(),
        before: None,
        entries_max: 1_000,
        examined_max: 1_000,
    };
    let upkeep = start(&stage);
    in_time(stage.store.counted("prune_audit", 2)).await;
    assert_eq!(stage.store.audit(read()).await.unwrap().entries.len(), 450);
    stage.clock.advance(HOUR_MS.cast_signed() + 1);
    // One that may have begun before, then three steps.
    let before = stage.store.count("prune_audit");
    in_time(stage.store.counted("prune_audit", before + 5)).await;
    in_time(upkeep.stop()).await;
    assert_eq!(stage.store.audit(read()).await.unwrap().entries, []);
}

#[tokio::test]
async fn a_store_that_fails_is_told_of_once_and_tried_again() {
    let mut stage = Stage::new();
    stage.store.set_failing(true);
    let upkeep = start(&stage);
    in_time(stage.store.counted("expire", 3)).await;
    in_time(stage.store.counted("prune", 3)).await;
    stage.store.set_failing(false);
    let (expires, prunes) = (stage.store.count("expire"), stage.store.count("prune"));
    in_time(stage.store.counted("expire", expires + 1)).await;
    in_time(stage.store.counted("prune", prunes + 1)).await;
    in_time(upkeep.stop()).await;
    let is_trouble = |event: &Event| matches!(event, Event::HostError { .. }).then_some(());
    stage.hears(is_trouble).await;
    stage.hears(is_trouble).await;
    assert!(!stage.has_events(), "one for each kind of work");
}
