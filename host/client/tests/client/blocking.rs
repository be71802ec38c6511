//! The calls that wait, from plain threads and from those of a runtime.

use crate::scripted::{Script, Scripted, json, problem, stream_of};
use mainworker_client::blocking::Scheduler;
use mainworker_client::{ClientError, Followed, RejectionCode};
use serde_json::{Value, json as value};
use std::thread;
use tokio::runtime::Runtime;

const COMPLETED: &str = r#"{"taskId":"t1","job":"echo","revision":"sha256:0","source":"api","state":"completed","outcome":"completed",
"result":{"n":1},"error":null,"progress":null,"priority":0,"label":null,"tags":[],"createdAt":"x","runAt":"x","expiresAt":null,
"startedAt":null,"finishedAt":"x","maxAttempts":5,"cancelRequested":false,"parent":null,"attempts":[]}"#;
const LINE: &str = "id: 1.1\nevent: line\ndata: {\"attempt\":1,\"atMs\":5,\"level\":\"info\",\"context\":\"\",\"message\":\"hello\"}\n\n";
const END: &str = "event: end\ndata: {\"state\":\"completed\",\"outcome\":\"completed\"}\n\n";

fn accepting() -> Vec<Script> {
    vec![
        problem(404, "not_found", "nothing"),
        json(202, r#"{"taskId":"t1"}"#),
        stream_of(&format!("{LINE}{END}")),
        stream_of(END),
        json(200, COMPLETED),
        json(200, r#"{"taskId":"t1","cancel":"already"}"#),
    ]
}

/// A host on a runtime of its own, and a scheduler that knows nothing of it.
fn host(scripts: Vec<Script>) -> (Runtime, Scripted, Scheduler) {
    let runtime = Runtime::new().unwrap();
    let host = runtime.block_on(Scripted::host(scripts));
    let scheduler = Scheduler::of(mainworker_client::Scheduler::new(host.client(), "api")).unwrap();
    (runtime, host, scheduler)
}

/// A task from its beginning to its end.
fn whole_life(scheduler: &Scheduler) {
    let task = scheduler.send(scheduler.task_of("echo", &value!({ "n": 1 })).returning::<Value>()).unwrap();
    let said: Vec<String> = task
        .follow()
        .unwrap()
        .map(|step| match step.unwrap() {
            Followed::Line(line) => line.message,
            Followed::Progress(_) => "progress".to_owned(),
            Followed::End(end) => end.state,
        })
        .collect();
    assert_eq!(said, ["hello", "completed"]);
    assert_eq!(task.result().unwrap(), value!({ "n": 1 }));
    assert_eq!(task.cancel().unwrap().cancel, "already");
}

#[test]
fn a_plain_thread_waits_for_all_of_it() {
    let (_runtime, _host, scheduler) = host(accepting());
    thread::scope(|scope| scope.spawn(|| whole_life(&scheduler.clone())).join()).unwrap();
}

#[test]
fn a_thread_of_a_runtime_is_held_and_nothing_panics() {
    let (_hosts, _host, scheduler) = host(accepting());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async move {
        whole_life(&scheduler);
        drop(scheduler);
    });
}

#[test]
fn what_is_not_accepted_is_told_as_without_waiting() {
    let (_runtime, host, scheduler) = host(vec![Script::BreakOff, problem(409, "unique_conflict", "held")]);
    let task = || scheduler.task_of("echo", &value!({})).returning::<Value>();
    let error = scheduler.send(task().priority(10)).unwrap_err();
    assert_eq!(error.rejected().unwrap().code, RejectionCode::OptionsInvalid);
    let error = scheduler.send_all(vec![task(), task().label("")]).unwrap_err();
    assert_eq!(error.rejected().unwrap().index, Some(1));
    assert!(host.asked().is_empty());
    let error = scheduler.send(task()).unwrap_err();
    assert_eq!(error.rejected().unwrap().code, RejectionCode::UniqueConflict);
}

#[test]
fn a_log_ends_with_its_first_error() {
    let (_runtime, _host, scheduler) = host(vec![problem(404, "unknown_task", "no")]);
    let mut log = scheduler.handle::<Value>("t1").follow().unwrap();
    assert!(matches!(log.next(), Some(Err(ClientError::Problem(_)))));
    assert!(log.next().is_none());
}
