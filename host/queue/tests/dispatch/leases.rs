//! Heartbeats, leases that are lost, and what other hosts left.

use crate::stage::{Stage, in_time};
use mainworker_domain::event::Event;
use mainworker_domain::lifecycle::{Reason, State, Timestamp};
use mainworker_domain::outcome::Outcome;
use mainworker_queue::attempt::Lease;
use mainworker_queue::dispatch::Clock;
use mainworker_queue::runner::StopReason;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::claim::Claim;
use mainworker_queue::verbs::rescue::Rescue;

async fn rescue(stage: &Stage, leases_until: Timestamp) -> usize {
    let rescue = Rescue { leases_until, tasks_max: 10, now: stage.clock.now() };
    stage.store.rescue(rescue).await.unwrap().len()
}

#[tokio::test]
async fn heartbeats_keep_leases() {
    let mut stage = Stage::new();
    let id = stage.enqueue("{}").await;
    let dispatch = stage.dispatch(1);
    let begun = stage.begins().await;
    for beat in 1..=12 {
        stage.advance(&dispatch, 5_000);
        in_time(stage.store.counted("extend", beat)).await;
        // Asking comes after the heartbeat was answered.
        in_time(dispatch.running()).await;
        assert_eq!(rescue(&stage, stage.clock.steady()).await, 0);
    }
    begun.end(Outcome::Completed);
    assert_eq!(stage.hears_end().await, (id, Outcome::Completed, State::Completed));
}

#[tokio::test]
async fn an_attempt_that_was_taken_away_is_stopped_and_its_end_dropped() {
    let mut stage = Stage::new();
    let id = stage.enqueue("{}").await;
    let dispatch = stage.dispatch(1);
    let mut begun = stage.begins().await;
    assert_eq!(rescue(&stage, Timestamp::MAX).await, 1);
    stage.advance(&dispatch, 5_000);
    assert_eq!(in_time(begun.told()).await, StopReason::Stale);
    assert_eq!(in_time(dispatch.running()).await, [], "it is not ours any more");
    begun.end(Outcome::Completed);
    let again = stage.begins().await;
    assert_eq!((again.task.held.task, again.task.held.attempt), (id, 2));
    again.end(Outcome::Completed);
    assert_eq!(stage.hears_end().await, (id, Outcome::Completed, State::Completed));
    let outcomes: Vec<_> = stage.view(id).await.attempts.iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(outcomes, [Some(Outcome::Lost), Some(Outcome::Completed)]);
}

#[tokio::test]
async fn an_attempt_whose_lease_cannot_be_extended_is_stopped_in_time() {
    let mut stage = Stage::new();
    let id = stage.enqueue("{}").await;
    let dispatch = stage.dispatch(1);
    let mut begun = stage.begins().await;
    stage.store.set_failing(true);
    stage.advance(&dispatch, 14_000);
    assert_eq!(in_time(begun.told()).await, StopReason::Stale);
    begun.end(Outcome::Cancelled);
    in_time(stage.store.counted("settle", 1)).await;
    stage.store.set_failing(false);
    stage.advance(&dispatch, 5_000);
    // Nobody else had taken it, so nothing is lost: it is handed back, and its task is not cancelled.
    assert_eq!(stage.hears_end().await, (id, Outcome::Interrupted, State::Queued));
    assert_eq!(stage.begins().await.task.held.attempt, 2);
}

#[tokio::test]
async fn what_a_silent_host_left_is_begun_anew() {
    let mut stage = Stage::new();
    let id = stage.enqueue("{}").await;
    let claim = Claim {
        now: stage.clock.now(),
        lease: Lease::from_bits(u64::MAX),
        lease_until: stage.clock.steady().after_ms(7_000),
        host: "another".to_owned(),
        tasks_max: 1,
        memory_bytes_max: 1,
        idle: true,
    };
    assert_eq!(stage.store.claim(claim).await.unwrap().tasks.len(), 1);
    let dispatch = stage.dispatch(1);
    in_time(dispatch.running()).await;
    stage.advance(&dispatch, 5_000);
    in_time(stage.store.counted("rescue", 1)).await;
    assert_eq!(stage.state(id).await, State::Running, "its lease is not over");
    stage.advance(&dispatch, 5_000);
    let changed = stage.hears(|event| match event {
        Event::TaskChanged { task_id, state, reason, .. } => Some((*task_id, *state, *reason)),
        _ => None,
    });
    assert_eq!(changed.await, (id, State::Queued, Reason::Lost));
    assert_eq!(stage.begins().await.task.held.attempt, 2);
}
