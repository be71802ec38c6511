//! Jobs that ask for jobs, which ask for jobs.

use super::{ended, enqueue, probe};
use crate::company::Company;
use crate::company_jobs::line;
use crate::host::{TestHost, envelope};
use crate::http::Http;
use crate::jobs;
use crate::services::{COMPANY, Service, json as answers};
use crate::serving::ALL_ROLES;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};

/// All tasks of a job, each as it is when it has ended.
fn all_ended(http: &Http, job: &str) -> Vec<Value> {
    let listed = http.get(&format!("/v1/tasks?job={job}&limit=100")).is(200).json();
    let tasks = listed["tasks"].as_array().expect("a list");
    tasks.iter().map(|task| ended(http, task["taskId"].as_str().expect("an id"))).collect()
}

/// The accounts service. What it says of `acme` changes after it was asked for the plans once.
fn accounts() -> Service {
    let asked = AtomicU64::new(0);
    Service::over_tls(&COMPANY, move |request| match request.line().as_str() {
        "GET /v1/streams" => answers(200, &json!({ "streams": { "live": "acme", "films": "globex" } })),
        "GET /v1/plans" => {
            let acme = if asked.fetch_add(1, Ordering::Relaxed) == 0 { 1_000 } else { 100_000 };
            let plans = json!({
                "acme": { "bytesPerMonth": acme, "email": "ops@acme.example" },
                "globex": { "bytesPerMonth": 1_000, "email": "it@globex.example" },
            });
            answers(200, &json!({ "plans": plans }))
        }
        _ => answers(404, &json!({})),
    })
}

fn email() -> Service {
    Service::over_tls(&COMPANY, |request| match request.line().as_str() {
        "POST /v1/messages" => answers(202, &json!({ "id": "m-1" })),
        _ => answers(404, &json!({})),
    })
}

/// The first attempt asks for two warnings and fails at the third; the second one asks for others.
#[test]
fn a_warning_is_sent_once_though_the_first_attempt_failed_after_it_asked() {
    let (accounts, email) = (accounts(), email());
    let company = Company::with(&[("accounts", &accounts), ("email", &email)]);
    let impatient = jobs::changed("account-bandwidth", |manifest| {
        manifest["limits"]["scheduled-tasks"] = json!(2);
        manifest["retry"] = json!({ "max-attempts": 2, "base": "10ms", "cap": "10ms" });
    });
    company.host.module("account-bandwidth", &impatient);
    company.host.write("edge-logs/edge-1.log", [line("live", 950), line("films", 1_000)].concat());
    company.report("edge-logs", "scheduler", json!({ "files": ["*.log"] }), (0, "completed"));

    let serving =
        company.serve("server.source = \"dashboard\"\nserver.roles = [\"enqueue\", \"read\", \"operate\"]");
    let http = serving.http();
    let month =
        json!({ "envelope": envelope("account-bandwidth", "dashboard", json!({ "month": "2015-05" })) });
    let id = enqueue(&http, &month);
    let task = ended(&http, &id);
    let outcomes: Vec<&Value> =
        task["attempts"].as_array().expect("a list").iter().map(|attempt| &attempt["outcome"]).collect();
    assert_eq!(
        (&task["state"], outcomes),
        (&json!("completed"), vec![&json!("failed"), &json!("completed")])
    );
    let why = task["attempts"][0]["error"]["message"].as_str().expect("it says why");
    assert!(why.contains("warning `globex` at 100 %"), "{why}");
    let log = http.get(&format!("/v1/tasks/{id}/log")).is(200).body;
    assert!(log.contains("a task of `send-email` is not taken: "), "{log}");

    let sent = all_ended(&http, "send-email");
    assert_eq!(sent.len(), 2, "what the first attempt asked for is not there");
    for task in &sent {
        assert_eq!((&task["state"], &task["outcome"]), (&json!("completed"), &json!("completed")), "{task}");
        assert_eq!(
            (&task["parent"], &task["source"], &task["depth"]),
            (&json!(id), &json!("job:account-bandwidth"), &json!(1))
        );
        assert!(task["requestedBy"].is_null(), "nobody's token asked: {task}");
    }
    let arrived = || {
        let mut mails: Vec<Value> = email.received().iter().map(|request| request.json()).collect();
        mails.sort_by_key(Value::to_string);
        mails
    };
    let mail = |percent: &str| {
        json!({ "template": "bandwidth-warning", "to": "it@globex.example",
            "variables": { "account": "globex", "month": "2015-05", "percent": percent } })
    };
    assert_eq!(arrived(), [mail("100"), mail("90")], "acme's limit was raised in between");

    // The month once more, as a schedule would every hour.
    let again = ended(&http, &enqueue(&http, &month));
    assert_eq!(again["result"]["accounts"]["globex"]["warned"], json!([90, 100]));
    assert_eq!(all_ended(&http, "send-email").len(), 2);
    assert_eq!(arrived().len(), 2);
    serving.stop();
}

/// A world with `prober`, which may ask for itself and for `target`; both are the probes.
fn chain(run: Value) -> TestHost {
    let host = TestHost::with_probes(json!({
        "schedulable-by": { "sources": ["api", "job:prober"] },
        "grants": { "schedule": ["prober", "target"] },
        "retry": { "max-attempts": 3, "base": "10ms", "cap": "10ms" },
        "run": run,
    }));
    let target = TestHost::with_probes(json!({
        "job": { "name": "target", "version": "0.1.0", "summary": "Is asked for" },
        "schedulable-by": { "sources": ["api", "job:prober"] },
        "run": { "rate-limit": { "tasks": 3, "per": "24h" } },
    }));
    // The file is named after the job of the tests; what counts is what is in it.
    std::fs::copy(target.path("modules/prober.wasm"), host.path("modules/target.wasm")).expect("it is there");
    host
}

