//! What machines ask for: health, figures, the description.

use super::{echo, ended, enqueue};
use crate::host::{TestHost, envelope};
use crate::serving::ALL_ROLES;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The rows of an OpenMetrics text by name and labels. Every one has to be of a family that was described before.
#[track_caller]
fn rows(text: &str) -> BTreeMap<String, f64> {
    let mut families: BTreeMap<&str, &str> = BTreeMap::new();
    let mut rows = BTreeMap::new();
    let body = text.strip_suffix("# EOF\n").expect("it says that it is whole");
    for line in body.lines() {
        if let Some(described) = line.strip_prefix("# TYPE ") {
            let (name, kind) = described.split_once(' ').expect("a name and a type");
            assert!(families.insert(name, kind).is_none(), "`{name}` twice");
            continue;
        }
        if line.starts_with('#') {
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect("a name and a value");
        let name = series.split('{').next().expect("a name");
        let suffixes = ["", "_total", "_bucket", "_sum", "_count"];
        let family = suffixes.iter().find_map(|suffix| families.get(name.strip_suffix(suffix)?));
        assert!(family.is_some(), "`{name}` is of no family");
        let value = value.parse().unwrap_or_else(|_| panic!("`{line}` has no number"));
        assert!(rows.insert(series.to_owned(), value).is_none(), "`{series}` twice");
    }
    rows
}

#[test]
fn what_happened_is_in_the_figures() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let first = enqueue(&http, &echo(json!({})));
    ended(&http, &first);
    http.post("/v1/tasks", &json!({ "envelope": envelope("ecko", "api", json!({})) })).is(404);
    http.post("/v1/pause", &json!({})).is(200);
    enqueue(&http, &echo(json!({})));
    for id in ["a", "b", "c"] {
        http.get(&format!("/v1/tasks/{id}")).is(404);
        http.get(&format!("/{id}")).is(404);
    }
    let stream = http.follow("/v1/events", &[]);

    let answer = http.get("/metrics").is(200);
    let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.header("content-type"), Some(media_type));
    let rows = rows(&answer.body);
    for (series, value) in [
        ("mainworker_tasks_enqueued_total{job=\"echo\"}", 2.0),
        ("mainworker_attempts_ended_total{job=\"echo\",outcome=\"completed\"}", 1.0),
        ("mainworker_tasks_ended_total{job=\"echo\",state=\"completed\"}", 1.0),
        ("mainworker_attempt_wait_seconds_count{job=\"echo\"}", 1.0),
        ("mainworker_attempt_run_seconds_count{job=\"echo\"}", 1.0),
        ("mainworker_attempt_run_seconds_bucket{le=\"+Inf\",job=\"echo\"}", 1.0),
        ("mainworker_rejections_total{code=\"unknown_job\"}", 1.0),
        ("mainworker_tasks{job=\"echo\",state=\"queued\"}", 1.0),
        ("mainworker_tasks{job=\"echo\",state=\"completed\"}", 1.0),
        ("mainworker_attempts_running", 0.0),
        ("mainworker_paused", 1.0),
        ("mainworker_job_paused{job=\"echo\"}", 0.0),
        ("mainworker_store_answers", 1.0),
        ("mainworker_http_streams", 1.0),
        ("mainworker_http_requests_total{method=\"POST\",route=\"/v1/tasks\",status=\"202\"}", 2.0),
        ("mainworker_http_requests_total{method=\"GET\",route=\"/v1/tasks/{id}\",status=\"404\"}", 3.0),
        ("mainworker_http_requests_total{method=\"other\",route=\"other\",status=\"404\"}", 3.0),
    ] {
        assert_eq!(rows.get(series), Some(&value), "{series}\n{}", answer.body);
    }
    assert!(rows["process_resident_memory_bytes"] > 1e6 && rows["mainworker_store_bytes"] > 0.0);
    assert!(rows["mainworker_http_connections"] >= 2.0 && rows["mainworker_slots"] >= 1.0);
    assert!(rows["process_start_time_seconds"] > 1e9);
    drop(stream);
    serving.stop();
}

#[test]
fn stats_say_what_runs_and_what_waits() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    http.post("/v1/jobs/echo/pause", &json!({})).is(200);
    enqueue(&http, &echo(json!({})));
    let stats = http.get("/v1/stats").is(200).json();
    assert_eq!((&stats["paused"], &stats["running"]), (&json!(false), &json!([])));
    assert_eq!((&stats["tasks"]["queued"], &stats["tasks"]["completed"]), (&json!(1), &json!(0)));
    assert_eq!((&stats["jobs"][0]["name"], &stats["jobs"][0]["paused"]), (&json!("echo"), &json!(true)));
    assert!(stats["slots"].as_u64() > Some(0) && stats["storeBytes"].as_u64() > Some(0), "{stats}");
    assert!(stats["host"].is_string() && stats["startedAt"].is_string() && stats["version"].is_string());
    serving.stop();
}

#[test]
fn the_description_is_the_one_that_is_checked_in() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let served = serving.http().without_token().get("/openapi.json").is(200).json();
    let checked_in = include_str!("../../../host/server/openapi.json");
    assert_eq!(served, serde_json::from_str::<Value>(checked_in).expect("JSON"));
    serving.stop();
}
