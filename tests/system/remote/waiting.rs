//! Tasks that somebody waits for: the program ends as `run` would have.

use super::{Running, echo, envelope, line_with, probe};
use crate::host::TestHost;
use crate::serving::{ALL_ROLES, Serving};
use serde_json::{Value, json};

fn wait<'a>(
    host: &'a TestHost,
    serving: &Serving<'a>,
    request: &Value,
    flags: &[&str],
) -> crate::finished::Finished<'a> {
    host.write("envelope.json", request["envelope"].to_string());
    serving.command(&[&["queue", "envelope.json", "--wait"], flags].concat()).finish()
}

#[test]
fn a_result_is_all_that_stdout_has() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    // As the job wrote it: numbers too.
    let payload = r#"{"a":1.50,"b":[]}"#;
    let text = echo(json!({ "here": 1 }))["envelope"].to_string().replace(r#"{"here":1}"#, payload);
    host.write("envelope.json", &text);
    let ended = serving.command(&["queue", "envelope.json", "--wait"]).finish().exits(0);
    assert_eq!(ended.stdout(), format!("{payload}\n"));
    let said = ended.stderr();
    assert!(said.starts_with("task ") && said.contains(" info echo 17 bytes from api\n"), "{said}");
    assert!(said.lines().last().is_some_and(|line| line.starts_with("echo completed in ")), "{said}");
    // The same from standard input, and as JSON.
    let ended = serving.command(&["queue", "-", "--wait", "--json"]).stdin(text).finish().exits(0);
    let task = ended.json();
    assert_eq!((&task["state"], &task["result"]), (&json!("completed"), &json!({ "a": 1.5, "b": [] })));
    assert!(ended.stdout().contains(payload), "{}", ended.stdout());
    serving.stop();
}

#[test]
fn each_outcome_has_its_exit_code() {
    let limits = json!({ "cpu": "200ms", "memory": "16MiB", "output": "4KiB" });
    let host = TestHost::with_probes(json!({ "limits": limits }));
    let serving = host.serve(ALL_ROLES);
    for (payload, exit, outcome, code) in [
        (json!({ "probe": "completes" }), 0, "completed", None),
        (json!({ "probe": "no such probe" }), 1, "rejected", Some("job_rejected")),
        (json!({ "probe": "panics" }), 1, "trapped", Some("guest_panicked")),
        (json!({ "probe": "sleeps", "ms": 600_000 }), 4, "timed-out", Some("wall_ms")),
        (json!({ "probe": "spins" }), 4, "over-cpu", Some("cpu_ms")),
        (json!({ "probe": "allocates" }), 4, "out-of-memory", Some("memory_bytes")),
        (json!({ "probe": "returns_much", "bytes": 5_000 }), 4, "over-limit", Some("output_bytes")),
    ] {
        let flags =
            ["--max-attempts", "1", "--timeout", if outcome == "timed-out" { "150ms" } else { "50s" }];
        let ended = wait(&host, &serving, &probe(payload.clone()), &flags).exits(exit);
        assert_eq!(ended.stdout().is_empty(), code.is_some(), "{payload}");
        let said = ended.stderr();
        assert!(said.contains(&format!("\nprober {outcome} in ")), "{payload}: {said}");
        match code {
            Some(code) => assert!(said.contains(&format!("\nerror[{code}]: ")), "{payload}: {said}"),
            None => assert!(!said.contains("error["), "{payload}: {said}"),
        }
        let flags = [&flags[..], &["--json"]].concat();
        let task = wait(&host, &serving, &probe(payload.clone()), &flags).exits(exit).json();
        assert_eq!((&task["outcome"], &task["error"]["code"]), (&json!(outcome), &json!(code)), "{payload}");
    }
    serving.stop();
}

#[test]
fn each_attempt_is_shown() {
    let host = TestHost::with_probes(json!({ "retry": { "base": "1ms" } }));
    let serving = host.serve(ALL_ROLES);
    let ended =
        wait(&host, &serving, &probe(json!({ "probe": "panics" })), &["--max-attempts", "3"]).exits(1);
    let said = ended.stderr();
    for line in [" info host attempt 2\n", " info host attempt 3\n"] {
        assert_eq!(said.matches(line).count(), 1, "{said}");
    }
    assert_eq!(said.matches(" info guests::probes::panics before the panic\n").count(), 3, "{said}");
    assert!(said.ends_with("attempt 3"), "{said}");
    serving.stop();
}

