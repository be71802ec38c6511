//! Who may ask for what is decided when a task is taken, and again when it begins.

use super::{ended, enqueue, probe};
use crate::host::TestHost;
use crate::http::Http;
use crate::serving::{ALL_ROLES, Serving};
use serde_json::{Value, json};
use std::fs;

const MODULE: &str = "modules/prober.wasm";

/// The manifest's parts for these sources and this choice of revision.
fn manifest(sources: Value, revision: &str) -> Value {
    json!({ "schedulable-by": { "sources": sources }, "run": { "revision": revision } })
}

fn completes() -> Value {
    probe(json!({ "probe": "completes" }))
}

/// A host of a job that `api` may ask for, with a task which has not begun.
fn with_task<'a>(host: &'a TestHost) -> (Serving<'a>, Http, String) {
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    // Once it has run, the host can run this revision whatever becomes of its file.
    assert_eq!(ended(&http, &enqueue(&http, &completes()))["state"], "completed");
    http.post("/v1/pause", &json!({})).is(200);
    let id = enqueue(&http, &completes());
    (serving, http, id)
}

/// Puts another revision in the place of the first, and lets attempts begin.
fn replace(host: &TestHost, http: &Http, changes: Value) -> String {
    let other = TestHost::with_probes(changes);
    fs::copy(other.path(MODULE), host.path("aside.wasm")).expect("it is there");
    fs::rename(host.path("aside.wasm"), host.path(MODULE)).expect("it is there");
    let revision = http.get("/v1/jobs/prober").is(200).json()["job"]["revision"].clone();
    http.post("/v1/resume", &json!({})).is(200);
    revision.as_str().expect("a digest").to_owned()
}

#[test]
fn a_task_of_the_newest_revision_is_refused_by_its_policy() {
    let host = TestHost::with_probes(manifest(json!(["api"]), "newest"));
    let (serving, http, id) = with_task(&host);
    let mut ends = http.follow("/v1/events?job=prober&kind=attempt-ended", &[]);
    replace(&host, &http, manifest(json!(["ci", "dashboard"]), "newest"));
    let end = ends.expect("attempt-ended");
    assert_eq!(
        (&end["taskId"], &end["outcome"], &end["code"], &end["state"]),
        (&json!(id), &json!("refused"), &json!("source_not_allowed"), &json!("failed"))
    );
    let task = ended(&http, &id);
    assert_eq!((&task["state"], &task["outcome"]), (&json!("failed"), &json!("refused")));
    assert_eq!(task["attempts"].as_array().map(Vec::len), Some(1), "no further attempt could end otherwise");
    let error = &task["attempts"][0]["error"];
    assert_eq!(error["message"], "source `api` may not schedule `prober`, expected one of `ci`, `dashboard`");
    assert!(error["hint"].is_string(), "{error}");
    // Nor is another one taken.
    http.post("/v1/tasks", &completes()).is_problem(403, "source_not_allowed");
    // A retry is looked at like any attempt, and passes once the policy lets it.
    http.post("/v1/pause", &json!({})).is(200);
    http.post(&format!("/v1/tasks/{id}/retry"), &json!({})).is(202);
    replace(&host, &http, manifest(json!(["ci", "api"]), "newest"));
    assert_eq!(ended(&http, &id)["state"], "completed");
    serving.stop();
}

#[test]
fn a_task_of_a_pinned_revision_runs_by_its_own_policy() {
    let host = TestHost::with_probes(manifest(json!(["api"]), "pinned"));
    let (serving, http, id) = with_task(&host);
    let accepted = http.get(&format!("/v1/tasks/{id}")).is(200).json()["revision"].clone();
    let revision = replace(&host, &http, manifest(json!(["ci"]), "pinned"));
    assert_ne!(accepted, json!(revision));
    let task = ended(&http, &id);
    assert_eq!(task["state"], "completed", "{task}");
    assert_eq!(task["attempts"][0]["revision"], accepted);
    http.post("/v1/tasks", &completes()).is_problem(403, "source_not_allowed");
    serving.stop();
}

/// What runs says which policy it is that counts: here the revision that the task was taken with is pinned.
#[test]
fn a_new_revision_does_not_make_itself_the_one_of_older_tasks() {
    let host = TestHost::with_probes(manifest(json!(["api"]), "pinned"));
    let (serving, http, id) = with_task(&host);
    replace(&host, &http, manifest(json!(["ci"]), "newest"));
    assert_eq!(ended(&http, &id)["state"], "completed");
    serving.stop();
}