/// The chain that a task without an end makes: how many tasks, and the last of them.
#[track_caller]
fn stopped_by(host: &TestHost, code: &str, length: usize, told_to_the_job: &str) {
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let mut told = http.follow("/v1/events?kind=envelope-rejected", &[]);
    let first = enqueue(&http, &probe(json!({ "probe": "asks_for_itself", "job": "prober" })));
    let event = told.expect("envelope-rejected");
    assert_eq!(
        (&event["code"], &event["job"], &event["source"]),
        (&json!(code), &json!("prober"), &json!("job:prober"))
    );
    let mut tasks = all_ended(&http, "prober");
    tasks.sort_by_key(|task| task["depth"].as_u64());
    assert_eq!(tasks.len(), length);
    for (depth, task) in tasks.iter().enumerate() {
        assert_eq!(task["depth"], json!(depth));
        let parent = depth.checked_sub(1).map(|above| tasks[above]["taskId"].clone());
        assert_eq!(task["parent"], parent.unwrap_or_default());
    }
    assert_eq!(tasks[0]["taskId"], json!(first));
    let last = tasks.last().expect("some");
    assert_eq!((&last["state"], &last["outcome"]), (&json!("failed"), &json!("rejected")));
    let error = last["attempts"][0]["error"]["message"].as_str().expect("it says why");
    assert!(error.contains(told_to_the_job), "{error}");
    let id = last["taskId"].as_str().expect("an id");
    let log = http.get(&format!("/v1/tasks/{id}/log")).is(200).body;
    assert!(log.contains(&format!("a task of `prober` is not taken: {code}: ")), "{log}");
    let figures = http.get("/metrics").is(200).body;
    assert!(figures.contains(&format!("mainworker_rejections_total{{code=\"{code}\"}} 1\n")), "{figures}");
    serving.stop();
}

#[test]
fn a_chain_without_an_end_is_stopped_by_its_depth() {
    stopped_by(&chain(json!({})), "task_depth", 11, "task_depth: 11 tasks are above this one");
}

#[test]
fn a_chain_without_an_end_is_stopped_by_the_rate_of_its_job() {
    let host = chain(json!({ "rate-limit": { "tasks": 4, "per": "24h" } }));
    let told = "rate_limited: the job `prober` takes 4 tasks in 24h: 1 asked for, 0 left";
    stopped_by(&host, "rate_limited", 4, told);
}

fn asks(times: u64, fails: bool) -> Value {
    let payload = json!({ "probe": "asks_for_tasks", "job": "target", "times": times, "payload": { "probe": "completes" } });
    let mut request = probe(payload);
    if fails {
        request["envelope"]["jobPayload"]["fail"] = json!(1);
    }
    request
}

#[test]
fn a_job_that_asks_too_often_is_told_and_goes_on() {
    let host = chain(json!({}));
    let settings = "sources.\"job:prober\".rate-limit = { tasks = 2, per = \"1h\" }";
    let serving = host.serve(&format!("{ALL_ROLES}\n{settings}"));
    let http = serving.http();
    let mut told = http.follow("/v1/events?kind=envelope-rejected", &[]);
    let id = enqueue(&http, &asks(5, false));
    let task = ended(&http, &id);
    assert_eq!(task["state"], "completed");
    let answers = &task["result"]["answers"];
    assert!(answers[1]["id"].is_string(), "{answers}");
    for place in 2..5 {
        let refused = answers[place]["refused"].as_str().expect("it is refused");
        let expected =
            "Rejected(\"rate_limited: the source `job:prober` may ask for 2 tasks in 1h: 1 asked for, 0 left";
        assert!(refused.starts_with(expected), "{refused}");
    }
    // Told once, though it asked three times.
    let event = told.expect("envelope-rejected");
    assert_eq!((&event["code"], &event["source"]), (&json!("rate_limited"), &json!("job:prober")));
    let targets = all_ended(&http, "target");
    assert_eq!(targets.len(), 2);
    assert!(targets.iter().all(|task| task["parent"] == json!(id) && task["state"] == "completed"));
    let figures = http.get("/metrics").is(200).body;
    assert!(figures.contains("mainworker_rejections_total{code=\"rate_limited\"} 1\n"), "{figures}");

    // Of what the other job takes one is left, for whoever asks.
    let of_target = json!({ "envelope": envelope("target", "api", json!({ "probe": "completes" })) });
    enqueue(&http, &of_target);
    http.post("/v1/tasks", &of_target).is_problem(429, "rate_limited");
    serving.stop();
}

#[test]
fn what_a_failed_attempt_asked_for_does_not_count() {
    let host = chain(json!({}));
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let failed = ended(&http, &enqueue(&http, &asks(3, true)));
    assert_eq!((&failed["state"], failed["attempts"].as_array().map(Vec::len)), (&json!("failed"), Some(3)));
    assert_eq!(all_ended(&http, "target").len(), 0);
    let figures = http.get("/metrics").is(200).body;
    assert!(!figures.contains("rate_limited"), "{figures}");
    // Each attempt was given all that there are, and all are there for the one that completes.
    assert_eq!(ended(&http, &enqueue(&http, &asks(3, false)))["state"], "completed");
    assert_eq!(all_ended(&http, "target").len(), 3);
    serving.stop();
}