#[test]
fn a_task_that_the_host_does_not_grant_enough_is_5() {
    let host = TestHost::with_jobs(&["edge-logs"]);
    let serving = host.serve(
        &ALL_ROLES.replace("\"api\"", "\"scheduler-of-tests\"").replace("scheduler-of-tests", "dashboard"),
    );
    let request = json!({ "envelope": envelope("edge-logs", "dashboard", json!({ "files": ["*"] })) });
    let said = wait(&host, &serving, &request, &[]).exits(5).stderr();
    assert!(
        said.contains("\nerror[mount_not_granted]: ") && said.contains("edge-logs refused in "),
        "{said}"
    );
    serving.stop();
}

#[test]
fn a_task_that_somebody_cancels_meanwhile_is_1() {
    let host = TestHost::with_probes(json!({}));
    let serving = host.serve(ALL_ROLES);
    host.write("envelope.json", probe(json!({ "probe": "sleeps", "ms": 50_000 }))["envelope"].to_string());
    let mut waiting = Running::start(&serving, &["queue", "envelope.json", "--wait"]);
    let id = line_with(&waiting.stderr, "task ").replace("task ", "");
    line_with(&waiting.stderr, "ready");
    serving.command(&["cancel", &id]).finish().exits(0);
    let (status, stdout, stderr) = waiting.ended();
    assert_eq!(status.code(), Some(1), "{stderr:?}");
    assert!(stdout.is_empty(), "{stdout:?}");
    assert!(stderr.last().is_some_and(|line| line.starts_with("prober cancelled in ")), "{stderr:?}");
    serving.stop();
}

#[test]
fn an_envelope_that_is_not_taken_is_3() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let mut said = Vec::new();
    for text in [
        // Said here, nothing is sent.
        "{".to_owned(),
        "{}".to_owned(),
        r#"{"configuration":{},"configuration":{},"jobName":"echo","source":"api","jobPayload":{}}"#
            .to_owned(),
        // Said by the host.
        envelope("ecko", "api", json!({})).to_string(),
        envelope("echo", "ci", json!({})).to_string(),
    ] {
        for flags in [&[][..], &["--json"], &["--wait"], &["--wait", "--json"]] {
            host.write("envelope.json", &text);
            let refused = serving.command(&[&["queue", "envelope.json"], flags].concat()).finish().exits(3);
            assert_eq!(refused.stdout(), "", "{text} {flags:?}");
            if !said.contains(&refused.stderr()) {
                said.push(refused.stderr());
            }
        }
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    error[malformed_json]: the envelope is not valid JSON at line 1, column 1: EOF while parsing an object
    hint: check the file with `jq .`; an envelope is {"configuration": {}, "jobName": "…", "source": "…", "jobPayload": {}}
    error[missing_field]: the envelope has no field `configuration`, expected `configuration`, `jobName`, `source` and `jobPayload`
    hint: add `"configuration": …`; an envelope is {"configuration": {}, "jobName": "…", "source": "…", "jobPayload": {}}
    error[malformed_json]: the envelope is not valid JSON at line 1, column 35: the key `configuration` appears twice in one object
    hint: keep one `configuration` of the two
    error[unknown_job]: there is no job `ecko` here
      at /jobName
    hint: did you mean `echo`? `mainworker jobs` lists the jobs
    error[source_mismatch]: the envelope says source `ci`, the credential is that of `api`
      at /source
    hint: write `"source": "api"`, or use the token of the other source
    "#);
    assert_eq!(serving.http().get("/v1/tasks").json()["tasks"], json!([]));
    serving.stop();
}

