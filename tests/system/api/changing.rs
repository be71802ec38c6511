//! Cancel, retry, pause; one task or many.

use super::{echo, ended, enqueue, probe, shown};
use crate::host::{TestHost, envelope};
use crate::http::Http;
use crate::serving::ALL_ROLES;
use serde_json::{Value, json};

fn cancel(http: &Http, id: &str) -> (u16, Value) {
    let answer = http.post(&format!("/v1/tasks/{id}/cancel"), &json!({}));
    (answer.status, answer.json()["cancel"].clone())
}

#[test]
fn a_task_that_waits_is_cancelled_at_once_and_only_once() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    http.post("/v1/pause", &json!({})).is(200);
    let id = enqueue(&http, &echo(json!({})));
    assert_eq!(cancel(&http, &id), (200, json!("cancelled")));
    assert_eq!(cancel(&http, &id), (200, json!("already")));
    let task = ended(&http, &id);
    assert_eq!((&task["state"], &task["outcome"]), (&json!("cancelled"), &json!("cancelled")));
    assert_eq!(task["attempts"], json!([]));
    serving.stop();
}

#[test]
fn a_task_that_runs_is_told_to_stop() {
    let host = TestHost::with_probes(json!({}));
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let id = enqueue(&http, &probe(json!({ "probe": "sleeps", "ms": 50_000 })));
    let mut log = http.follow(&format!("/v1/tasks/{id}/log?follow"), &[]);
    assert_eq!(log.expect("line")["message"], "ready");
    assert_eq!(http.get("/v1/stats").json()["running"][0]["taskId"], json!(id));
    let (status, said) = cancel(&http, &id);
    assert_eq!((status, said), (202, json!("requested")));
    assert_eq!(log.expect("end"), json!({ "state": "cancelled", "outcome": "cancelled" }));
    let task = http.get(&format!("/v1/tasks/{id}")).json();
    assert_eq!((&task["state"], &task["attempts"][0]["outcome"]), (&json!("cancelled"), &json!("cancelled")));
    assert_eq!(cancel(&http, &id), (200, json!("already")));
    serving.stop();
}

#[test]
fn what_has_ended_is_not_cancelled_and_what_has_a_result_not_retried() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let id = enqueue(&http, &echo(json!({})));
    assert_eq!(ended(&http, &id)["state"], "completed");
    let problems = [
        shown(&http.post(&format!("/v1/tasks/{id}/cancel"), &json!({})).is_problem(409, "not_cancellable")),
        shown(&http.post(&format!("/v1/tasks/{id}/retry"), &json!({})).is_problem(409, "not_retryable")),
        shown(
            &http
                .post(&format!("/v1/tasks/{id}/retry"), &json!({ "delayMs": "1s" }))
                .is_problem(400, "wrong_type"),
        ),
        shown(
            &http
                .post(&format!("/v1/tasks/{id}/retry"), &json!({ "delay": 1 }))
                .is_problem(400, "unknown_field"),
        ),
    ];
    insta::assert_snapshot!(problems.join("\n"), @"
    409 not_cancellable
      a task that is `completed` cannot be cancelled, expected `queued` or `running`
      hint: it has ended already; `GET /v1/tasks/ID` says how
    409 not_retryable
      a task that is `completed` cannot be retried, expected `failed`, `cancelled` or `expired`
      hint: it has its result; send a new task to run the job again
    400 wrong_type at /delayMs
      `/delayMs` is a string, expected a whole number from 0
      hint: `/openapi.json` describes the request
    400 unknown_field at /delay
      the request has an unknown field `delay`, expected only `delayMs`
      hint: did you mean `delayMs`?
    ");
    serving.stop();
}

#[test]
fn a_retry_is_a_new_life() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    http.post("/v1/jobs/echo/pause", &json!({})).is(200);
    let id = enqueue(&http, &echo(json!({ "n": 1 })));
    assert_eq!(cancel(&http, &id), (200, json!("cancelled")));
    let retried = http.ask("POST", &format!("/v1/tasks/{id}/retry"), &[], "").is(202).json();
    assert_eq!(retried, json!({ "taskId": id, "state": "queued" }));
    let waiting = http.post(&format!("/v1/tasks/{id}/retry"), &json!({})).is_problem(409, "not_retryable");
    assert_eq!(waiting["hint"], "wait until it has ended, or cancel it first");
    http.post("/v1/jobs/echo/resume", &json!({})).is(200);
    let task = ended(&http, &id);
    assert_eq!((&task["state"], &task["result"]), (&json!("completed"), &json!({ "n": 1 })));
    serving.stop();
}

