//! Requests that are not taken: each with its status, its code, its place and a hint, and nothing of it stored.

use super::{echo, enqueue, shown};
use crate::host::{TestHost, envelope};
use crate::http::{Answer, Http};
use crate::jobs;
use crate::serving::ALL_ROLES;
use mainworker_domain::catalog::ModuleDescription;
use mainworker_domain::manifest::Manifest;
use mainworker_sandbox::module_file::ModuleFile;
use serde_json::{Value, json};

/// A world with `echo`, with `typed` which takes `{"probe": TEXT}` and needs a key, with `nightly` which only the scheduler may
/// ask for, and with `prober` which takes one task a day.
pub(super) fn world() -> TestHost {
    let host = TestHost::with_probes(json!({ "run": { "rate-limit": { "tasks": 1, "per": "24h" } } }));
    std::fs::copy(jobs::built().join("echo.wasm"), host.path("modules/echo.wasm")).expect("the job is built");
    let module = |name: &str, source: &str| {
        let manifest = json!({
            "job": { "name": name, "version": "0.1.0", "summary": "Is asked for" },
            "schedulable-by": { "sources": [source] },
            "configuration": { "needed": { "required": true, "from": "host" } },
            "grants": {
                // What the probes import.
                "schedule": ["nobody"],
                "http": [{ "to": "https://nobody.invalid", "methods": ["GET"], "optional": true }],
            },
        });
        let schema = json!({
            "type": "object", "required": ["probe"], "properties": { "probe": { "type": "string" } },
        });
        let manifest = Manifest::from_json(&manifest).expect("the manifest is valid");
        let description = ModuleDescription { manifest, payload_schema: Some(schema), result_schema: None };
        let module = ModuleFile::pack(jobs::probes(), &description).expect("the probes are admitted");
        host.module(name, module.bytes());
    };
    module("typed", "api");
    module("nightly", "scheduler");
    host
}

/// How many tasks there are.
#[track_caller]
pub(super) fn count(http: &Http) -> usize {
    http.get("/v1/tasks").is(200).json()["tasks"].as_array().expect("a list").len()
}

#[track_caller]
fn said(answer: &Answer, status: u16, code: &str) -> String {
    shown(&answer.is_problem(status, code))
}