#[test]
fn what_cannot_be_meant_is_2() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    host.write("envelope.json", echo(json!({}))["envelope"].to_string());
    let refused = |args: &[&str]| {
        let refused = serving.command(args).finish().exits(2);
        assert_eq!(refused.stdout(), "", "{args:?}");
        refused.stderr()
    };
    for args in [
        &["queue"][..],
        &["queue", "envelope.json", "envelope.json"],
        &["queue", "envelope.json", "--prioritty", "1"],
        &["queue", "envelope.json", "--priority", "10"],
        &["queue", "envelope.json", "--delay", "soon"],
        &["queue", "envelope.json", "--delay", "1s", "--run-at", "2s"],
        &["queue", "envelope.json", "--unique-policy", "replace"],
        &["queue", "envelope.json", "--unique-key", "k", "--unique-policy", "repalce"],
        &["status"],
        &["list", "--limit", "0"],
        &["list", "--state", "done"],
        &["list", "--from", "yesterday"],
        &["cancel"],
        &["retry", "--delay", "1s"],
        &["stats", "extra"],
    ] {
        assert!(refused(args).contains("--help"), "{args:?}");
    }
    let said = [
        refused(&["queue", "nowhere.json"]),
        // One envelope at a time.
        refused(&["queue", "modules"]),
        refused(&["queue", "envelope.json", "--max-attempts", "0"]),
        refused(&["queue", "envelope.json", "--label", &"x".repeat(300)]),
        refused(&["queue", "envelope.json", "--host", "ftp://127.0.0.1"]),
        refused(&["queue", "envelope.json", "--token", "not a token"]),
        refused(&["status", ".."]),
    ];
    insta::assert_snapshot!(said.join("\n"), @"
    error[envelope_unreadable]: reading the envelope `nowhere.json`: No such file or directory (os error 2)
    hint: name a file, or `-` for standard input
    error[envelope_unreadable]: reading the envelope `modules`: Is a directory (os error 21)
    hint: name a file, or `-` for standard input
    error[options_invalid]: the option `maxAttempts` is 0, expected 1 to 100
    hint: change `--max-attempts`; `mainworker queue --help` says what it takes
    error[options_invalid]: the option `label` is 300 characters long, expected a line of 1 to 200 characters
    hint: change `--label`; `mainworker queue --help` says what it takes
    error[host_url_invalid]: the host's URL `ftp://127.0.0.1` cannot be used: it does not begin with `https://` or `http://`; expected one such as `http://127.0.0.1:8080`
    hint: `--host URL` or `MAINWORKER_HOST` names the host: `http://` or `https://`, a name or an address, a port; or `unix:` and the path of its socket
    error[token_invalid]: the token is empty or has characters other than visible ASCII, expected it as it was issued
    hint: `--token` or `MAINWORKER_TOKEN` is the `token` under `[server]` in the settings of the host, on one line
    error[name_invalid]: the task id is `..`, expected one as the host gave it
    hint: `mainworker list` shows the ids of tasks
    ");
    assert_eq!(serving.http().get("/v1/tasks").json()["tasks"], json!([]));
    serving.stop();
}

#[test]
fn options_go_with_the_task() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    http.post("/v1/pause", &json!({})).is(200);
    let flags = [
        "--priority",
        "7",
        "--delay",
        "2h",
        "--expires-in",
        "3h",
        "--label",
        "May 2015",
        "--tag",
        "a",
        "--tag",
        "b",
        "--max-attempts",
        "2",
        "--unique-key",
        "u",
        "--idempotency-key",
        "once",
    ];
    let id = super::queue(&host, &serving, &echo(json!({})), &flags);
    let task = http.get(&format!("/v1/tasks/{id}")).is(200).json();
    let of = |field: &str| task[field].clone();
    assert_eq!((of("priority"), of("label"), of("tags")), (json!(7), json!("May 2015"), json!(["a", "b"])));
    assert_eq!((of("maxAttempts"), of("state")), (json!(2), json!("queued")));
    assert!(
        of("runAt").as_str() > of("createdAt").as_str() && of("expiresAt").as_str() > of("runAt").as_str()
    );
    // The same key again is the same task; another content is not.
    let again = serving.command(&["queue", "envelope.json", "--idempotency-key", "once"]).finish();
    assert!(again.exits(3).stderr().starts_with("error[idempotency_conflict]: "));
    let held = serving.command(&["queue", "envelope.json", "--unique-key", "u"]).finish().exits(3);
    assert!(held.stderr().starts_with("error[unique_conflict]: "), "{}", held.stderr());
    let existing = ["queue", "envelope.json", "--unique-key", "u", "--unique-policy", "existing", "--json"];
    assert_eq!(serving.command(&existing).finish().exits(0).json(), json!({ "taskId": id }));
    serving.stop();
}
