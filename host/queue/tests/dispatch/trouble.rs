//! The store fails for a while.

use crate::stage::{Stage, in_time};
use mainworker_domain::event::Event;
use mainworker_domain::lifecycle::State;
use mainworker_domain::outcome::Outcome;

#[tokio::test]
async fn ends_wait_until_they_can_be_written_down_and_nothing_new_begins() {
    let mut stage = Stage::new();
    let ids = [stage.enqueue("{}").await, stage.enqueue("{}").await];
    let dispatch = stage.dispatch(1);
    let begun = stage.begins().await;
    stage.store.set_failing(true);
    begun.end(Outcome::Completed);
    let trouble = |event: &Event| match event {
        Event::HostError { code, .. } => Some(code.clone()),
        _ => None,
    };
    assert_eq!(stage.hears(trouble).await, "store_full");
    let claims = stage.store.count("claim");
    for tries in 2..=4 {
        stage.advance(&dispatch, 1_000);
        in_time(stage.store.counted("settle", tries)).await;
    }
    assert_eq!(stage.store.count("claim"), claims, "nothing is claimed that could not be settled");
    stage.store.set_failing(false);
    stage.advance(&dispatch, 1_000);
    // The trouble was told once.
    let next = stage.hears(|event| Some(event.kind())).await;
    assert_eq!(next, "attempt-ended");
    assert_eq!(stage.state(ids[0]).await, State::Completed);
    assert_eq!(stage.begins().await.task.held.task, ids[1]);
}

#[tokio::test]
async fn a_claim_that_fails_is_tried_again() {
    let mut stage = Stage::new();
    stage.store.set_failing(true);
    let dispatch = stage.dispatch(1);
    in_time(stage.store.counted("claim", 1)).await;
    stage.store.set_failing(false);
    let id = stage.enqueue("{}").await;
    stage.advance(&dispatch, 100);
    assert_eq!(stage.begins().await.task.held.task, id);
}
