//! Modules that go away, or change, under tasks that were taken with them: the tasks are kept until their module is back.

use super::{ended, enqueue, probe};
use crate::host::TestHost;
use crate::http::Http;
use crate::serving::{ALL_ROLES, Serving};
use serde_json::{Value, json};
use std::fs;

const MODULE: &str = "modules/prober.wasm";

/// A host that has taken a task of a module which it has not compiled yet: it was put there later. The task has one attempt.
fn with_task(host: &TestHost) -> (Serving<'_>, String) {
    fs::rename(host.path(MODULE), host.path("aside.wasm")).expect("it is there");
    let serving = host.serve(ALL_ROLES);
    serving.http().post("/v1/pause", &json!({})).is(200);
    fs::rename(host.path("aside.wasm"), host.path(MODULE)).expect("it is there");
    let mut request = probe(json!({ "probe": "completes" }));
    request["options"] = json!({ "maxAttempts": 1 });
    let id = enqueue(&serving.http(), &request);
    (serving, id)
}

/// Lets attempts begin; the task as it is after one that found no module.
fn tried(http: &Http, id: &str) -> Value {
    let mut ends = http.follow("/v1/events?job=prober&kind=attempt-ended", &[]);
    http.post("/v1/resume", &json!({})).is(200);
    let end = ends.expect("attempt-ended");
    assert_eq!((&end["outcome"], &end["code"]), (&json!("module-unavailable"), &json!("module_unavailable")));
    assert_eq!(end["state"], "queued");
    http.get(&format!("/v1/tasks/{id}")).is(200).json()
}

#[test]
fn a_module_that_is_gone_is_waited_for() {
    let host = TestHost::with_probes(json!({ "retry": { "base": "10ms" } }));
    let (serving, id) = with_task(&host);
    let http = serving.http();
    fs::rename(host.path(MODULE), host.path("aside.wasm")).expect("it is there");
    let task = tried(&http, &id);
    let first = &task["attempts"][0];
    assert_eq!(
        (&first["outcome"], &first["error"]["code"]),
        (&json!("module-unavailable"), &json!("module_unavailable"))
    );
    let message = first["error"]["message"].as_str().expect("it says why");
    assert!(message.ends_with("any more, found no module of that job"), "{message}");
    assert!(first["error"]["hint"].as_str().is_some_and(|hint| hint.starts_with("put it back")), "{first}");
    // No other task is taken for it.
    http.post("/v1/tasks", &probe(json!({}))).is_problem(404, "unknown_job");

    fs::rename(host.path("aside.wasm"), host.path(MODULE)).expect("it is there");
    let task = ended(&http, &id);
    assert_eq!((&task["state"], &task["result"]), (&json!("completed"), &json!({ "attempt": 1 })));
    let outcomes: Vec<_> =
        task["attempts"].as_array().expect("a list").iter().map(|it| &it["outcome"]).collect();
    let (last, before) = outcomes.split_last().expect("some");
    assert_eq!(*last, "completed");
    assert!(
        !before.is_empty() && before.iter().all(|outcome| *outcome == "module-unavailable"),
        "{outcomes:?}"
    );
    serving.stop();
}

/// A task runs with the revision that it was taken with, or not at all.
#[test]
fn another_revision_does_not_take_its_place() {
    let host = TestHost::with_probes(json!({ "retry": { "base": "10ms" } }));
    let (serving, id) = with_task(&host);
    let http = serving.http();
    let accepted = http.get(&format!("/v1/tasks/{id}")).json()["revision"].clone();
    fs::rename(host.path(MODULE), host.path("aside.wasm")).expect("it is there");
    let other = TestHost::with_probes(json!({ "retry": { "base": "20ms" } }));
    host.module("prober", &fs::read(other.path(MODULE)).expect("it is there"));
    let task = tried(&http, &id);
    let message = task["attempts"][0]["error"]["message"].as_str().expect("it says why").to_owned();
    assert!(message.contains("any more, found sha256:"), "{message}");
    // A new task is one of the new revision.
    let new = enqueue(&http, &probe(json!({ "probe": "completes" })));
    assert_eq!(ended(&http, &new)["state"], "completed");
    assert_ne!(http.get(&format!("/v1/tasks/{new}")).json()["revision"], accepted);

    // At once: half a file would be a module that is refused.
    fs::rename(host.path("aside.wasm"), host.path(MODULE)).expect("it is there");
    let task = ended(&http, &id);
    assert_eq!((&task["state"], &task["revision"]), (&json!("completed"), &accepted));
    assert_eq!(task["attempts"].as_array().and_then(|it| it.last()).expect("some")["revision"], accepted);
    serving.stop();
}
