//! The rejections that the README names, each over HTTP with the status that it says.

use super::rejections::{count, world};
use super::{echo, enqueue, probe};
use crate::host::envelope;
use crate::http::{Answer, Http};
use crate::jobs::workspace;
use crate::serving::ALL_ROLES;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;

/// Code and status of each row of the table.
fn promised() -> BTreeMap<String, u16> {
    let readme = fs::read_to_string(workspace().join("README.md")).expect("it is there");
    let table = readme.split_once("| rejection | HTTP | when |\n").expect("the table is there").1;
    let mut codes = BTreeMap::new();
    for row in table.lines().skip(1).take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let status = cells[2].parse().expect("a status");
        for code in cells[1].split(", ") {
            codes.insert(code.trim_matches('`').to_owned(), status);
        }
    }
    codes
}

/// What is answered to a request that is to be rejected with this code, on a host that has a task with the keys `i` and `u`, the
/// only one of `prober` that it takes today, and room for no other.
fn provoked(http: &Http, code: &str) -> Answer {
    let payload = json!({ "probe": "completes" });
    let post = |request: &Value| http.post("/v1/tasks", request);
    let of = |job: &str, source: &str, payload: &Value| {
        post(&json!({ "envelope": envelope(job, source, payload.clone()) }))
    };
    let with_options = |options: Value| {
        post(&json!({ "envelope": echo(json!({ "n": 2 }))["envelope"], "options": options }))
    };
    let with_field = |field: &str, value: Value| {
        let mut request = echo(json!({}));
        request["envelope"][field] = value;
        post(&request)
    };
    match code {
        "too_large" => with_field("jobPayload", json!({ "x": "y".repeat(256 << 10) })),
        "malformed_json" => {
            let deep = format!("{}{}", r#"{"a":"#.repeat(65), "}".repeat(65));
            http.post_text("/v1/tasks", &deep)
        }
        "missing_field" => post(&json!({ "envelope": { "jobName": "echo" } })),
        "unknown_field" => with_field("user", json!("ada")),
        "wrong_type" => with_field("jobPayload", json!([])),
        "unknown_job" => of("ecko", "api", &payload),
        "source_not_allowed" => of("nightly", "api", &payload),
        "payload_invalid" => of("typed", "api", &json!({ "probe": 7 })),
        "missing_configuration" => of("typed", "api", &payload),
        "options_invalid" => with_options(json!({ "priority": 10 })),
        "source_mismatch" => of("echo", "ci", &payload),
        "idempotency_conflict" => with_options(json!({ "idempotencyKey": "i" })),
        "unique_conflict" => with_options(json!({ "uniqueKey": "u" })),
        "rate_limited" => of("prober", "api", &payload),
        "queue_full" => post(&echo(json!({}))),
        other => panic!("the README promises `{other}`, which this test cannot provoke yet"),
    }
}

#[test]
fn each_rejection_has_the_status_that_the_readme_says() {
    let host = world();
    let serving = host.serve(&format!("{ALL_ROLES}\nqueue.tasks-max = 2"));
    let http = serving.http();
    http.post("/v1/pause", &json!({})).is(200);
    let keys = json!({ "idempotencyKey": "i", "uniqueKey": "u" });
    enqueue(&http, &json!({ "envelope": echo(json!({ "n": 1 }))["envelope"], "options": keys }));
    enqueue(&http, &probe(json!({ "probe": "completes" })));
    let promised = promised();
    assert!(promised.len() >= 15, "{promised:?}");
    for (code, status) in &promised {
        let problem = provoked(&http, code).is_problem(*status, code);
        assert!(problem["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "no hint: {problem}");
        assert_eq!(count(&http), 2, "`{code}` stored something");
    }
    serving.stop();
}
