//! What there is: tasks, pages, logs, jobs.

use super::{echo, ended, enqueue, probe, shown};
use crate::host::{TestHost, envelope};
use crate::http::Http;
use crate::serving::ALL_ROLES;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[test]
fn a_task_is_shown_with_all_that_it_promises() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let mut request = echo(json!({ "here": true }));
    request["options"] = json!({ "label": "first", "tags": ["x", "y"], "priority": 3, "maxAttempts": 2 });
    let request = request.to_string().replace(r#"{"here":true}"#, r#"{"a":1.50,"b":[]}"#);
    let accepted = http.post_text("/v1/tasks", &request).is(202).json();
    let id = accepted["taskId"].as_str().expect("an id").to_owned();
    let task = ended(&http, &id);
    let fields = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    insta::assert_snapshot!(fields(&task).join(" "), @"attempts cancelRequested createdAt depth error expiresAt finishedAt job label maxAttempts occurrence outcome parent priority progress requestedBy result revision runAt schedule source startedAt state tags taskId");
    insta::assert_snapshot!(fields(&task["attempts"][0]).join(" "), @"cpuMs error finishedAt host httpBytesIn httpBytesOut httpCalls logBytes logLinesDropped number outcome outputBytes peakMemoryBytes revision runMs startedAt waitMs");
    assert_eq!(
        (&task["job"], &task["source"], &task["state"], &task["outcome"]),
        (&json!("echo"), &json!("api"), &json!("completed"), &json!("completed"))
    );
    assert_eq!((&task["label"], &task["tags"]), (&json!("first"), &json!(["x", "y"])));
    assert_eq!((&task["priority"], &task["maxAttempts"]), (&json!(3), &json!(2)));
    assert_eq!((&task["result"], &task["error"]), (&json!({ "a": 1.5, "b": [] }), &json!(null)));
    let shown = http.get(&format!("/v1/tasks/{id}")).body;
    assert!(shown.contains(r#""result":{"a":1.50,"b":[]}"#), "numbers stay as they were written: {shown}");
    let attempt = &task["attempts"][0];
    assert_eq!((&attempt["number"], &attempt["outcome"]), (&json!(1), &json!("completed")));
    assert!(attempt["peakMemoryBytes"].as_u64() > Some(0) && attempt["runMs"].is_u64(), "{attempt}");
    for time in [&task["createdAt"], &task["startedAt"], &task["finishedAt"], &attempt["startedAt"]] {
        let time = time.as_str().expect("a time");
        assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
    }
    serving.stop();
}

#[test]
fn a_task_that_fails_says_why() {
    let host = TestHost::with_probes(json!({}));
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let id = enqueue(&http, &probe(json!({ "probe": "no such probe" })));
    let task = ended(&http, &id);
    assert_eq!((&task["state"], &task["outcome"]), (&json!("failed"), &json!("rejected")));
    assert_eq!(task["error"]["code"], "job_rejected");
    assert!(
        task["error"]["message"].as_str().unwrap().contains("there is no probe `no such probe`"),
        "{task}"
    );
    assert_eq!(task["error"], task["attempts"][0]["error"]);
    serving.stop();
}

/// The labels of all tasks that fit, page by page.
fn labels(http: &Http, query: &str, limit: usize) -> Vec<String> {
    let mut labels = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = http.get(&format!("/v1/tasks?{query}&limit={limit}{cursor}")).is(200).json();
        let tasks = page["tasks"].as_array().expect("a list");
        assert!(tasks.len() <= limit);
        labels.extend(tasks.iter().map(|task| task["label"].as_str().expect("a label").to_owned()));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return labels,
        }
    }
}

