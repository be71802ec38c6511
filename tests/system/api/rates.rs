//! How often tasks are asked for.

use super::rejections::count;
use super::{echo, ended, enqueue, probe, shown};
use crate::host::TestHost;
use crate::http::{Answer, Http};
use crate::jobs;
use crate::serving::{ALL_ROLES, Serving};
use serde_json::{Value, json};
use std::fs;

/// A world with `echo`, and with the probes as a job that takes so many tasks in an hour.
fn hourly(tasks: u64) -> TestHost {
    let host = TestHost::with_probes(json!({ "run": { "rate-limit": { "tasks": tasks, "per": "1h" } } }));
    fs::copy(jobs::built().join("echo.wasm"), host.path("modules/echo.wasm")).expect("the job is built");
    host
}

/// Serves without beginning any attempt.
fn paused<'a>(host: &'a TestHost, settings: &str) -> Serving<'a> {
    let serving = host.serve(&format!("{ALL_ROLES}\n{settings}"));
    serving.http().post("/v1/pause", &json!({})).is(200);
    serving
}

fn completes() -> Value {
    probe(json!({ "probe": "completes" }))
}

fn batch(http: &Http, tasks: &[Value]) -> Answer {
    http.post("/v1/tasks/batch", &json!({ "tasks": tasks }))
}

/// Seconds after which an answer says to come again.
#[track_caller]
fn retry_after(answer: &Answer) -> u64 {
    answer.header("retry-after").expect("it says when").parse().expect("whole seconds")
}

#[test]
fn a_job_takes_as_many_tasks_as_its_rate() {
    let host = hourly(2);
    let serving = paused(&host, "");
    let http = serving.http();
    let mut told = http.follow("/v1/events?kind=envelope-rejected", &[]);
    enqueue(&http, &completes());
    enqueue(&http, &completes());

    let refused = http.post("/v1/tasks", &completes());
    let problem = refused.is_problem(429, "rate_limited");
    let seconds = retry_after(&refused);
    assert!((1_700..=1_800).contains(&seconds), "half an hour after the second, not {seconds} s");
    let detail = problem["detail"].as_str().expect("it says why");
    let expected = "the job `prober` takes 2 tasks in 1h: 1 asked for, 0 left, expected no more, or the same no sooner than in ";
    assert!(detail.starts_with(expected), "{detail}");
    assert_eq!(
        problem["hint"],
        "wait as long as the header `Retry-After` says; `rate-limit` under `[run]` in the job.toml of `prober` is the rate"
    );
    let event = told.expect("envelope-rejected");
    assert_eq!(
        (&event["code"], &event["job"], &event["source"]),
        (&json!("rate_limited"), &json!("prober"), &json!("api"))
    );
    let figures = http.get("/metrics").is(200).body;
    assert!(figures.contains("mainworker_rejections_total{code=\"rate_limited\"} 1\n"), "{figures}");

    // Nothing of it is stored, and other jobs are not concerned.
    assert_eq!(count(&http), 2);
    enqueue(&http, &echo(json!({})));
    let manifest = http.get("/v1/jobs/prober").is(200).json()["manifest"].clone();
    assert_eq!(manifest["run"]["rate-limit"], json!({ "tasks": 2, "per": "1h" }));
    serving.stop();
}