#[test]
fn without_its_configuration_a_task_has_no_new_life() {
    let host = TestHost::with_probes(json!({}));
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    http.post("/v1/pause", &json!({})).is(200);
    let mut request = probe(json!({ "probe": "completes" }));
    request["envelope"]["configuration"] = json!({ "plain": "brought along" });
    let id = enqueue(&http, &request);
    assert_eq!(cancel(&http, &id), (200, json!("cancelled")));
    let problem =
        http.post(&format!("/v1/tasks/{id}/retry"), &json!({})).is_problem(409, "configuration_gone");
    insta::assert_snapshot!(shown(&problem), @"
    409 configuration_gone
      the configuration of the task was deleted when it was `cancelled`, expected it to be kept
      hint: send a new task with its configuration
    ");
    serving.stop();
}

#[test]
fn a_retry_takes_its_unique_key_again_if_it_can() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    http.post("/v1/pause", &json!({})).is(200);
    let request = json!({ "envelope": envelope("echo", "api", json!({})), "options": { "uniqueKey": "u" } });
    let id = enqueue(&http, &request);
    assert_eq!(cancel(&http, &id), (200, json!("cancelled")));
    let holder = enqueue(&http, &request);
    let problem = http.post(&format!("/v1/tasks/{id}/retry"), &json!({})).is_problem(409, "unique_conflict");
    insta::assert_snapshot!(shown(&problem).replace(&holder, "[id]"), @"
    409 unique_conflict
      the unique key of the task is held by the task [id], expected nobody to hold it
      hint: wait until that one has ended, or cancel it first
    ");
    assert_eq!(cancel(&http, &holder), (200, json!("cancelled")));
    http.post(&format!("/v1/tasks/{id}/retry"), &json!({})).is(202);
    serving.stop();
}

#[test]
fn many_are_cancelled_and_retried_by_filter() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    http.post("/v1/pause", &json!({})).is(200);
    let labelled = |label: &str| json!({ "envelope": envelope("echo", "api", json!({})), "options": { "label": label } });
    // More than one page.
    let many = vec![labelled("many"); 700];
    http.post("/v1/tasks/batch", &json!({ "tasks": many })).is(202);
    let other = enqueue(&http, &labelled("other"));

    let change =
        |verb: &str, request: Value| http.post(&format!("/v1/tasks/{verb}"), &request).is(200).json();
    let filter = json!({ "label": "many" });
    let answer = |matched: u64, changed: u64| json!({ "matched": matched, "changed": changed, "refused": {}, "more": false });
    let tasks = || http.get("/v1/stats").json()["tasks"].clone();
    assert_eq!(change("cancel", json!({ "filter": filter, "preview": true })), answer(700, 0));
    assert_eq!(tasks()["queued"], 701, "a preview changes nothing");
    assert_eq!(change("cancel", json!({ "filter": filter })), answer(700, 700));
    assert_eq!((&tasks()["queued"], &tasks()["cancelled"]), (&json!(1), &json!(700)));
    assert_eq!(change("cancel", json!({ "filter": filter })), answer(0, 0), "nobody means what has ended");

    // Named, what cannot be is counted by the reason.
    let named = json!({ "filter": { "label": "many", "state": "cancelled" } });
    assert_eq!(change("cancel", named.clone()), answer(700, 0), "it was so before");
    assert_eq!(change("retry", json!({ "filter": filter })), answer(0, 0), "nobody means what was cancelled");
    assert_eq!(change("retry", named), answer(700, 700));
    let queued = json!({ "filter": { "state": "queued" } });
    let refused = json!({ "matched": 701, "changed": 0, "refused": { "not_retryable": 701 }, "more": false });
    assert_eq!(change("retry", queued), refused);
    assert_eq!(http.get(&format!("/v1/tasks/{other}")).json()["state"], "queued");

    let problems = [
        shown(&http.post("/v1/tasks/cancel", &json!({})).is_problem(400, "missing_field")),
        shown(&http.post("/v1/tasks/cancel", &json!({ "filter": {} })).is_problem(400, "bad_filter")),
        shown(
            &http
                .post("/v1/tasks/retry", &json!({ "filter": { "stat": "x" } }))
                .is_problem(400, "unknown_field"),
        ),
        shown(
            &http
                .post("/v1/tasks/retry", &json!({ "filter": { "state": "done" } }))
                .is_problem(400, "bad_filter"),
        ),
    ];
    insta::assert_snapshot!(problems.join("\n"), @r#"
    400 missing_field
      the request has no field `filter`
      hint: such a request is {"filter": {"job": "…"}, "preview": true}
    400 bad_filter
      the filter `filter` is empty, expected at least one filter, such as `job`
    400 unknown_field at /filter/stat
      the filter has an unknown field `stat`, expected only `state`, `job`, `source`, `label`, `tag`, `schedule`, `from`, `to`, `outcome`, `longerThan`
      hint: did you mean `state`?
    400 bad_filter
      the filter `state` is `done`, expected one of `queued`, `running`, `completed`, `failed`, `cancelled`, `expired`
    "#);
    serving.stop();
}

#[test]
fn a_pause_holds_over_a_restart_and_stops_no_intake() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let paused = http.post("/v1/jobs/echo/pause", &json!({})).is(200).json();
    assert_eq!(paused, json!({ "job": "echo", "paused": true }));
    let all = http.post("/v1/pause", &json!({})).is(200).json();
    assert_eq!(all, json!({ "job": null, "paused": true }));
    let id = enqueue(&http, &echo(json!({})));
    serving.stop();

    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let jobs = http.get("/v1/jobs").is(200).json();
    assert_eq!((&jobs["paused"], &jobs["jobs"][0]["paused"]), (&json!(true), &json!(true)));
    assert_eq!(jobs["jobs"][0]["tasks"]["queued"], 1);
    http.post("/v1/resume", &json!({})).is(200);
    assert_eq!(http.get("/v1/jobs/echo").json()["job"]["paused"], true, "the two are apart");
    assert_eq!(http.get(&format!("/v1/tasks/{id}")).json()["state"], "queued");
    http.post("/v1/jobs/echo/resume", &json!({})).is(200);
    assert_eq!(ended(&http, &id)["state"], "completed");
    serving.stop();
}
