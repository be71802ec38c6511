//! Cancel, retry, pause, by ids and names.

use super::{ID, echo, probe, queue};
use crate::api::ended;
use crate::host::TestHost;
use crate::serving::ALL_ROLES;
use serde_json::{Value, json};

#[test]
fn tasks_are_cancelled() {
    let host = TestHost::with_probes(json!({}));
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let running = queue(&host, &serving, &probe(json!({ "probe": "sleeps", "ms": 50_000 })), &[]);
    let mut log = http.follow(&format!("/v1/tasks/{running}/log?follow"), &[]);
    assert_eq!(log.expect("line")["message"], "ready");
    let done = queue(&host, &serving, &probe(json!({ "probe": "completes" })), &[]);
    ended(&http, &done);
    http.post("/v1/pause", &json!({})).is(200);
    let waiting = queue(&host, &serving, &probe(json!({ "probe": "completes" })), &[]);

    let cancelled = serving.command(&["cancel", &waiting, &running]).finish().exits(0);
    assert_eq!(cancelled.stdout(), format!("{waiting} cancelled\n{running} requested\n"));
    assert_eq!(log.expect("end")["state"], "cancelled");
    let again = serving.command(&["cancel", &running, "--json"]).finish().exits(0);
    assert_eq!(again.json(), json!([{ "taskId": running, "cancel": "already" }]));

    // One that cannot be does not keep the others from it.
    http.post("/v1/pause", &json!({})).is(200);
    let other = queue(&host, &serving, &probe(json!({ "probe": "completes" })), &[]);
    let some = serving.command(&["cancel", &done, ID, &other]).finish().exits(1);
    assert_eq!(some.stdout(), format!("{other} cancelled\n"));
    insta::assert_snapshot!(some.stderr().replace(&done, "[done]"), @"
    error[not_cancellable]: task `[done]`: a task that is `completed` cannot be cancelled, expected `queued` or `running`
    hint: it has ended already; `mainworker status ID` says how
    error[unknown_task]: there is no task `01978f3c-7d1a-7c2e-9f00-0123456789ab` here
    hint: `mainworker list` lists tasks; those of other sources need the role `read`
    ");
    serving.stop();
}

#[test]
fn tasks_get_a_new_life() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    http.post("/v1/pause", &json!({})).is(200);
    let ids: [String; 2] = std::array::from_fn(|n| queue(&host, &serving, &echo(json!({ "n": n })), &[]));
    let [first, second] = &ids;
    serving.command(&["cancel", first, second]).finish().exits(0);
    let retried = serving.command(&["retry", first]).finish().exits(0);
    assert_eq!(retried.stdout(), format!("{first} queued\n"));
    let later = serving.command(&["retry", second, "--delay", "2h", "--json"]).finish().exits(0);
    assert_eq!(later.json(), json!([{ "taskId": second, "state": "queued" }]));
    http.post("/v1/resume", &json!({})).is(200);
    assert_eq!(ended(&http, first)["result"], json!({ "n": 0 }));
    let task = http.get(&format!("/v1/tasks/{second}")).json();
    assert!(task["runAt"].as_str() > task["createdAt"].as_str(), "{task}");

    let refused = serving.command(&["retry", first, second, ID]).finish().exits(1);
    assert_eq!(refused.stdout(), "");
    insta::assert_snapshot!(refused.stderr().replace(first, "[completed]").replace(second, "[queued]"), @"
    error[not_retryable]: task `[completed]`: a task that is `completed` cannot be retried, expected `failed`, `cancelled` or `expired`
    hint: it has its result; send a new task to run the job again
    error[not_retryable]: task `[queued]`: a task that is `queued` cannot be retried, expected `failed`, `cancelled` or `expired`
    hint: wait until it has ended, or cancel it first
    error[unknown_task]: there is no task `01978f3c-7d1a-7c2e-9f00-0123456789ab` here
    hint: `mainworker list` lists tasks; those of other sources need the role `read`
    ");
    serving.stop();
}

#[test]
fn attempts_are_kept_from_beginning() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let said = |args: &[&str]| serving.command(args).finish().exits(0).stdout().to_owned();
    assert_eq!(said(&["pause", "echo"]), "paused `echo`\n");
    assert_eq!(said(&["pause"]), "paused all jobs\n");
    let id = queue(&host, &serving, &echo(json!({ "n": 1 })), &[]);
    let job = || http.get("/v1/jobs/echo").json()["job"]["paused"].clone();
    assert_eq!((http.get("/v1/stats").json()["paused"].clone(), job()), (json!(true), json!(true)));
    let answer: Value = serde_json::from_str(&said(&["resume", "--json"])).expect("JSON");
    assert_eq!(answer, json!({ "job": null, "paused": false }));
    assert_eq!((http.get("/v1/stats").json()["paused"].clone(), job()), (json!(false), json!(true)));
    assert_eq!(http.get(&format!("/v1/tasks/{id}")).json()["state"], "queued");
    assert_eq!(said(&["resume", "echo"]), "resumed `echo`\n");
    assert_eq!(ended(&http, &id)["state"], "completed");

    let unknown = serving.command(&["pause", "ecko"]).finish().exits(1);
    assert_eq!(unknown.stdout(), "");
    insta::assert_snapshot!(unknown.stderr(), @"
    error[unknown_job]: there is no job `ecko` here
    hint: did you mean `echo`?
    ");
    let no_name = serving.command(&["resume", ".."]).finish().exits(2);
    insta::assert_snapshot!(no_name.stderr(), @"
    error[name_invalid]: the job is `..`, expected one as the host gave it
    hint: `mainworker jobs` lists the jobs
    ");
    serving.stop();
}