#[test]
fn of_a_batch_all_pass_or_none() {
    let host = hourly(5);
    let serving = paused(&host, "");
    let http = serving.http();
    batch(&http, &vec![completes(); 3]).is(202);
    let mixed = [completes(), echo(json!({})), completes(), completes()];
    let problem = batch(&http, &mixed).is_problem(429, "rate_limited");
    assert_eq!(problem["index"], 3, "the third of its job is the first that is too many");
    assert_eq!(count(&http), 3);
    batch(&http, &mixed[..3]).is(202);
    assert_eq!(count(&http), 6);

    let never = batch(&http, &vec![completes(); 6]);
    insta::assert_snapshot!(shown(&never.is_problem(413, "too_large")), @"
    413 too_large at in task 5
      the job `prober` takes 5 tasks in 1h: 6 asked for at once, expected at most 5
      hint: send batches of at most 5; `rate-limit` under `[run]` in the job.toml of `prober` is the rate
    ");
    assert_eq!(never.header("retry-after"), None, "that never passes");
    assert_eq!(count(&http), 6);
    serving.stop();
}

#[test]
fn a_source_asks_for_as_many_tasks_as_its_rate() {
    let host = TestHost::new();
    let serving = host.serve(
        "server.source = \"api\"\nserver.roles = [\"enqueue\", \"read\", \"operate\", \"admin\"]\n\
         sources.api.rate-limit = { tasks = 2, per = \"1h\" }",
    );
    let http = serving.http();
    batch(&http, &vec![echo(json!({})); 2]).is(202);
    let problem = http.post("/v1/tasks", &echo(json!({}))).is_problem(429, "rate_limited");
    let detail = problem["detail"].as_str().expect("it says why");
    assert!(
        detail.starts_with("the source `api` may ask for 2 tasks in 1h: 1 asked for, 0 left"),
        "{detail}"
    );
    let hint = problem["hint"].as_str().expect("a hint");
    assert!(hint.contains("`rate-limit` under `[sources.api]` in the settings"), "{hint}");

    // Another token of the source is the same source, another source is not.
    let token = |source: &str| {
        let args = ["token", "create", "--json", "--source", source, "--role", "enqueue"];
        let made = serving.command(&args).finish().exits(0).json();
        Http::new(serving.address()).with_token(made["token"].as_str().expect("a token"))
    };
    token("api").post("/v1/tasks", &echo(json!({}))).is_problem(429, "rate_limited");
    let mut of_ci = echo(json!({}));
    of_ci["envelope"]["source"] = json!("ci");
    token("ci").post("/v1/tasks", &of_ci).is(202);
    serving.stop();
}

#[test]
fn only_tasks_that_come_to_be_count() {
    let host = hourly(3);
    let serving = paused(&host, "queue.tasks-max = 3");
    let http = serving.http();
    let mut known = completes();
    known["options"] = json!({ "idempotencyKey": "k" });
    http.post("/v1/tasks", &known).is(202);
    for _ in 0..5 {
        http.post("/v1/tasks", &known).is(200);
    }
    let mut unlike = known.clone();
    unlike["envelope"]["jobPayload"]["n"] = json!(1);
    for _ in 0..5 {
        http.post("/v1/tasks", &unlike).is_problem(409, "idempotency_conflict");
    }
    batch(&http, &vec![echo(json!({})); 2]).is(202);
    for _ in 0..5 {
        let full = http.post("/v1/tasks", &completes());
        full.is_problem(429, "queue_full");
        assert_eq!(retry_after(&full), 2);
    }
    http.post("/v1/tasks/cancel", &json!({ "filter": { "job": "echo" } })).is(200);
    batch(&http, &vec![completes(); 2]).is(202);
    // Whether a key is known is the store's to say, and it is not asked about what is over its rate.
    http.post("/v1/tasks", &known).is_problem(429, "rate_limited");
    serving.stop();
}

/// How often somebody was refused for asking too often.
#[track_caller]
fn refusals(http: &Http) -> u64 {
    let figures = http.get("/metrics").is(200).body;
    let row = figures
        .lines()
        .find_map(|line| line.strip_prefix("mainworker_rejections_total{code=\"rate_limited\"} "));
    row.expect("there are some").parse().expect("a count")
}

/// The commands and the client library come again when they are told to.
#[test]
fn a_command_waits_as_long_as_it_is_told() {
    let host = TestHost::with_probes(json!({ "run": { "rate-limit": { "tasks": 1, "per": "6s" } } }));
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    host.write("prober.json", completes()["envelope"].to_string());
    enqueue(&http, &completes());
    let queued = serving.command(&["queue", "prober.json"]).finish().exits(0);
    assert_eq!(ended(&http, queued.stdout().trim())["state"], "completed");
    assert_eq!(refusals(&http), 1, "it came too early once, and then in time");
    serving.stop();
}

#[test]
fn a_command_does_not_wait_for_what_takes_too_long() {
    let host = hourly(1);
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    host.write("prober.json", completes()["envelope"].to_string());
    enqueue(&http, &completes());
    let refused = serving.command(&["queue", "prober.json"]).finish().exits(3);
    assert!(
        refused.stderr().starts_with("error[rate_limited]: the job `prober` takes 1 task in 1h: "),
        "{}",
        refused.stderr()
    );
    assert_eq!(refusals(&http), 1, "it did not come again before its time");
    serving.stop();
}