#[test]
fn tasks_are_listed_by_pages_and_filters() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    http.post("/v1/pause", &json!({})).is(200);
    let request = |index: usize| {
        let tag = if index.is_multiple_of(2) { "even" } else { "odd" };
        let options = json!({ "label": format!("task {index}"), "tags": [tag] });
        json!({ "envelope": envelope("echo", "api", json!({})), "options": options })
    };
    let ids: Vec<String> = (0..7).map(|index| enqueue(&http, &request(index))).collect();
    http.post(&format!("/v1/tasks/{}/cancel", ids[6]), &json!({})).is(200);

    let newest_first: Vec<String> = (0..7).rev().map(|index| format!("task {index}")).collect();
    for limit in [1, 2, 3, 7, 500] {
        assert_eq!(labels(&http, "job=echo", limit), newest_first, "by {limit}");
    }
    for (query, expected) in [
        ("tag=odd", vec!["task 5", "task 3", "task 1"]),
        ("tag=even&state=queued", vec!["task 4", "task 2", "task 0"]),
        ("state=cancelled", vec!["task 6"]),
        ("state=queued,cancelled&tag=even", vec!["task 6", "task 4", "task 2", "task 0"]),
        ("outcome=cancelled", vec!["task 6"]),
        ("label=task+3", vec!["task 3"]),
        ("job=edge-logs", vec![]),
        ("source=ci", vec![]),
        ("to=2015-05-17T08:05:32Z", vec![]),
        ("from=2015-05-17T08:05:32Z&tag=odd", vec!["task 5", "task 3", "task 1"]),
        ("longer-than=1s", vec![]),
    ] {
        assert_eq!(labels(&http, query, 2), expected, "{query}");
    }
    serving.stop();
}

#[test]
fn a_query_that_cannot_be_meant_is_refused() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    http.post("/v1/pause", &json!({})).is(200);
    for _ in 0..3 {
        enqueue(&http, &echo(json!({})));
    }
    let page = http.get("/v1/tasks?state=queued&limit=1").json();
    let cursor = page["nextCursor"].as_str().expect("there is more");
    http.get(&format!("/v1/tasks?state=queued&limit=2&cursor={cursor}")).is(200);
    let id = page["tasks"][0]["taskId"].as_str().expect("an id");
    let problems = [
        shown(&http.get(&format!("/v1/tasks?cursor={cursor}")).is_problem(400, "bad_cursor")),
        shown(&http.get("/v1/tasks?state=queued&cursor=7").is_problem(400, "bad_cursor")),
        shown(&http.get(&format!("/v1/tasks/{id}/log?cursor={cursor}")).is_problem(400, "bad_cursor")),
        shown(&http.get("/v1/tasks?stat=queued").is_problem(400, "bad_filter")),
        shown(&http.get("/v1/tasks?state=quued").is_problem(400, "bad_filter")),
        shown(&http.get("/v1/tasks?limit=501").is_problem(400, "bad_filter")),
        shown(&http.get("/v1/tasks?from=yesterday").is_problem(400, "bad_filter")),
        shown(&http.get("/v1/tasks?longer-than=90").is_problem(400, "bad_filter")),
        shown(&http.get("/v1/tasks?job=echo&job=echo").is_problem(400, "bad_filter")),
        shown(&http.get(&format!("/v1/tasks/{id}/log?folow")).is_problem(400, "bad_filter")),
        shown(&http.get("/v1/events?kind=task-enqueud").is_problem(400, "bad_filter")),
    ];
    insta::assert_snapshot!(problems.join("\n"), @"
    400 bad_cursor
      the cursor is not one of this query
      hint: begin again without a cursor; one is good for the query that gave it
    400 bad_cursor
      the cursor is not one of this query
      hint: begin again without a cursor; one is good for the query that gave it
    400 bad_cursor
      the cursor is not one of this query
      hint: begin again without a cursor; one is good for the query that gave it
    400 bad_filter
      there is no filter `stat`, expected some of `state`, `job`, `source`, `label`, `tag`, `schedule`, `from`, `to`, `outcome`, `longer-than`, `limit`, `cursor`
      hint: did you mean `state`?
    400 bad_filter
      the filter `state` is `quued`, expected one of `queued`, `running`, `completed`, `failed`, `cancelled`, `expired`
      hint: did you mean `queued`?
    400 bad_filter
      the filter `limit` is `501`, expected 1 to 500
    400 bad_filter
      the filter `from` is `yesterday`, expected a time such as `2015-05-17T08:05:32Z`; a `+` in a URL is `%2B`
    400 bad_filter
      the filter `longer-than` is `90`, expected a duration such as `90s` or `1h 30m`
    400 bad_filter
      the filter `job` is there twice, expected it once
    400 bad_filter
      there is no filter `folow`, expected some of `cursor`, `follow`
      hint: did you mean `follow`?
    400 bad_filter
      the filter `kind` is `task-enqueud`, expected one of `envelope-rejected`, `task-enqueued`, `task-dropped`, `attempt-started`, `attempt-said`, `attempt-ended`, `task-changed`, `paused`, `runs-missed`, `schedule-changed`, `deployment-changed`, `module-refused`, `credential-refused`, `host-error`
      hint: did you mean `task-enqueued`?
    ");
    serving.stop();
}

