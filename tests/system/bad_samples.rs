//! Samples that are not run: they contradict their manifest, or cannot be read.

use crate::check::echo_sample;
use crate::host::TestHost;
use crate::samples::{Samples, completes, prober, sample};
use serde_json::{Value, json};

#[test]
fn a_sample_that_contradicts_its_manifest_is_not_run() {
    let host = prober();
    let url = json!({ "api.url": "https://api.example" });
    let with = |given: Value, expect: Value| sample(json!({ "probe": "completes" }), given, expect);
    let completed = || json!({ "outcome": "completed" });
    let request = |method: &str, url: &str| json!([{ "request": { "method": method, "url": url }, "response": { "status": 200 } }]);
    let mut other_job = completes();
    other_job["envelope"]["jobName"] = json!("porber");
    let mut from_host = completes();
    from_host["envelope"]["configuration"] = json!({ "api": { "url": "https://evil.example" } });
    host.sample("attempt", &with(json!({ "attempt": 6 }), completed()))
        .sample("job", &other_job)
        .sample("key", &with(json!({ "configuration": { "api.ulr": "https://api.example" } }), completed()))
        .sample("key-of-envelope", &with(json!({ "configuration": { "asked": 1 } }), completed()))
        .sample("key-of-host", &from_host)
        .sample("mount", &with(json!({ "files": { "inbux": {} } }), completed()))
        .sample(
            "mount-expected",
            &with(json!({}), json!({ "outcome": "completed", "files": { "archive": {} } })),
        )
        .sample(
            "mount-to-read",
            &with(
                json!({ "files": { "inbox": {} } }),
                json!({ "outcome": "completed", "files": { "inbox": {} } }),
            ),
        )
        .sample(
            "request-method",
            &with(
                json!({ "configuration": url, "http": request("PUT", "https://api.example/tasks") }),
                completed(),
            ),
        )
        .sample(
            "request-origin",
            &with(
                json!({ "configuration": url, "http": request("GET", "https://evil.example/tasks") }),
                completed(),
            ),
        )
        .sample(
            "request-path",
            &with(
                json!({ "configuration": url, "http": request("GET", "https://api.example/tasksy") }),
                completed(),
            ),
        )
        .sample(
            "scheduled",
            &with(json!({}), json!({ "outcome": "completed", "scheduled": [{ "job": "send-emial" }] })),
        );
    let checked = host.check().finish().exits(2);
    insta::assert_snapshot!(checked.stderr(), @r#"
    error[sample_contradicts_manifest]: the sample `modules/prober.samples/attempt.json` contradicts the manifest: it is attempt 6, the manifest gives a task 5 attempts
      at /given/attempt
    hint: lower it, or in job.toml:
    [retry]
    max-attempts = 6
    error[sample_contradicts_manifest]: the sample `modules/prober.samples/job.json` contradicts the manifest: its envelope is for the job `porber`, the module is `prober`
      at /envelope/jobName
    hint: write `"jobName": "prober"`, or put the sample beside the other job
    error[sample_contradicts_manifest]: the sample `modules/prober.samples/key-of-envelope.json` contradicts the manifest: it gives the configuration key `asked` from the host, the manifest takes it from the envelope alone
      at /given/configuration/asked
    hint: move it to `/envelope/configuration`, or in job.toml:
    [configuration]
    "asked" = { from = "either" }
    error[sample_contradicts_manifest]: the sample `modules/prober.samples/key-of-host.json` contradicts the manifest: its envelope has the configuration key `api.url`, the manifest takes it from the host alone
      at /envelope/configuration/api.url
    hint: move it to `/given/configuration`, or in job.toml:
    [configuration]
    "api.url" = { from = "either" }
    error[sample_contradicts_manifest]: the sample `modules/prober.samples/key.json` contradicts the manifest: it gives the configuration key `api.ulr`, which the manifest does not name
      at /given/configuration/api.ulr
    hint: did you mean `api.url`?
    error[sample_contradicts_manifest]: the sample `modules/prober.samples/mount-expected.json` contradicts the manifest: it expects files in the mount `archive` and does not give that mount
      at /expect/files/archive
    hint: add `"archive": {}` under `/given/files`: the mount as the job finds it
    error[sample_contradicts_manifest]: the sample `modules/prober.samples/mount-to-read.json` contradicts the manifest: it expects files in the mount `inbox`, which the manifest asks for to read: nothing changes there
      at /expect/files/inbox
    hint: remove it, or in job.toml:
    [grants]
    files = [{ mount = "inbox", access = "read-write" }]
    error[sample_contradicts_manifest]: the sample `modules/prober.samples/mount.json` contradicts the manifest: it gives the mount `inbux`, which the manifest does not ask for
      at /given/files/inbux
    hint: did you mean `inbox`?
    error[sample_contradicts_manifest]: the sample `modules/prober.samples/request-method.json` contradicts the manifest: it records an answer to a request that cannot be sent: denied PUT https://api.example/tasks: the job's grant for `config:api.url` is for `GET`, `POST`
      at /given/http/0/request
    hint: remove it, or in job.toml:
    # in the grant for "config:api.url"
    methods = ["GET", "POST", "PUT"]
    error[sample_contradicts_manifest]: the sample `modules/prober.samples/request-origin.json` contradicts the manifest: it records an answer to a request that cannot be sent: denied GET https://evil.example/tasks: no grant of the job names this origin
      at /given/http/0/request
    hint: remove it, or in job.toml:
    [grants]
    http = [{ to = "https://evil.example", methods = ["GET"], paths = ["/tasks"] }]
    error[sample_contradicts_manifest]: the sample `modules/prober.samples/request-path.json` contradicts the manifest: it records an answer to a request that cannot be sent: denied GET https://api.example/tasksy: the job's grant for `config:api.url` is for paths below `/tasks`
      at /given/http/0/request
    hint: remove it, or in job.toml:
    # in the grant for "config:api.url"
    paths = ["/tasks", "/tasksy"]
    error[sample_contradicts_manifest]: the sample `modules/prober.samples/scheduled.json` contradicts the manifest: it expects a task of the job `send-emial`, which the manifest does not name under `[grants] schedule`
      at /expect/scheduled/0/job
    hint: did you mean `send-email`?
    "#);
    assert!(checked.stdout().ends_with("1 module, 12 samples · 12 not run\n"), "{}", checked.stdout());

    let host = TestHost::with_jobs(&["edge-logs"]);
    host.write(
        "modules/edge-logs.samples/no-mount.json",
        json!({
            "envelope": { "configuration": {}, "jobName": "edge-logs", "source": "scheduler", "jobPayload": { "files": ["*"] } },
            "expect": { "outcome": "completed" },
        })
        .to_string(),
    );
    let checked = host.mainworker(&["module", "check", "modules"]).finish().exits(2);
    insta::assert_snapshot!(checked.stderr(), @r#"
    error[sample_contradicts_manifest]: the sample `modules/edge-logs.samples/no-mount.json` contradicts the manifest: it gives no mount `edge-logs`, which the manifest requires
      at /given/files
    hint: add `"edge-logs": {}` under `/given/files`, with the files that the job finds there
    "#);
}

#[test]
fn a_sample_that_cannot_be_read_says_where() {
    let host = prober();
    let with =
        |given: Value, expect: Value| sample(json!({ "probe": "completes" }), given, expect).to_string();
    let given = |given: Value| with(given, json!({ "outcome": "completed" }));
    let file = |content: Value| given(json!({ "files": { "inbox": { "a": content } } }));
    let expect = |expect: Value| with(json!({}), expect);
    let request =
        |request: Value| given(json!({ "http": [{ "request": request, "response": { "status": 200 } }] }));
    let answer = |mut exchange: Value| {
        exchange["request"] = json!({ "method": "GET", "url": "https://a.example" });
        given(json!({ "http": [exchange] }))
    };
    for (index, text) in [
        "{".to_owned(),
        r#"{"envelope": {}, "envelope": {}}"#.to_owned(),
        "[]".to_owned(),
        json!({ "envelope": {}, "expct": {} }).to_string(),
        json!({ "envelope": {} }).to_string(),
        json!({ "envelope": [], "expect": {} }).to_string(),
        given(json!({ "clocks": 1 })),
        given(json!({ "clock": "1 June 2015" })),
        given(json!({ "attempt": 0 })),
        given(json!({ "taskId": "7" })),
        given(json!({ "random": -1 })),
        given(json!({ "files": { "inbox": { "../a": "" } } })),
        file(json!(1)),
        file(json!({ "base64": "?" })),
        file(json!({ "copy": "../../mainworker.toml" })),
        file(json!({ "copy": "nowhere" })),
        file(json!({ "copy": "x", "json": 1 })),
        request(json!({ "method": "get", "url": "https://a.example" })),
        request(json!({ "method": "GET", "url": "a.example" })),
        request(json!({ "method": "GET", "url": "https://me@a.example" })),
        request(json!({ "method": "GET", "url": "https://a.example/?q=ä" })),
        request(json!({ "method": "GET", "url": "https://a.example", "headers": { "x": 1 } })),
        answer(json!({})),
        answer(json!({ "error": "cosmic-ray" })),
        answer(json!({ "error": "tls", "response": { "status": 200 } })),
        answer(json!({ "response": { "status": 100 } })),
        expect(json!({})),
        expect(json!({ "outcome": "complete" })),
        expect(json!({ "outcome": "lost" })),
        expect(json!({ "outcome": "failed", "result": {} })),
        expect(json!({ "outcome": "trapped", "message": "x" })),
        expect(json!({ "outcome": "completed", "rejection": { "code": "too_large" } })),
        expect(json!({ "rejection": { "cod": "too_large" } })),
        expect(json!({ "outcome": "completed", "scheduled": [{ "job": "a", "options": { "delay": 1 } }] })),
    ]
    .into_iter()
    .enumerate()
    {
        host.write(&format!("modules/prober.samples/{:02}.json", index + 1), text);
    }
    let checked = host.check().finish().exits(2);
    insta::assert_snapshot!(checked.stderr(), @r#"
    error[sample_invalid]: reading the sample `modules/prober.samples/01.json`: line 1, column 1: EOF while parsing an object
    hint: check the file with `jq .`
    error[sample_invalid]: reading the sample `modules/prober.samples/02.json`: line 1, column 27: the key `envelope` appears twice in one object
    hint: check the file with `jq .`
    error[sample_invalid]: reading the sample `modules/prober.samples/03.json`: `/`: expected an object, found an array
    hint: a sample is {"envelope": {…}, "expect": {"outcome": "completed"}}; `mainworker module check --help` shows a whole one
    error[sample_invalid]: reading the sample `modules/prober.samples/04.json`: `expct`: unknown key, expected one of: about, envelope, given, expect
    hint: did you mean `expect`?
    error[sample_invalid]: reading the sample `modules/prober.samples/05.json`: `expect`: missing
    hint: a sample is {"envelope": {…}, "expect": {"outcome": "completed"}}; `mainworker module check --help` shows a whole one
    error[sample_invalid]: reading the sample `modules/prober.samples/06.json`: `envelope`: expected an object, found an array
    hint: a sample is {"envelope": {…}, "expect": {"outcome": "completed"}}; `mainworker module check --help` shows a whole one
    error[sample_invalid]: reading the sample `modules/prober.samples/07.json`: `given.clocks`: unknown key, expected one of: configuration, files, http, clock, random, attempt, taskId
    hint: did you mean `clock`?
    error[sample_invalid]: reading the sample `modules/prober.samples/08.json`: `given.clock`: found `1 June 2015`, expected a time such as `2015-06-01T00:00:00Z`
    hint: change `given.clock`
    error[sample_invalid]: reading the sample `modules/prober.samples/09.json`: `given.attempt`: found `0`, expected a number from 1
    hint: change `given.attempt`
    error[sample_invalid]: reading the sample `modules/prober.samples/10.json`: `given.taskId`: found `7`, expected a UUID such as `01900000-0000-7000-8000-000000000000`
    hint: change `given.taskId`
    error[sample_invalid]: reading the sample `modules/prober.samples/11.json`: `given.random`: expected a whole number from 0 up, found a number
    hint: change `given.random`
    error[sample_invalid]: reading the sample `modules/prober.samples/12.json`: `given.files.inbox."../a"`: found `../a`, expected a path inside the mount, such as `2015-05/a.log`
    hint: change `given.files.inbox."../a"`
    error[sample_invalid]: reading the sample `modules/prober.samples/13.json`: `given.files.inbox.a`: expected a string or an object, found a number
    hint: change `given.files.inbox.a`
    error[sample_invalid]: reading the sample `modules/prober.samples/14.json`: `given.files.inbox.a.base64`: found `?`, expected base64 (RFC 4648 §4, with padding): Invalid symbol 63, offset 0.
    hint: change `given.files.inbox.a.base64`
    error[sample_invalid]: reading the sample `modules/prober.samples/15.json`: `given.files.inbox.a.copy`: found `../../mainworker.toml`, expected a file of the samples folder: a path led outside of the filesystem
    hint: put the file into a folder below the samples, such as `samples/files/`, and write its path from there
    error[sample_invalid]: reading the sample `modules/prober.samples/16.json`: `given.files.inbox.a.copy`: found `nowhere`, expected a file of the samples folder: No such file or directory (os error 2)
    hint: put the file into a folder below the samples, such as `samples/files/`, and write its path from there
    error[sample_invalid]: reading the sample `modules/prober.samples/17.json`: `given.files.inbox.a`: found `copy, json`, expected one of `base64`, `copy` and `json`
    hint: change `given.files.inbox.a`
    error[sample_invalid]: reading the sample `modules/prober.samples/18.json`: `given.http[0].request.method`: found `get`, expected a method such as `GET`
    hint: change `given.http[0].request.method`
    error[sample_invalid]: reading the sample `modules/prober.samples/19.json`: `given.http[0].request.url`: found `a.example`, expected a URL such as `https://api.example.com/v1?page=1`: it does not begin with `https://` or `http://`
    hint: change `given.http[0].request.url`
    error[sample_invalid]: reading the sample `modules/prober.samples/20.json`: `given.http[0].request.url`: found `https://me@a.example`, expected a URL such as `https://api.example.com/v1?page=1`: it has a user name before the host
    hint: change `given.http[0].request.url`
    error[sample_invalid]: reading the sample `modules/prober.samples/21.json`: `given.http[0].request.url`: found `https://a.example/?q=ä`, expected a URL such as `https://api.example.com/v1?page=1`: its query has a `#`, or characters that have to be percent-encoded
    hint: change `given.http[0].request.url`
    error[sample_invalid]: reading the sample `modules/prober.samples/22.json`: `given.http[0].request.headers.x`: expected a string, found a number
    hint: change `given.http[0].request.headers.x`
    error[sample_invalid]: reading the sample `modules/prober.samples/23.json`: `given.http[0].response`: missing
    hint: add `given.http[0].response`
    error[sample_invalid]: reading the sample `modules/prober.samples/24.json`: `given.http[0].error`: found `cosmic-ray`, expected one of `connection-lost`, `connection-refused`, `name-not-found`, `protocol`, `timeout`, `tls`
    hint: change `given.http[0].error`
    error[sample_invalid]: reading the sample `modules/prober.samples/25.json`: `given.http[0].error`: found `tls`, expected a `response` or an `error`, not both
    hint: change `given.http[0].error`
    error[sample_invalid]: reading the sample `modules/prober.samples/26.json`: `given.http[0].response.status`: found `100`, expected a status from 200 to 599
    hint: change `given.http[0].response.status`
    error[sample_invalid]: reading the sample `modules/prober.samples/27.json`: `expect.outcome`: missing
    hint: a sample is {"envelope": {…}, "expect": {"outcome": "completed"}}; `mainworker module check --help` shows a whole one
    error[sample_invalid]: reading the sample `modules/prober.samples/28.json`: `expect.outcome`: found `complete`, expected `completed`, or another outcome that an attempt can have
    hint: a sample is {"envelope": {…}, "expect": {"outcome": "completed"}}; `mainworker module check --help` shows a whole one
    error[sample_invalid]: reading the sample `modules/prober.samples/29.json`: `expect.outcome`: found `lost`, expected one of `completed`, `rejected`, `failed`, `retry-asked`, `trapped`, `timed-out`, `over-cpu`, `out-of-memory`, `over-limit`, `refused`
    hint: a sample is {"envelope": {…}, "expect": {"outcome": "completed"}}; `mainworker module check --help` shows a whole one
    error[sample_invalid]: reading the sample `modules/prober.samples/30.json`: `expect.result`: found `{}`, expected it with the outcome `completed` alone
    hint: change `expect.result`
    error[sample_invalid]: reading the sample `modules/prober.samples/31.json`: `expect.message`: found `"x"`, expected it with the outcomes `rejected`, `failed` and `retry-asked` alone
    hint: change `expect.message`
    error[sample_invalid]: reading the sample `modules/prober.samples/32.json`: `expect.outcome`: found `completed`, expected `outcome` or `rejection`: what is rejected at the door has no attempt
    hint: a sample is {"envelope": {…}, "expect": {"outcome": "completed"}}; `mainworker module check --help` shows a whole one
    error[sample_invalid]: reading the sample `modules/prober.samples/33.json`: `expect.rejection.cod`: unknown key, expected one of: code, pointer
    hint: did you mean `code`?
    error[sample_invalid]: reading the sample `modules/prober.samples/34.json`: `expect.scheduled[0].options.delay`: unknown key, expected one of: delayMs, priority, label, tags, idempotencyKey, uniqueKey
    hint: did you mean `delayMs`?
    "#);
    assert!(!checked.stdout().contains('✓'), "{}", checked.stdout());
}

#[test]
fn a_sample_is_no_envelope() {
    let host = TestHost::new();
    let said = host.refused(echo_sample(&json!({})).to_string(), 3, "rejected", "unknown_field");
    insta::assert_snapshot!(said, @r"
    error[unknown_field]: the envelope has an unknown field `about`, expected only `configuration`, `jobName`, `source` and `jobPayload`
      at /about
    hint: if it is a sample of a job, `mainworker module check` runs it
    ");
}
