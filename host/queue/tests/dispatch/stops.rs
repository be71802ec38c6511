//! Cancels, of what runs and of what is about to.

use crate::stage::{Stage, in_time};
use mainworker_domain::lifecycle::State;
use mainworker_domain::outcome::Outcome;
use mainworker_domain::task_id::TaskId;
use mainworker_queue::runner::StopReason;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::cancel::{Cancel, Cancelled};

async fn cancel(stage: &Stage, id: TaskId) {
    let cancel = Cancel { tasks: vec![id], now: crate::stage::NOW, by: None };
    assert_eq!(stage.store.cancel(cancel).await.unwrap()[0].how, Cancelled::Requested { attempt: 1 });
}

#[tokio::test]
async fn a_running_attempt_is_told() {
    let mut stage = Stage::new();
    let id = stage.enqueue("{}").await;
    let dispatch = stage.dispatch(1);
    let mut begun = stage.begins().await;
    cancel(&stage, id).await;
    dispatch.stop_attempt(id, 1);
    assert_eq!(in_time(begun.told()).await, StopReason::Cancelled);
    begun.end(Outcome::Cancelled);
    assert_eq!(stage.hears_end().await, (id, Outcome::Cancelled, State::Cancelled));
}

#[tokio::test]
async fn another_attempt_of_the_task_is_not() {
    let mut stage = Stage::new();
    let id = stage.enqueue("{}").await;
    let dispatch = stage.dispatch(1);
    let begun = stage.begins().await;
    dispatch.stop_attempt(id, 2);
    assert_eq!(in_time(dispatch.running()).await.len(), 1, "it has heard of it by now");
    assert_eq!(begun.live.stop_requested(), None);
}

#[tokio::test]
async fn one_that_waits_never_begins() {
    let mut stage = Stage::new();
    let dispatch = stage.dispatch(1);
    stage.warm_up(&dispatch, 20).await;
    let ids = [stage.enqueue("{}").await, stage.enqueue("{}").await];
    dispatch.wake();
    let begun = stage.begins().await;
    assert_eq!(in_time(dispatch.running()).await.len(), 2);
    cancel(&stage, ids[1]).await;
    dispatch.stop_attempt(ids[1], 1);
    assert_eq!(stage.hears_end().await, (ids[1], Outcome::Cancelled, State::Cancelled));
    let view = stage.view(ids[1]).await;
    assert_eq!((view.attempts.len(), view.error().unwrap().code.as_str()), (1, "cancelled"));
    begun.end(Outcome::Completed);
    assert_eq!(stage.hears_end().await.0, ids[0]);
    assert!(!stage.has_begun());
}

#[tokio::test]
async fn a_heartbeat_finds_a_cancel_that_nobody_told() {
    let mut stage = Stage::new();
    let id = stage.enqueue("{}").await;
    let dispatch = stage.dispatch(1);
    let mut begun = stage.begins().await;
    cancel(&stage, id).await;
    stage.advance(&dispatch, 5_000);
    assert_eq!(in_time(begun.told()).await, StopReason::Cancelled);
}
