//! The HTTP API of a host that serves.

/// Who may ask for what.
mod access;
/// Jobs that ask for jobs, which ask for jobs.
mod chains;
/// Cancel, retry, pause; one task or many.
mod changing;
/// Credentials that are not good.
mod credentials;
/// What machines ask for: health, figures, the description.
mod figures;
/// Logs and events, as they happen.
mod following;
/// Tasks of one key, of which only some run at a time.
mod keys;
/// What a client can use up.
mod limits;
/// Who may ask for what, when a task is taken and when it begins.
mod policy;
/// The rejections that the README names, each over HTTP.
mod promised;
/// How often tasks are asked for.
mod rates;
/// What there is: tasks, pages, logs, jobs.
mod reading;
/// Requests that are not taken.
mod rejections;
/// The table of endpoints and roles that is in writing.
mod roles;
/// What runs by itself, and who may say so.
mod schedules;
/// How a host stops for its clients.
mod stopping;
/// Tokens of the store, and who wanted what.
mod tokens;
/// Modules that go away, or change, under tasks that were taken with them.
mod vanished;

use crate::host::envelope;
use crate::http::Http;
use serde_json::{Value, json};

/// The request for a task of `echo`.
pub(crate) fn echo(payload: Value) -> Value {
    json!({ "envelope": envelope("echo", "api", payload) })
}

/// The request for a task of the probes.
pub(crate) fn probe(payload: Value) -> Value {
    json!({ "envelope": envelope("prober", "api", payload) })
}

/// Hands a task over; gives its id.
#[track_caller]
pub(crate) fn enqueue(http: &Http, request: &Value) -> String {
    let answer = http.post("/v1/tasks", request).is(202);
    let id = answer.json()["taskId"].as_str().expect("an id").to_owned();
    assert_eq!(answer.header("location"), Some(format!("/v1/tasks/{id}").as_str()));
    id
}

/// The task, once it has ended.
#[track_caller]
pub(crate) fn ended(http: &Http, id: &str) -> Value {
    let events = http.follow(&format!("/v1/tasks/{id}/log?follow"), &[]).rest();
    assert_eq!(events.last().map(|event| event.kind.as_str()), Some("end"), "{events:?}");
    http.get(&format!("/v1/tasks/{id}")).is(200).json()
}

/// A problem as people read it.
fn shown(problem: &Value) -> String {
    let text = |field: &str| problem[field].as_str().unwrap_or_default();
    let index = problem["index"].as_u64().map(|index| format!(" in task {index}")).unwrap_or_default();
    let hint = match text("hint") {
        "" => String::new(),
        hint => format!("\n  hint: {}", hint.replace('\n', " ⏎ ")),
    };
    let place = format!("{} {}", text("pointer"), index).trim().to_owned();
    let place = if place.is_empty() { place } else { format!(" at {place}") };
    format!("{} {}{place}\n  {}{hint}", problem["status"], text("code"), text("detail"))
}