#[test]
fn a_log_is_read_by_pages() {
    let host = TestHost::with_probes(json!({}));
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    // More than a page of 256 KiB.
    let id = enqueue(&http, &probe(json!({ "probe": "floods_log", "lines": 500, "bytes": 1_000 })));
    assert_eq!(ended(&http, &id)["state"], "completed");
    let (mut lines, mut pages, mut cursor) = (0, 0, String::new());
    loop {
        let page = http.get(&format!("/v1/tasks/{id}/log{cursor}")).is(200).json();
        lines += page["lines"].as_array().expect("lines").len();
        pages += 1;
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("?cursor={next}"),
            None => break,
        }
    }
    assert_eq!(lines, 500);
    assert!(pages > 1, "one page had everything");
    let first = &http.get(&format!("/v1/tasks/{id}/log")).json()["lines"][0];
    assert_eq!(
        (&first["attempt"], &first["level"], &first["context"]),
        (&json!(1), &json!("info"), &json!("flood"))
    );
    serving.stop();
}

#[test]
fn jobs_are_listed_and_shown() {
    let host = TestHost::new();
    host.module("broken", b"\0asm and nothing else");
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let jobs = http.get("/v1/jobs").is(200).json();
    let names: Vec<_> = jobs["jobs"].as_array().expect("jobs").iter().map(|job| &job["name"]).collect();
    assert_eq!(names, ["broken", "echo"], "one broken module does not hide the others");
    let job = http.get("/v1/jobs/echo").is(200).json();
    assert_eq!(job["job"], jobs["jobs"][1]);
    assert_eq!((&job["job"]["version"], &job["job"]["maxConcurrency"]), (&json!("0.1.0"), &json!(null)));
    assert_eq!(job["manifest"]["job"]["name"], "echo");
    assert_eq!(job["payloadSchema"]["type"], "object");
    let broken = http.get("/v1/jobs/broken").is(200).json();
    assert_eq!((&broken["job"]["version"], &broken["manifest"]), (&json!(null), &json!(null)));
    serving.stop();
}

#[test]
fn tasks_that_come_at_once_are_all_there() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    http.post("/v1/pause", &json!({})).is(200);
    let ids: Vec<String> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|client| {
                let http = http.clone();
                scope.spawn(move || {
                    let mut connection = http.connect();
                    let each = (0..25).map(|index| {
                        let body = echo(json!({ "client": client, "index": index })).to_string();
                        let head = http.head(
                            "POST",
                            "/v1/tasks",
                            &[("content-type", "application/json")],
                            body.len(),
                        );
                        connection.send(&head);
                        connection.send(body.as_bytes());
                        connection.answer().is(202).json()["taskId"].as_str().expect("an id").to_owned()
                    });
                    each.collect::<Vec<_>>()
                })
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().expect("it ends well")).collect()
    });
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 200);
    let mut listed = BTreeSet::new();
    let page = http.get("/v1/tasks?limit=500").json();
    for task in page["tasks"].as_array().expect("a list") {
        listed.insert(task["taskId"].as_str().expect("an id").to_owned());
    }
    assert_eq!(listed, ids.into_iter().collect());
    assert_eq!(http.get("/v1/stats").json()["tasks"]["queued"], 200);
    serving.stop();
}