#[test]
fn an_envelope_that_is_not_taken_says_why_and_where() {
    let host = world();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let payload = json!({ "probe": "completes" });
    let with = |change: &dyn Fn(&mut Value)| {
        let mut request = echo(json!({}));
        change(&mut request);
        http.post("/v1/tasks", &request)
    };
    let of = |job: &str, source: &str, payload: &Value| {
        http.post("/v1/tasks", &json!({ "envelope": envelope(job, source, payload.clone()) }))
    };
    let problems = [
        said(&http.post_text("/v1/tasks", "{\"envelope\": }"), 400, "malformed_json"),
        said(
            &http.post_text("/v1/tasks", r#"{"envelope":{},"envelope":{}}"#),
            400,
            "malformed_json",
        ),
        said(
            &http.post_text(
                "/v1/tasks",
                r#"{"envelope":{"configuration":{},"jobName":"echo","source":"api","jobPayload":{"a":{"b":1,"b":2}}}}"#,
            ),
            400,
            "malformed_json",
        ),
        said(&http.post_text("/v1/tasks", ""), 400, "malformed_json"),
        said(&http.post("/v1/tasks", &json!([])), 400, "wrong_type"),
        said(&http.post("/v1/tasks", &json!({})), 400, "missing_field"),
        said(&with(&|request| request["option"] = json!({})), 400, "unknown_field"),
        said(&with(&|request| request["options"] = json!({ "priorty": 1 })), 400, "unknown_field"),
        said(&with(&|request| request["options"] = json!({ "tags": "a" })), 400, "wrong_type"),
        said(&with(&|request| request["options"] = json!({ "priority": 10 })), 422, "options_invalid"),
        said(&with(&|request| request["envelope"] = json!("echo")), 400, "wrong_type"),
        said(&with(&|request| request["envelope"]["jobPayload"] = json!([])), 400, "wrong_type"),
        said(&with(&|request| request["envelope"]["user"] = json!("ada")), 400, "unknown_field"),
        said(
            &with(&|request| {
                let _ = request["envelope"].as_object_mut().expect("an object").remove("source");
            }),
            400,
            "missing_field",
        ),
        said(&of("ecko", "api", &payload), 404, "unknown_job"),
        said(&of("../echo", "api", &payload), 404, "unknown_job"),
        said(&of("echo", "ci", &payload), 403, "source_mismatch"),
        said(&of("nightly", "api", &payload), 403, "source_not_allowed"),
        said(&of("typed", "api", &json!({ "probe": 7 })), 422, "payload_invalid"),
        said(&of("typed", "api", &payload), 422, "missing_configuration"),
    ];
    insta::assert_snapshot!(problems.join("\n"), @r#"
    400 malformed_json
      the request is not valid JSON at line 1, column 14: expected value
      hint: check the body with `jq .`
    400 malformed_json
      the request is not valid JSON at line 1, column 25: the key `envelope` appears twice in one object
      hint: keep one `envelope` of the two
    400 malformed_json
      the envelope is not valid JSON at line 1, column 80: the key `b` appears twice in one object
      hint: keep one `b` of the two
    400 malformed_json
      the request is not valid JSON at line 1, column 0: EOF while parsing a value
      hint: check the body with `jq .`
    400 wrong_type
      the request is an array, expected an object
      hint: `/openapi.json` describes the request
    400 missing_field
      the request has no field `envelope`
      hint: a request is {"envelope": {…}, "options": {…}}
    400 unknown_field at /option
      the request has an unknown field `option`, expected only `envelope`, `options`
      hint: did you mean `options`?
    400 unknown_field at /options/priorty
      there is no option `priorty`, expected some of `delayMs`, `runAt`, `priority`, `timeoutMs`, `expiresAt`, `label`, `tags`, `idempotencyKey`, `uniqueKey`, `uniquePolicy`, `maxAttempts`
      hint: did you mean `priority`?
    400 wrong_type at /options/tags
      the option `tags` is a string, expected an array of strings
      hint: options are such as {"delayMs": 90000, "priority": 5, "label": "…", "tags": ["…"], "idempotencyKey": "…"}
    422 options_invalid at /options/priority
      the option `priority` is 10, expected 0 (last) to 9 (first)
      hint: options are such as {"delayMs": 90000, "priority": 5, "label": "…", "tags": ["…"], "idempotencyKey": "…"}
    400 wrong_type
      `/` is a string, expected an object
      hint: an envelope is {"configuration": {}, "jobName": "…", "source": "…", "jobPayload": {}}
    400 wrong_type at /jobPayload
      `/jobPayload` is an array, expected an object
      hint: an envelope is {"configuration": {}, "jobName": "…", "source": "…", "jobPayload": {}}
    400 unknown_field at /user
      the envelope has an unknown field `user`, expected only `configuration`, `jobName`, `source` and `jobPayload`
      hint: remove it, or move it into `jobPayload`; an envelope is {"configuration": {}, "jobName": "…", "source": "…", "jobPayload": {}}
    400 missing_field
      the envelope has no field `source`, expected `configuration`, `jobName`, `source` and `jobPayload`
      hint: add `"source": …`; an envelope is {"configuration": {}, "jobName": "…", "source": "…", "jobPayload": {}}
    404 unknown_job at /jobName
      there is no job `ecko` here
      hint: did you mean `echo`? `mainworker jobs` lists the jobs
    404 unknown_job at /jobName
      there is no job `../echo` here
      hint: a job name is 1 to 63 of a-z, 0-9 and `-`; `mainworker jobs` lists the jobs
    403 source_mismatch at /source
      the envelope says source `ci`, the credential is that of `api`
      hint: write `"source": "api"`, or use the token of the other source
    403 source_not_allowed at /source
      source `api` may not schedule `nightly`, expected `scheduler`
      hint: only a schedule asks for it: `mainworker schedule put --help` makes one, for whoever has the role `admin`; or add the source to `[schedulable-by] sources` in the job.toml of `nightly`
    422 payload_invalid at /jobPayload/probe
      the payload of `typed` is not what it accepts: at `/jobPayload/probe` found a number, expected a string
      hint: `mainworker jobs show typed` shows the payload's schema
    422 missing_configuration at /configuration
      `typed` requires the configuration key `needed`, expected it from the host's settings alone, found none there
      hint: add `"needed" = …` under `[configuration.values]` in the settings
    "#);
    assert_eq!(count(&http), 0);
    serving.stop();
}

#[test]
fn what_is_too_large_says_how_large_it_is() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let with = |field: &str, bytes: usize| {
        let mut request = echo(json!({}));
        request["envelope"][field] = json!({ "x": "y".repeat(bytes) });
        http.post("/v1/tasks", &request)
    };
    let spaces = |bytes: usize| {
        let envelope = echo(json!({}))["envelope"].to_string();
        format!(r#"{{"envelope":{{{}{}}}"#, " ".repeat(bytes), &envelope[1..])
    };
    let problems = [
        said(&with("jobPayload", 256 << 10), 413, "too_large"),
        said(&with("configuration", 64 << 10), 413, "too_large"),
        said(&http.post_text("/v1/tasks", &spaces(1 << 20)), 413, "too_large"),
        said(&http.post_text("/v1/tasks", &spaces(2 << 20)), 413, "too_large"),
        said(&http.post_text("/v1/tasks/cancel", &spaces(64 << 10)), 413, "too_large"),
        said(&http.post("/v1/tasks/batch", &json!({ "tasks": vec![json!({}); 10_001] })), 413, "too_large"),
    ];
    insta::assert_snapshot!(problems.join("\n"), @"
    413 too_large at /jobPayload
      `jobPayload` has 262152 bytes (256 KiB), expected at most 262144 bytes (256 KiB)
      hint: pass data in a mount and name it in the payload
    413 too_large at /configuration
      `configuration` has 65544 bytes (64 KiB), expected at most 65536 bytes (64 KiB)
      hint: pass only the keys that the job names; `mainworker jobs show NAME` lists them
    413 too_large
      the envelope has 1048671 bytes (1 MiB), expected at most 1048576 bytes (1 MiB)
      hint: pass data in a mount and name it in the payload
    413 too_large
      the request has 2097260 bytes, expected at most 1114112
      hint: pass data in a mount and name it in the payload
    413 too_large
      the body has 65644 bytes, expected at most 65536
      hint: `/openapi.json` describes the request
    413 too_large
      the batch has 10001 tasks, expected at most 10000
      hint: send several batches
    ");
    assert_eq!(count(&http), 0);
    // Just within: white space is never the reason.
    http.post_text("/v1/tasks", &spaces((1 << 20) - 200)).is(202);
    serving.stop();
}

#[test]
fn a_batch_with_one_bad_envelope_names_it_and_stores_nothing() {
    let host = world();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let good = echo(json!({ "n": 1 }));
    let batch = |bad: Value| http.post("/v1/tasks/batch", &json!({ "tasks": [good, good, bad, good] }));
    let key = |key: &str| json!({ "envelope": good["envelope"], "options": { "uniqueKey": key } });
    let problems = [
        said(&batch(json!({ "envelope": envelope("ecko", "api", json!({})) })), 404, "unknown_job"),
        said(&batch(json!({})), 400, "missing_field"),
        said(&batch(json!({ "envelope": good["envelope"], "options": { "prio": 1 } })), 400, "unknown_field"),
        said(&batch(json!({ "envelope": envelope("typed", "api", json!({})) })), 422, "payload_invalid"),
        said(
            &http.post("/v1/tasks/batch", &json!({ "tasks": [good, key("month"), good, key("month")] })),
            409,
            "unique_conflict",
        ),
        said(&http.post("/v1/tasks/batch", &json!({ "tasks": {} })), 400, "wrong_type"),
        said(&http.post("/v1/tasks/batch", &json!([])), 400, "wrong_type"),
    ];
    let problems = problems.join("\n");
    let held_by = problems.split("held by the task ").nth(1).and_then(|rest| rest.split(',').next());
    let problems = problems.replace(held_by.expect("the other task is named"), "[id]");
    insta::assert_snapshot!(problems, @r#"
    404 unknown_job at /jobName  in task 2
      there is no job `ecko` here
      hint: did you mean `echo`? `mainworker jobs` lists the jobs
    400 missing_field at in task 2
      the request has no field `envelope`
      hint: a request is {"envelope": {…}, "options": {…}}
    400 unknown_field at /options/prio  in task 2
      there is no option `prio`, expected some of `delayMs`, `runAt`, `priority`, `timeoutMs`, `expiresAt`, `label`, `tags`, `idempotencyKey`, `uniqueKey`, `uniquePolicy`, `maxAttempts`
      hint: did you mean `priority`?
    422 payload_invalid at /jobPayload  in task 2
      the payload of `typed` is not what it accepts: at `/jobPayload` found none of that name, expected the field `probe`
      hint: `mainworker jobs show typed` shows the payload's schema
    409 unique_conflict at /options/uniqueKey  in task 3
      the unique key `month` is held by the task [id], which is queued, expected no such task of `echo`
      hint: cancel it, or say `"uniquePolicy": "replace"` or `"existing"`
    400 wrong_type at /tasks
      `/tasks` is an object, expected an array
      hint: `/openapi.json` describes the request
    400 wrong_type
      the request is an array, expected an object
      hint: `/openapi.json` describes the request
    "#);
    assert_eq!(count(&http), 0);

    let taken = http.post("/v1/tasks/batch", &json!({ "tasks": [good, good] })).is(202).json();
    assert_eq!((taken["taskIds"].as_array().map(Vec::len), count(&http)), (Some(2), 2));
    let taken = http.post("/v1/tasks/batch", &json!({ "tasks": [] })).is(202).json();
    assert_eq!(taken["taskIds"], json!([]));
    serving.stop();
}

#[test]
fn keys_are_kept() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    http.post("/v1/pause", &json!({})).is(200);
    let request =
        |payload: Value, options: Value| json!({ "envelope": echo(payload)["envelope"], "options": options });

    let once = request(json!({ "n": 1 }), json!({ "idempotencyKey": "month-5", "tags": ["a"] }));
    let id = enqueue(&http, &once);
    let again = http.post("/v1/tasks", &once).is(200);
    assert_eq!(again.json()["taskId"], json!(id));
    assert_eq!(again.header("location"), Some(format!("/v1/tasks/{id}").as_str()));
    let other = request(json!({ "n": 2 }), json!({ "idempotencyKey": "month-5", "tags": ["a"] }));
    let conflict = said(&http.post("/v1/tasks", &other), 409, "idempotency_conflict");

    let unique =
        |policy: &str| request(json!({ "n": 3 }), json!({ "uniqueKey": "u", "uniquePolicy": policy }));
    let held = enqueue(&http, &unique("reject"));
    let rejected = said(&http.post("/v1/tasks", &unique("reject")), 409, "unique_conflict");
    assert_eq!(http.post("/v1/tasks", &unique("existing")).is(200).json()["taskId"], json!(held));
    let replaced = enqueue(&http, &unique("replace"));
    assert_ne!(replaced, held);
    assert_eq!(http.get(&format!("/v1/tasks/{held}")).json()["state"], "cancelled");

    let problems = format!("{conflict}\n{rejected}").replace(&id, "[id]").replace(&held, "[other id]");
    insta::assert_snapshot!(problems, @r#"
    409 idempotency_conflict at /options/idempotencyKey
      the idempotency key `month-5` belongs to the task [id], which has another content, expected the same
      hint: use a new key for new content; repeat a request as it was
    409 unique_conflict at /options/uniqueKey
      the unique key `u` is held by the task [other id], which is queued, expected no such task of `echo`
      hint: cancel it, or say `"uniquePolicy": "replace"` or `"existing"`
    "#);
    serving.stop();
}

#[test]
fn a_full_queue_takes_no_more() {
    let host = TestHost::new();
    let serving = host.serve(&format!("{ALL_ROLES}\nqueue.tasks-max = 2"));
    let http = serving.http();
    http.post("/v1/pause", &json!({})).is(200);
    let first = enqueue(&http, &echo(json!({})));
    enqueue(&http, &echo(json!({})));
    let full = said(&http.post("/v1/tasks", &echo(json!({}))), 429, "queue_full");
    insta::assert_snapshot!(full, @"
    429 queue_full
      2 tasks are queued or running and 1 more were asked for, expected at most 2 in all
      hint: try again later; `tasks-max` under `[queue]` in the settings is the bound
    ");
    http.post(&format!("/v1/tasks/{first}/cancel"), &json!({})).is(200);
    enqueue(&http, &echo(json!({})));
    serving.stop();
}

#[test]
fn a_module_that_is_refused_is_the_hosts_affair() {
    let host = TestHost::new();
    host.module("broken", b"\0asm and nothing else");
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let answer = http.post("/v1/tasks", &json!({ "envelope": envelope("broken", "api", json!({})) }));
    insta::assert_snapshot!(said(&answer, 503, "module_refused"), @"
    503 module_refused
      the host cannot take such a task now
      hint: the log of the host says why
    ");
    enqueue(&http, &echo(json!({})));
    let stderr = serving.stop();
    assert!(stderr.contains("modules/broken.wasm"), "the log says which file: {stderr}");
}

#[test]
fn each_rejection_is_an_event_without_the_payload() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let mut events = http.follow("/v1/events?kind=envelope-rejected", &[]);
    http.post_text("/v1/tasks", "{\"envelope\": \"payload-of-somebody\" ").is(400);
    http.post(
        "/v1/tasks",
        &json!({ "envelope": envelope("ecko", "api", json!({ "x": "payload-of-somebody" })) }),
    )
    .is(404);
    for code in ["malformed_json", "unknown_job"] {
        let event = events.expect("envelope-rejected");
        assert_eq!((&event["code"], &event["source"]), (&json!(code), &json!("api")), "{event}");
        assert!(!event.to_string().contains("payload-of-somebody"), "{event}");
    }
    serving.stop();
}

#[test]
fn what_is_not_there_is_a_problem_too() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let id = "01978f3c-7d1a-7c2e-9f00-0123456789ab";
    let problems = [
        said(&http.get("/v1/task"), 404, "not_found"),
        said(&http.get("/"), 404, "not_found"),
        said(&http.ask("DELETE", "/v1/tasks", &[], ""), 405, "method_not_allowed"),
        said(&http.get(&format!("/v1/tasks/{id}")), 404, "unknown_task"),
        said(&http.get("/v1/tasks/7"), 404, "unknown_task"),
        said(&http.get("/v1/tasks/%FF"), 404, "unknown_task"),
        said(&http.get(&format!("/v1/tasks/{id}/log")), 404, "unknown_task"),
        said(&http.get(&format!("/v1/tasks/{id}/log?follow")), 404, "unknown_task"),
        said(&http.post(&format!("/v1/tasks/{id}/cancel"), &json!({})), 404, "unknown_task"),
        said(&http.post(&format!("/v1/tasks/{id}/retry"), &json!({})), 404, "unknown_task"),
        said(&http.get("/v1/jobs/ecko"), 404, "unknown_job"),
        said(&http.post("/v1/jobs/ecko/pause", &json!({})), 404, "unknown_job"),
    ];
    insta::assert_snapshot!(problems.join("\n"), @"
    404 not_found
      there is nothing at `/v1/task`
      hint: did you mean `/v1/tasks`?
    404 not_found
      there is nothing at `/`
      hint: `/openapi.json` lists the paths
    405 method_not_allowed
      `/v1/tasks` does not take DELETE
      hint: the header `Allow` names the methods that it takes
    404 unknown_task
      there is no task `01978f3c-7d1a-7c2e-9f00-0123456789ab` here
      hint: `mainworker list` lists tasks; those of other sources need the role `read`
    404 unknown_task
      there is no task `7` here
      hint: `mainworker list` lists tasks; those of other sources need the role `read`
    404 unknown_task
      there is no task `` here
      hint: `mainworker list` lists tasks; those of other sources need the role `read`
    404 unknown_task
      there is no task `01978f3c-7d1a-7c2e-9f00-0123456789ab` here
      hint: `mainworker list` lists tasks; those of other sources need the role `read`
    404 unknown_task
      there is no task `01978f3c-7d1a-7c2e-9f00-0123456789ab` here
      hint: `mainworker list` lists tasks; those of other sources need the role `read`
    404 unknown_task
      there is no task `01978f3c-7d1a-7c2e-9f00-0123456789ab` here
      hint: `mainworker list` lists tasks; those of other sources need the role `read`
    404 unknown_task
      there is no task `01978f3c-7d1a-7c2e-9f00-0123456789ab` here
      hint: `mainworker list` lists tasks; those of other sources need the role `read`
    404 unknown_job
      there is no job `ecko` here
      hint: did you mean `echo`?
    404 unknown_job
      there is no job `ecko` here
      hint: did you mean `echo`?
    ");
    let answer = http.ask("PUT", "/v1/tasks", &[], "");
    let mut allowed: Vec<&str> = answer.header("allow").expect("it says what it takes").split(',').collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "POST"]);
    serving.stop();
}

#[test]
fn only_json_is_taken() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let body = echo(json!({})).to_string();
    let ask = |headers: &[(&str, &str)]| http.ask("POST", "/v1/tasks", headers, &body);
    let problems = [
        said(&ask(&[("content-type", "text/csv")]), 415, "unsupported_media_type"),
        said(
            &ask(&[("content-type", "application/json"), ("content-encoding", "gzip")]),
            415,
            "unsupported_media_type",
        ),
    ];
    insta::assert_snapshot!(problems.join("\n"), @"
    415 unsupported_media_type
      the body is `text/csv`, expected `application/json`
      hint: send JSON with the header `Content-Type: application/json`, not compressed
    415 unsupported_media_type
      the body is `gzip`, expected `application/json`
      hint: send JSON with the header `Content-Type: application/json`, not compressed
    ");
    ask(&[]).is(202);
    ask(&[("content-type", "Application/JSON; charset=utf-8")]).is(202);
    serving.stop();
}
