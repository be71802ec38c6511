//! Envelopes of the right shape that are not admitted: unknown job, source, payload, configuration. Exit 3, one clear
//! error, nothing printed on stdout, nothing written.

use crate::host::{TestHost, envelope};
use serde_json::{Value, json};

/// What is said of an envelope of the right shape.
#[track_caller]
fn rejected_job(host: &TestHost, job: &str, source: &str, payload: Value, code: &str) -> String {
    host.refused(envelope(job, source, payload).to_string(), 3, "rejected", code)
}

#[test]
fn unknown_jobs() {
    let host = TestHost::with_jobs(&["echo", "edge-logs"]);
    insta::assert_snapshot!(rejected_job(&host, "edge-log", "scheduler", json!({}), "unknown_job"), @r"
    error[unknown_job]: there is no job `edge-log` here
      at /jobName
    hint: did you mean `edge-logs`? `mainworker jobs` lists the jobs
    ");
    insta::assert_snapshot!(rejected_job(&host, "month-end", "scheduler", json!({}), "unknown_job"), @r"
    error[unknown_job]: there is no job `month-end` here
      at /jobName
    hint: `mainworker jobs` lists the jobs; `--modules DIR` says where they are
    ");
}

#[test]
fn job_names_that_lead_elsewhere() {
    let host = TestHost::new();
    std::fs::copy(host.path("modules/echo.wasm"), host.path("outside.wasm")).unwrap();
    insta::assert_snapshot!(rejected_job(&host, "../outside", "api", json!({}), "unknown_job"), @r"
    error[unknown_job]: there is no job `../outside` here
      at /jobName
    hint: a job name is 1 to 63 of a-z, 0-9 and `-`; `mainworker jobs` lists the jobs
    ");
    let absolute = host.path("outside").to_string_lossy().into_owned();
    for name in [
        "../modules/echo",
        "./echo",
        "echo.wasm",
        "echo\0",
        "",
        "ECHO",
        "..",
        &absolute,
        &"e".repeat(100_000),
    ] {
        rejected_job(&host, name, "api", json!({}), "unknown_job");
    }
}

#[test]
fn sources_that_the_job_does_not_allow() {
    let host = TestHost::with_jobs(&["edge-logs"]);
    let payload = json!({ "files": ["*.log"] });
    insta::assert_snapshot!(rejected_job(&host, "edge-logs", "api", payload.clone(), "source_not_allowed"), @r"
    error[source_not_allowed]: source `api` may not schedule `edge-logs`, expected one of `dashboard`, `scheduler`
      at /source
    hint: use a source that the job allows, such as `dashboard`, or add yours to `[schedulable-by] sources` in the job.toml of `edge-logs`
    ");
    for source in ["", "Scheduler", "scheduler ", "job:edge-logs", "*", &"s".repeat(10_000)] {
        rejected_job(&host, "edge-logs", source, payload.clone(), "source_not_allowed");
    }
    // The source is looked at before the payload.
    rejected_job(&host, "edge-logs", "api", json!({}), "source_not_allowed");
}

#[test]
fn payloads_that_the_job_does_not_accept() {
    let host = TestHost::with_jobs(&["edge-logs"]);
    let said = |payload| rejected_job(&host, "edge-logs", "scheduler", payload, "payload_invalid");
    insta::assert_snapshot!(said(json!({})), @r"
    error[payload_invalid]: the payload of `edge-logs` is not what it accepts: at `/jobPayload` found none of that name, expected the field `files`
      at /jobPayload
    hint: `mainworker jobs show edge-logs` shows the payload's schema
    ");
    insta::assert_snapshot!(said(json!({ "files": ["a.log", 7] })), @r"
    error[payload_invalid]: the payload of `edge-logs` is not what it accepts: at `/jobPayload/files/1` found a number, expected a string
      at /jobPayload/files/1
    hint: `mainworker jobs show edge-logs` shows the payload's schema
    ");
    insta::assert_snapshot!(said(json!({ "files": ["a.log"], "format": "combind" })), @r"
    error[payload_invalid]: the payload of `edge-logs` is not what it accepts: at `/jobPayload/format` found `combind`, expected one of `auto`, `combined`, `cloudfront`, `edgecast-fms`, `edgecast-wpc`
      at /jobPayload/format
    hint: `mainworker jobs show edge-logs` shows the payload's schema
    ");
    insta::assert_snapshot!(said(json!({ "files": ["a.log"], "account": {} })), @r"
    error[payload_invalid]: the payload of `edge-logs` is not what it accepts: at `/jobPayload` found the unknown field `account`, expected no other fields than the schema names
      at /jobPayload
    hint: `mainworker jobs show edge-logs` shows the payload's schema
    ");
    insta::assert_snapshot!(said(json!({ "files": [], "format": 1, "accounts": [] })), @r"
    error[payload_invalid]: the payload of `edge-logs` is not what it accepts: at `/jobPayload/accounts` found an array, expected null or an object
      at /jobPayload/accounts
    hint: `mainworker jobs show edge-logs` shows the payload's schema
    ");
}

#[test]
fn missing_configuration() {
    for (from, allowed) in
        [("envelope", "the envelope's"), ("host", "the host's settings"), ("either", "or from")]
    {
        let key = json!({ "accounts.url": { "required": true, "from": from } });
        let host = TestHost::with_probes(json!({ "configuration": key }));
        let said = rejected_job(&host, "prober", "api", json!({}), "missing_configuration");
        assert!(said.contains("`accounts.url`") && said.contains(allowed), "{said}");
        if from == "either" {
            insta::assert_snapshot!(said, @r#"
            error[missing_configuration]: `prober` requires the configuration key `accounts.url`, expected it in the envelope's `configuration` or from the host's settings, found none
              at /configuration
            hint: add `"configuration": {"accounts.url": …}` in the envelope, or `"accounts.url" = …` under `[configuration.values]` in the settings
            "#);
        }
    }
}
