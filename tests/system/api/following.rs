//! Logs and events, as they happen.

use super::{echo, enqueue, probe};
use crate::host::TestHost;
use crate::serving::ALL_ROLES;
use serde_json::json;

#[test]
fn a_log_is_followed_to_the_end_of_its_task() {
    let host = TestHost::with_probes(json!({}));
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    http.post("/v1/pause", &json!({})).is(200);
    let id = enqueue(&http, &probe(json!({ "probe": "floods_log", "lines": 2_000, "bytes": 100 })));
    // From before there is anything.
    let log = http.follow(&format!("/v1/tasks/{id}/log?follow"), &[]);
    http.post("/v1/resume", &json!({})).is(200);
    let mut events = log.rest();
    let end = events.pop().expect("an end");
    assert_eq!(
        (end.kind.as_str(), end.data.as_str()),
        ("end", r#"{"state":"completed","outcome":"completed"}"#)
    );
    assert_eq!(events.len(), 2_000);
    assert!(events.iter().all(|event| event.kind == "line"));

    // Again from the middle, by the id of an event and by a cursor.
    let middle = events[1_234].id.clone().expect("a line has an id");
    let rest = &events[1_235..];
    let target = format!("/v1/tasks/{id}/log?follow");
    let mut again = http.follow(&target, &[("last-event-id", &middle)]).rest();
    again.pop();
    assert_eq!(again, rest);
    let mut again = http.follow(&format!("{target}&cursor={middle}"), &[]).rest();
    again.pop();
    assert_eq!(again, rest);
    let page = http.get(&format!("/v1/tasks/{id}/log?cursor={middle}")).json();
    assert_eq!(page["lines"].as_array().map(Vec::len), Some(rest.len()));
    let bad = http.ask("GET", &target, &[("last-event-id", "7")], "");
    bad.is_problem(400, "bad_cursor");
    serving.stop();
}

#[test]
fn lines_and_progress_come_while_the_attempt_runs() {
    let host = TestHost::with_probes(json!({}));
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let id = enqueue(&http, &probe(json!({ "probe": "sleeps", "ms": 50_000 })));
    let target = format!("/v1/tasks/{id}/log?follow");
    let (mut first, mut second) = (http.follow(&target, &[]), http.follow(&target, &[]));
    for log in [&mut first, &mut second] {
        assert_eq!(log.expect("line")["message"], "ready");
    }
    // Somebody who leaves takes nothing from the others.
    drop(first);
    http.post(&format!("/v1/tasks/{id}/cancel"), &json!({})).is(202);
    assert_eq!(second.expect("end")["state"], "cancelled");
    assert_eq!(second.next(), None);
    serving.stop();
}

#[test]
fn progress_is_told() {
    let host = TestHost::with_probes(json!({}));
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let id = enqueue(&http, &probe(json!({ "probe": "floods_progress", "ms": 50_000 })));
    let mut log = http.follow(&format!("/v1/tasks/{id}/log?follow"), &[]);
    let first = log.expect("progress");
    assert_eq!(first["percent"], 50);
    let second = log.expect("progress");
    assert_ne!(first["message"], second["message"], "only what is new is told");
    assert_eq!(http.get(&format!("/v1/tasks/{id}")).json()["progress"]["percent"], 50);
    http.post(&format!("/v1/tasks/{id}/cancel"), &json!({})).is(202);
    assert_eq!(log.rest().last().map(|event| event.kind.as_str()), Some("end"));
    serving.stop();
}

#[test]
fn events_are_told_as_they_happen() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let mut all = http.follow("/v1/events", &[]);
    let mut of_echo = http.follow("/v1/events?job=echo&kind=attempt-ended,paused", &[]);
    let mut of_others = http.follow("/v1/events?job=edge-logs", &[]);

    let id = enqueue(&http, &echo(json!({ "secret": "of the payload" })));
    let enqueued = all.expect("task-enqueued");
    assert_eq!(
        (&enqueued["kind"], &enqueued["taskId"], &enqueued["job"], &enqueued["source"]),
        (&json!("task-enqueued"), &json!(id), &json!("echo"), &json!("api"))
    );
    let ended = of_echo.expect("attempt-ended");
    assert_eq!(
        (&ended["taskId"], &ended["outcome"], &ended["state"]),
        (&json!(id), &json!("completed"), &json!("completed"))
    );
    http.post("/v1/jobs/echo/pause", &json!({})).is(200);
    assert_eq!(of_echo.expect("paused")["paused"], true);

    serving.ask_to_stop();
    assert_eq!(of_others.next().map(|event| event.kind), Some("stopping".to_owned()));
    let rest = all.rest();
    assert!(rest.iter().all(|event| !event.data.contains("of the payload")), "{rest:?}");
    assert_eq!(rest.last().map(|event| event.kind.as_str()), Some("stopping"));
    serving.stop();
}
