//! What samples give and expect: everything that holds, and everything that does not.

use crate::host::{CANARY, Invocation, TestHost};
use serde_json::{Value, json};
use std::fs;

/// The probes as a job that asks for one of everything.
pub(crate) fn prober() -> TestHost {
    TestHost::with_probes(json!({
        "configuration": {
            "plain": {},
            "secret": { "secret": true, "from": "host", "only-to": ["config:api.url"], "in": ["header"] },
            "api.url": { "from": "host" },
            "asked": { "from": "envelope" },
        },
        "grants": {
            "files": [
                { "mount": "inbox", "access": "read", "optional": true },
                { "mount": "archive", "access": "read-write", "optional": true },
            ],
            "http": [{ "to": "config:api.url", "methods": ["GET", "POST"], "paths": ["/tasks"], "optional": true }],
            "schedule": ["send-email"],
        },
    }))
}

/// An envelope for the probes, without the canary: a job is granted its `plain` key.
fn envelope(payload: &Value) -> Value {
    json!({ "configuration": {}, "jobName": "prober", "source": "api", "jobPayload": payload })
}

/// A sample of the probes.
pub(crate) fn sample(payload: Value, given: Value, expect: Value) -> Value {
    json!({ "envelope": envelope(&payload), "given": given, "expect": expect })
}

pub(crate) fn completes() -> Value {
    sample(json!({ "probe": "completes" }), json!({}), json!({ "outcome": "completed" }))
}

/// Samples of the probes, and the call that checks them.
pub(crate) trait Samples {
    fn sample(&self, name: &str, sample: &Value) -> &Self;
    fn check(&self) -> Invocation<'_>;
}

impl Samples for TestHost {
    fn sample(&self, name: &str, sample: &Value) -> &Self {
        self.write(&format!("modules/prober.samples/{name}.json"), sample.to_string())
    }

    fn check(&self) -> Invocation<'_> {
        self.mainworker(&["module", "check", "modules/prober.wasm"])
    }
}

