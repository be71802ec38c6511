//! The way out.

use crate::runner::AT_ONCE;
use crate::stage::{Stage, in_time};
use mainworker_domain::event::Event;
use mainworker_domain::lifecycle::State;
use mainworker_domain::outcome::Outcome;
use mainworker_queue::runner::StopReason;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn what_runs_may_end_and_nothing_else_begins() {
    let mut stage = Stage::new();
    let id = stage.enqueue("{}").await;
    let dispatch = stage.dispatch(2);
    let begun = stage.begins().await;
    let meanwhile = async {
        let late = stage.enqueue(AT_ONCE).await;
        dispatch.wake();
        assert_eq!(dispatch.running().await.len(), 1);
        begun.end(Outcome::Completed);
        late
    };
    let ((), late) = in_time(async { tokio::join!(dispatch.drain(LONG), meanwhile) }).await;
    assert_eq!(stage.state(id).await, State::Completed, "it was written down before the drain was over");
    assert_eq!(stage.state(late).await, State::Queued);
    in_time(dispatch.drain(LONG)).await;
    assert_eq!(in_time(dispatch.running()).await, []);
}

#[tokio::test]
async fn what_runs_too_long_is_interrupted_and_not_counted() {
    let mut stage = Stage::new();
    let id = stage.enqueue("{}").await;
    let dispatch = stage.dispatch(1);
    let mut begun = stage.begins().await;
    let until_told = async {
        assert_eq!(begun.told().await, StopReason::Interrupted);
        begun.end(Outcome::Interrupted);
    };
    in_time(async { tokio::join!(dispatch.drain(Duration::ZERO), until_told) }).await;
    let summary = stage.view(id).await.summary;
    assert_eq!((summary.state, summary.attempts), (State::Queued, 1));

    let _next = stage.dispatch(1);
    let again = stage.begins().await;
    assert_eq!((again.task.held.attempt, again.task.attempt_for_job), (2, 1));
}

#[tokio::test]
async fn a_second_drain_shortens_the_first() {
    let mut stage = Stage::new();
    stage.enqueue("{}").await;
    let dispatch = stage.dispatch(1);
    let mut begun = stage.begins().await;
    let second = async {
        dispatch.drain(Duration::ZERO).await;
    };
    let until_told = async {
        assert_eq!(begun.told().await, StopReason::Interrupted);
        begun.end(Outcome::Interrupted);
    };
    in_time(async { tokio::join!(dispatch.drain(LONG), second, until_told) }).await;
}

#[tokio::test]
async fn what_was_claimed_ahead_is_handed_back() {
    let mut stage = Stage::new();
    let dispatch = stage.dispatch(1);
    stage.warm_up(&dispatch, 20).await;
    let ids = [stage.enqueue("{}").await, stage.enqueue("{}").await, stage.enqueue("{}").await];
    dispatch.wake();
    let begun = stage.begins().await;
    assert_eq!(in_time(dispatch.running()).await.len(), 3);
    let until_handed_back = async {
        assert_eq!(stage.hears_end().await, (ids[1], Outcome::Interrupted, State::Queued));
        assert_eq!(stage.hears_end().await, (ids[2], Outcome::Interrupted, State::Queued));
        begun.end(Outcome::Completed);
    };
    in_time(async { tokio::join!(dispatch.drain(LONG), until_handed_back) }).await;
    assert_eq!(stage.state(ids[0]).await, State::Completed);
}

#[tokio::test]
async fn a_store_that_stays_broken_ends_a_drain_all_the_same() {
    let mut stage = Stage::new();
    stage.enqueue("{}").await;
    let dispatch = stage.dispatch(1);
    let begun = stage.begins().await;
    stage.store.set_failing(true);
    let until_given_up = async {
        begun.end(Outcome::Completed);
        stage.store.counted("settle", 1).await;
        stage.advance(&dispatch, 15_000);
        let left = |event: &Event| match event {
            Event::HostError { code, message } if code == "drain_incomplete" => Some(message.clone()),
            _ => None,
        };
        let message = stage.hears(left).await;
        assert!(message.contains("1 attempts"), "{message}");
    };
    in_time(async { tokio::join!(dispatch.drain(Duration::ZERO), until_given_up) }).await;
}

#[tokio::test]
async fn a_dropped_dispatch_stops_attempts_and_writes_nothing() {
    let mut stage = Stage::new();
    let id = stage.enqueue("{}").await;
    let dispatch = stage.dispatch(1);
    let mut begun = stage.begins().await;
    drop(dispatch);
    assert_eq!(in_time(begun.told()).await, StopReason::Interrupted);
    begun.end(Outcome::Completed);
    assert_eq!(stage.state(id).await, State::Running);
    assert_eq!(stage.store.count("settle"), 0);
}
