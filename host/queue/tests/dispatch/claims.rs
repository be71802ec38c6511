//! What begins, when, and how much of it.

use crate::runner::{AT_ONCE, PANICS};
use crate::stage::{MEMORY_BYTES, NOW, Stage, in_time};
use mainworker_domain::event::Event;
use mainworker_domain::lifecycle::State;
use mainworker_domain::outcome::Outcome;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::pause::Pause;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn a_wake_leads_to_a_claim_though_no_time_passes() {
    let mut stage = Stage::new();
    let dispatch = stage.dispatch(2);
    stage.store.counted("claim", 1).await;
    for _ in 0..3 {
        let id = stage.enqueue("{}").await;
        dispatch.wake();
        let begun = stage.begins().await;
        assert_eq!((begun.task.held.task, begun.task.held.attempt), (id, 1));
        begun.end(Outcome::Completed);
        assert_eq!(stage.hears_end().await, (id, Outcome::Completed, State::Completed));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_attempts_run_than_there_are_slots() {
    let mut stage = Stage::new();
    for _ in 0..500 {
        stage.enqueue(AT_ONCE).await;
    }
    for _ in 0..5 {
        stage.enqueue("{}").await;
    }
    let _dispatch = stage.dispatch(3);
    let mut begun = Vec::new();
    for _ in 0..3 {
        begun.push(stage.begins().await);
    }
    for _ in 0..500 {
        stage.hears_end().await;
    }
    assert!(!stage.has_begun(), "three slots are taken");
    begun.pop().unwrap().end(Outcome::Completed);
    begun.push(stage.begins().await);
    assert_eq!(stage.runner.most_at_a_time.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn slow_attempts_are_not_claimed_ahead() {
    let mut stage = Stage::new();
    for _ in 0..4 {
        stage.enqueue("{}").await;
    }
    let dispatch = stage.dispatch(1);
    let first = stage.begins().await;
    assert_eq!(in_time(dispatch.running()).await.len(), 1);
    first.end(Outcome::Completed);
    let _second = stage.begins().await;
    assert_eq!(in_time(dispatch.running()).await.len(), 1);
}

#[tokio::test]
async fn what_takes_all_memory_runs_with_nothing_else() {
    let mut stage = Stage::new();
    let small = stage.task("{}");
    let mut large = stage.task("{}");
    large.memory_bytes_max = MEMORY_BYTES + 1;
    let (small, large) = (stage.enqueue_task(small).await, stage.enqueue_task(large).await);
    let after = stage.enqueue("{}").await;
    let dispatch = stage.dispatch(8);
    for expected in [small, large, after] {
        let begun = stage.begins().await;
        assert_eq!(begun.task.held.task, expected);
        assert_eq!(in_time(dispatch.running()).await.len(), 1);
        begun.end(Outcome::Completed);
    }
}

#[tokio::test]
async fn a_paused_job_begins_when_it_is_resumed() {
    let mut stage = Stage::new();
    let dispatch = stage.dispatch(1);
    stage.store.pause(Pause { job: None, paused: true, now: NOW, by: None }).await.unwrap();
    let id = stage.enqueue("{}").await;
    let claims = stage.store.count("claim");
    dispatch.wake();
    stage.store.counted("claim", claims + 1).await;
    stage.store.pause(Pause { job: None, paused: false, now: NOW, by: None }).await.unwrap();
    assert!(!stage.has_begun());
    dispatch.wake();
    assert_eq!(stage.begins().await.task.held.task, id);
}

#[tokio::test]
async fn a_task_begins_when_it_is_due() {
    let mut stage = Stage::new();
    let mut task = stage.task("{}");
    task.run_at = task.run_at.after_ms(30);
    let id = stage.enqueue_task(task).await;
    let dispatch = stage.dispatch(1);
    stage.store.counted("claim", 1).await;
    assert_eq!(in_time(dispatch.running()).await, []);
    // Nobody wakes it: it has set itself a timer.
    stage.clock.advance(30);
    assert_eq!(stage.begins().await.task.held.task, id);
}

#[tokio::test]
async fn two_of_one_name_share_a_store() {
    let mut stage = Stage::new();
    let (first, second) = (stage.enqueue("{}").await, stage.enqueue("{}").await);
    let dispatches = [stage.dispatch(1), stage.dispatch(1)];
    let mut begun = [stage.begins().await, stage.begins().await];
    begun.sort_by_key(|begun| begun.task.held.task);
    assert_eq!([first, second], begun.each_ref().map(|begun| begun.task.held.task));
    assert_ne!(begun[0].task.held.lease, begun[1].task.held.lease);
    for dispatch in &dispatches {
        assert_eq!(in_time(dispatch.running()).await.len(), 1);
    }
    for begun in begun {
        begun.end(Outcome::Completed);
        assert_eq!(stage.hears_end().await.2, State::Completed);
    }
}

#[tokio::test]
async fn a_runner_that_panics_costs_one_attempt() {
    let mut stage = Stage::new();
    let broken = stage.enqueue(PANICS).await;
    let next = stage.enqueue(AT_ONCE).await;
    let _dispatch = stage.dispatch(1);
    assert_eq!(stage.hears_end().await, (broken, Outcome::HostError, State::Queued));
    assert_eq!(stage.hears_end().await, (next, Outcome::Completed, State::Completed));
    let error = stage.view(broken).await.error().cloned().unwrap();
    assert_eq!(error.code, "host_error");
    assert!(error.message.contains("as the payload says"), "{error:?}");
}

#[tokio::test]
async fn a_start_is_told_before_its_end() {
    let mut stage = Stage::new();
    stage.enqueue(AT_ONCE).await;
    let _dispatch = stage.dispatch(1);
    let mut kinds = Vec::new();
    for _ in 0..2 {
        kinds.push(stage.hears(|event| Some(Event::kind(event))).await);
    }
    assert_eq!(kinds, ["attempt-started", "attempt-ended"]);
}

#[tokio::test]
async fn the_backlog_is_handed_back_when_it_stands_still() {
    let mut stage = Stage::new();
    let dispatch = stage.dispatch(1);
    stage.warm_up(&dispatch, 20).await;
    let ids = [stage.enqueue("{}").await, stage.enqueue("{}").await];
    dispatch.wake();
    let begun = stage.begins().await;
    assert_eq!(in_time(dispatch.running()).await.len(), 2, "fast attempts are claimed ahead");
    stage.advance(&dispatch, 1_200);
    assert_eq!(stage.hears_end().await, (ids[1], Outcome::Interrupted, State::Queued));
    assert_eq!(in_time(dispatch.running()).await.len(), 1);
    begun.end(Outcome::Completed);
    let again = stage.begins().await;
    assert_eq!((again.task.held.task, again.task.held.attempt, again.task.attempt_for_job), (ids[1], 2, 1));
}