#[test]
fn everything_that_a_host_gives_comes_from_the_sample() {
    let host = prober();
    host.write("modules/prober.samples/files/note.txt", "a note\n")
        .sample(
            "attempt",
            &sample(
                json!({ "probe": "completes" }),
                json!({ "attempt": 3 }),
                json!({ "outcome": "completed", "result": { "attempt": 3 } }),
            ),
        )
        .sample(
            "clock",
            &sample(
                json!({ "probe": "reads_clock" }),
                json!({ "clock": "2015-06-01T00:00:00Z" }),
                json!({ "outcome": "completed", "result": { "unixSeconds": 1_433_116_800, "wentBack": false } }),
            ),
        )
        .sample(
            "configuration",
            &json!({
                "envelope": {
                    "configuration": { "asked": { "deep": true }, "plain": "from the envelope", "unseen": 1 },
                    "jobName": "prober", "source": "api",
                    "jobPayload": { "probe": "reads_configuration", "keys": ["asked", "plain", "api.url", "unseen"] },
                },
                "given": { "configuration": { "api": { "url": "https://api.example" }, "plain": "from the host" } },
                "expect": { "outcome": "completed", "result": {
                    "asked": "{\"deep\":true}", "plain": "from the envelope",
                    "api.url": "https://api.example", "unseen": null,
                } },
            }),
        )
        .sample(
            "files",
            &sample(
                json!({ "probe": "writes_files", "mount": "/archive" }),
                json!({ "files": { "inbox": {}, "archive": {
                    "there": "x", "other": { "copy": "files/note.txt" },
                    "deep/a.bin": { "base64": "AP8=" }, "deep/b.json": { "json": { "n": 1.50 } },
                } } }),
                json!({ "outcome": "completed", "files": { "archive": {
                    "created": "", "linked": "", "renamed": { "copy": "files/note.txt" },
                    "deep/a.bin": { "base64": "AP8=" }, "deep/b.json": { "json": { "n": 1.5 } },
                } } }),
            ),
        )
        .sample(
            "request",
            &sample(
                json!({
                    "probe": "sends_http", "method": "POST", "scheme": "https", "authority": "API.example",
                    "path": "/tasks?x=1", "headers": [["content-type", "application/json"]], "body": "{\"b\": 1.0}",
                }),
                json!({
                    "configuration": { "api.url": "https://api.example" },
                    "http": [{
                        "request": {
                            "method": "POST", "url": "https://api.example/tasks?x=1",
                            "headers": { "Content-Type": "application/json" }, "body": { "b": 1 },
                        },
                        "response": { "status": 201, "headers": { "X-Id": "7" }, "body": { "id": 12345678901234567890_u64 } },
                    }],
                }),
                json!({ "outcome": "completed", "result": {
                    "status": 201, "headers": [["x-id", "7"], ["content-type", "application/json"]],
                    "body": "{\"id\":12345678901234567890}", "bytes": 27, "broken": null,
                } }),
            ),
        )
        .sample(
            "scheduled",
            &sample(
                json!({
                    "probe": "asks_for_tasks", "job": "send-email", "payload": { "to": "ada" },
                    "idempotency-key": "k", "priority": 7,
                }),
                json!({}),
                json!({
                    "outcome": "completed",
                    "result": { "answers": [{ "id": "01900000-0000-7000-8000-000000000001" }] },
                    "scheduled": [{
                        "job": "send-email", "payload": { "to": "ada" },
                        "options": { "idempotencyKey": "k", "priority": 7 },
                    }],
                }),
            ),
        )
        .sample(
            "unreachable",
            &sample(
                json!({ "probe": "sends_http", "scheme": "https", "authority": "api.example", "path": "/tasks" }),
                json!({
                    "configuration": { "api.url": "https://api.example" },
                    "http": [{
                        "request": { "method": "GET", "url": "https://api.example/tasks" }, "error": "connection-refused",
                    }],
                }),
                json!({ "outcome": "completed", "result": { "error": "ConnectionRefused" } }),
            ),
        );
    insta::assert_snapshot!(host.check().finish().exits(0).stdout(), @r"
    prober 0.1.0 in `modules/prober.wasm`
      ✓ attempt.json
      ✓ clock.json
      ✓ configuration.json
      ✓ files.json
      ✓ request.json
      ✓ scheduled.json
      ✓ unreachable.json
    1 module, 7 samples · 7 passed
    ");
}

#[test]
fn nothing_of_this_machine_goes_in() {
    let host = prober();
    host.folder("archive").settings(
        "[files.archive]\npath = \"archive\"\naccess = \"read-write\"\n[configuration]\nenv-prefix = \"MW_\"\nvalues.plain = \"from the settings\"",
    );
    host.sample(
        "configuration",
        &sample(
            json!({ "probe": "reads_configuration", "keys": ["plain", "api.url"] }),
            json!({}),
            json!({ "outcome": "completed", "result": { "plain": null, "api.url": null } }),
        ),
    )
    .sample(
        "files",
        &sample(
            json!({ "probe": "looks_around", "paths": ["/archive"] }),
            json!({}),
            json!({ "outcome": "completed", "result": { "/archive": "error: No such file or directory (os error 44)" } }),
        ),
    );
    host.check().env("MW_API_URL", CANARY).env("MW_PLAIN", CANARY).finish().exits(0);
    assert_eq!(fs::read_dir(host.path("archive")).unwrap().count(), 0);
}

#[test]
fn a_secret_arrives_where_it_may_go() {
    let host = prober();
    let with_header = |value: &str| {
        sample(
            json!({ "probe": "sends_secret", "authority": "api.example", "query": "/tasks", "authorization": "Bearer {}" }),
            json!({
                "configuration": { "api.url": "http://api.example", "secret": "sample-token" },
                "http": [{
                    "request": { "method": "POST", "url": "http://api.example/tasks", "headers": { "authorization": value } },
                    "response": { "status": 200 },
                }],
            }),
            json!({ "outcome": "completed" }),
        )
    };
    host.sample("arrives", &with_header("Bearer sample-token"))
        .sample("differs", &with_header("Bearer other-token"));
    insta::assert_snapshot!(host.check().finish().exits(1).stdout(), @r#"
    prober 0.1.0 in `modules/prober.wasm`
      ✓ arrives.json
      ✗ differs.json
          at /given/http/0/request/headers/authorization
            expected "Bearer other-token"
            found    "Bearer sample-token"
    1 module, 2 samples · 1 passed · 1 failed
    "#);
}

#[test]
fn each_thing_that_is_not_as_expected_is_named() {
    let host = prober();
    let get =
        json!({ "probe": "sends_http", "scheme": "https", "authority": "api.example", "path": "/tasks" });
    let url = json!({ "api.url": "https://api.example" });
    let exchange = |path: &str, body: Value| {
        json!({
            "request": {
                "method": "GET", "url": format!("https://api.example{path}"), "headers": { "x-a": "1" }, "body": body,
            },
            "response": { "status": 200 },
        })
    };
    let asks =
        json!({ "probe": "asks_for_tasks", "job": "send-email", "payload": { "to": "ada" }, "times": 2 });
    let completed = json!({ "outcome": "completed" });
    let files =
        json!({ "archive": { "there": "line 1\nline 2\n", "other": "y", "kept.bin": { "base64": "AP8A" } } });
    host.sample(
        "files",
        &sample(
            json!({ "probe": "writes_files", "mount": "/archive" }),
            json!({ "files": files }),
            json!({ "outcome": "completed", "files": { "archive": {
                "created": "not empty", "there": "gone", "renamed": { "json": {} }, "kept.bin": { "base64": "AP8B" },
            } } }),
        ),
    )
    .sample(
        "job-rejects",
        &sample(json!({ "probe": "no such probe" }), json!({}), json!({ "outcome": "rejected", "message": "no" })),
    )
    .sample("outcome", &sample(json!({ "probe": "panics", "text": "for good" }), json!({}), completed.clone()))
    .sample(
        "outcome-code",
        &sample(json!({ "probe": "panics", "text": "for good" }), json!({}), json!({ "outcome": "trapped", "code": "guest_trapped" })),
    )
    .sample(
        "request",
        &sample(
            get.clone(),
            json!({ "configuration": url, "http": [exchange("/tasks", json!("text")), exchange("/tasks/2", json!({}))] }),
            completed.clone(),
        ),
    )
    .sample(
        "request-unexpected",
        &sample(get, json!({ "configuration": url }), completed.clone()),
    )
    .sample("scheduled-other", &sample(asks.clone(), json!({}), json!({
        "outcome": "completed",
        "scheduled": [{ "job": "send-email", "payload": { "to": "bob" }, "options": { "priority": 1 } }],
    })))
    .sample("scheduled-unexpected", &sample(asks, json!({}), completed))
    .sample("source", &json!({
        "envelope": { "configuration": {}, "jobName": "prober", "source": "ci", "jobPayload": { "probe": "completes" } },
        "expect": { "outcome": "completed" },
    }));
    insta::assert_snapshot!(host.check().finish().exits(1).stdout(), @r#"
    prober 0.1.0 in `modules/prober.wasm`
      ✗ files.json
          at /expect/files/archive/created
            expected in line 1 "not empty"
            found    the end of the file
          at /expect/files/archive/kept.bin
            expected 3 bytes
            found    3 bytes, other ones from byte 2 on
          at /expect/files/archive/renamed
            expected {}
            found    "y"
          at /expect/files/archive/there
            expected "gone"
            found    nothing
          at /expect/files/archive/linked
            expected nothing
            found    ""
      ✗ job-rejects.json
          at /expect/message
            expected "no"
            found    "there is no probe `no such probe`"
      ✗ outcome-code.json
          at /expect/code
            expected "guest_trapped"
            found    "guest_panicked"
          log  info before the panic
          log  info thread '<unnamed>' (1) panicked at tests/guests/src/probes/panics.rs:15:5:
          log  info the probe gives up: for good
          log  info note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
      ✗ outcome.json
          at /expect/outcome
            expected completed
            found    trapped: guest_panicked: the job panicked: the probe gives up: for good (tests/guests/src/probes/panics.rs:15:5)
          log  info before the panic
          log  info thread '<unnamed>' (1) panicked at tests/guests/src/probes/panics.rs:15:5:
          log  info the probe gives up: for good
          log  info note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
      ✗ request-unexpected.json
          at /given/http
            expected nothing
            found    GET https://api.example/tasks
          log  warn GET https://api.example/tasks: no answer is recorded for this request
      ✗ request.json
          at /given/http/0/request/headers/x-a
            expected "1"
            found    nothing
          at /given/http/0/request/body
            expected "text"
            found    ""
          at /given/http/1/request
            expected GET https://api.example/tasks/2
            found    nothing
      ✗ scheduled-other.json
          at /expect/scheduled/0/payload/to
            expected "bob"
            found    "ada"
          at /expect/scheduled/0/options/priority
            expected 1
            found    nothing
          at /expect/scheduled/1
            expected nothing
            found    send-email {"to":"ada"}
      ✗ scheduled-unexpected.json
          at /expect/scheduled/0
            expected nothing
            found    send-email {"to":"ada"}
          at /expect/scheduled/1
            expected nothing
            found    send-email {"to":"ada"}
      ✗ source.json
          at /expect/outcome
            expected completed
            found    rejected at the door: source_not_allowed: source `ci` may not schedule `prober`, expected `api`
    1 module, 9 samples · 9 failed
    "#);
}

#[test]
fn a_rejection_at_the_door_can_be_expected() {
    let host = TestHost::with_jobs(&["echo"]);
    let sample = |source: &str, expect: Value| {
        json!({
            "envelope": { "configuration": {}, "jobName": "echo", "source": source, "jobPayload": {} },
            "expect": expect,
        })
        .to_string()
    };
    let rejected = |code: &str, pointer: &str| json!({ "rejection": { "code": code, "pointer": pointer } });
    host.write("s/1-holds.json", sample("nobody", rejected("source_not_allowed", "/source")))
        .write("s/2-code.json", sample("nobody", rejected("payload_invalid", "/source")))
        .write("s/3-pointer.json", sample("nobody", rejected("source_not_allowed", "/jobName")))
        .write("s/4-completes.json", sample("api", rejected("source_not_allowed", "/source")))
        .write(
            "s/5-no-envelope.json",
            json!({ "envelope": {}, "expect": rejected("missing_field", "") }).to_string(),
        );
    let checked =
        host.mainworker(&["module", "check", "modules/echo.wasm", "--samples", "s"]).finish().exits(1);
    insta::assert_snapshot!(checked.stdout(), @r#"
    echo 0.1.0 in `modules/echo.wasm`
      ✓ 1-holds.json
      ✗ 2-code.json
          at /expect/rejection/code
            expected payload_invalid
            found    source_not_allowed: source `nobody` may not schedule `echo`, expected one of `api`, `dashboard`, `scheduler`, `ci`
      ✗ 3-pointer.json
          at /expect/rejection/pointer
            expected "/jobName"
            found    "/source"
      ✗ 4-completes.json
          at /expect/rejection
            expected source_not_allowed
            found    completed: {}
          log  info 2 bytes from api
      ✓ 5-no-envelope.json
    1 module, 5 samples · 2 passed · 3 failed
    "#);
}

#[test]
fn a_refused_grant_can_be_expected() {
    let host = TestHost::with_jobs(&["edge-logs"]);
    host.write(
        "modules/edge-logs.samples/no-mount.json",
        json!({
            "envelope": { "configuration": {}, "jobName": "edge-logs", "source": "scheduler", "jobPayload": { "files": ["*"] } },
            "expect": { "outcome": "refused", "code": "mount_not_granted" },
        })
        .to_string(),
    );
    host.mainworker(&["module", "check", "modules"]).finish().exits(0);
}
