//! SIGTERM, once and twice, with tasks that run.

use crate::host::{PATIENCE, TestWorld, problem};
use crate::service::Service;
use endurance::jobs::PROBER;
use mainworker_domain::task_options::TaskOptions;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::time::Duration;

fn sleeps() -> Value {
    json!({ "probe": "sleeps", "ms": 600_000 })
}

/// A single attempt: one that counted would be the last.
fn once() -> TaskOptions {
    TaskOptions { max_attempts: Some(1), timeout_ms: Some(600_000), ..TaskOptions::default() }
}

/// The words of a task's attempts.
fn outcomes(task: &mainworker_client::wire::Task) -> Vec<&str> {
    task.attempts.iter().map(|attempt| attempt.outcome.as_deref().unwrap_or("runs")).collect()
}

#[test]
fn what_runs_longer_than_the_grace_is_interrupted_and_runs_again() {
    let test = TestWorld::new(&[PROBER], "stop-grace = \"300ms\"", "");
    let serving = test.serve();
    let id = test.enqueue(&serving.client, "prober", &sleeps(), &once());
    test.is_ready(&serving.client, &id, 1);
    let ended = test.stop(serving);
    assert!(ended.took >= Duration::from_millis(300), "it did not wait: {:?}", ended.took);
    test.assert_whole();

    let serving = test.serve();
    test.is_ready(&serving.client, &id, 2);
    let task = test.task(&serving.client, &id);
    assert_eq!((task.state.as_str(), outcomes(&task)), ("running", vec!["interrupted", "runs"]));
    test.wait(serving.client.cancel(&id)).expect("it runs");
    let task = test.ended(&serving.client, &id);
    assert_eq!((task.state.as_str(), outcomes(&task)), ("cancelled", vec!["interrupted", "cancelled"]));
    test.stop(serving);
    test.assert_whole();
}

#[test]
fn what_ends_within_the_grace_is_waited_for_and_nothing_is_taken_meanwhile() {
    let service = Service::new();
    let test = TestWorld::new(&[service.waiter()], "stop-grace = \"10m\"", &service.settings());
    let serving = test.serve();
    let client = &serving.client;
    let running = test.enqueue(client, "waiter", &service.payload(), &once());
    let waiting = service.request();
    serving.process.signal(Signal::TERM).expect("it runs");
    test.wait(async { while client.ready().await.is_ok() {} });
    let refused = problem(test.try_enqueue(client, "echo", &json!({}), &TaskOptions::default()));
    assert_eq!((refused.status, refused.code.as_str()), (503, "stopping"), "{refused:?}");
    assert_eq!(test.task(client, &running).state, "running", "it can still be asked");
    waiting.answer();
    let ended = serving.process.end(PATIENCE).expect("it ends");
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    test.assert_whole();

    let serving = test.serve();
    let task = test.task(&serving.client, &running);
    assert_eq!((task.state.as_str(), outcomes(&task)), ("completed", vec!["completed"]));
    test.stop(serving);
}

#[test]
fn a_second_signal_ends_it_at_once_and_nothing_is_lost() {
    let test = TestWorld::new(&[PROBER], "stop-grace = \"10m\"", "");
    let serving = test.serve();
    let running = test.enqueue(&serving.client, "prober", &sleeps(), &once());
    test.is_ready(&serving.client, &running, 1);
    let queued = test.enqueue_far(&serving.client, endurance::ledger::Work::Echo);
    let done = test.echoes(&serving.client);
    serving.process.signal(Signal::TERM).expect("it runs");
    test.wait(async { while serving.client.ready().await.is_ok() {} });
    serving.process.signal(Signal::TERM).expect("it runs");
    let ended = serving.process.end(PATIENCE).expect("it ends");
    assert_eq!(ended.status.code(), Some(130), "{}", ended.log);
    test.assert_whole();

    let serving = test.serve();
    let client = &serving.client;
    test.is_ready(client, &running, 2);
    assert_eq!(outcomes(&test.task(client, &running)), ["lost", "runs"]);
    assert_eq!(test.task(client, &queued).state, "queued");
    assert_eq!(test.task(client, &done).state, "completed");
    test.wait(client.cancel(&running)).expect("it runs");
    assert_eq!(test.ended(client, &running).state, "cancelled");
    test.stop(serving);
    test.assert_whole();
}
