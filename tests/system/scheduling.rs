//! The client library's own way to send tasks, against a host that serves.

use crate::api::ended;
use crate::host::{CANARY, TestHost};
use crate::jobs;
use crate::serving::{ALL_ROLES, Serving};
use mainworker_client::wire::Task;
use mainworker_client::{
    Client, ClientError, Followed, JobPayload, Outcome, Rejected, RejectionCode, ResultError, ScheduleError,
    Scheduler, TaskBuilder, TaskOptions, UniquePolicy, blocking,
};
use mainworker_domain::catalog::ModuleDescription;
use mainworker_domain::manifest::Manifest;
use mainworker_models::{EdgeLogsPayload, Email, EmailTemplate, LogFormat, SendEmailPayload};
use mainworker_sandbox::module_file::ModuleFile;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::fs;

fn client(serving: &Serving<'_>) -> Client {
    Client::new(&format!("http://{}", serving.address()), Some(CANARY.into())).expect("a client")
}

fn scheduler(serving: &Serving<'_>, source: &str) -> Scheduler {
    Scheduler::new(client(serving), source)
}

#[test]
fn a_payload_comes_back_as_the_result_of_its_job() {
    let host = TestHost::with_jobs(&["edge-logs"]);
    let line =
        "127.0.0.1 - - [17/May/2015:08:05:32 +0000] \"GET /talks/1.ts HTTP/1.1\" 200 500 \"-\" \"-\"\n";
    host.write("logs/edge-1.log", line.repeat(3)).folder("reports");
    let dashboard = ALL_ROLES.replace("\"api\"", "\"dashboard\"");
    let serving = host.serve(&format!("{dashboard}\n{}", crate::edge_logs::MOUNTS));
    let scheduler = blocking::Scheduler::of(scheduler(&serving, "dashboard")).expect("a thread");

    let accounts = [("talks".to_owned(), "acme".to_owned())].into();
    let payload = EdgeLogsPayload {
        files: vec!["*.log".to_owned()],
        format: LogFormat::Auto,
        accounts: Some(accounts),
    };
    let task = scheduler.send(scheduler.task(&payload).label("May").priority(7)).expect("it is taken");
    let report = task.result().expect("it completes");
    assert_eq!((report.lines, report.accounts["acme"].bytes), (3, 1_500));
    let Task { job, label, priority, .. } = task.status().expect("it is there");
    assert_eq!((job.as_str(), label.as_deref(), priority), (EdgeLogsPayload::JOB, Some("May"), 7));
    let said: Vec<Followed> = task.follow().expect("an id").map(|step| step.expect("a step")).collect();
    assert!(
        said.iter().any(|step| matches!(step, Followed::Line(line) if line.message.contains("edge-1.log")))
    );
    assert!(matches!(said.last(), Some(Followed::End(_))), "{said:?}");
    serving.stop();
}

#[test]
fn a_task_that_brings_no_result_says_why() {
    let host = TestHost::with_probes(json!({ "retry": { "max-attempts": 1 } }));
    let serving = host.serve(ALL_ROLES);
    let scheduler = blocking::Scheduler::of(scheduler(&serving, "api")).expect("a thread");
    let task = scheduler.task_of("prober", &json!({ "probe": "panics", "text": "now" })).returning::<Value>();
    let error = scheduler.send(task).expect("it is taken").result().expect_err("it does not complete");
    let ResultError::Failed { outcome, code, message, hint, .. } = error else { panic!("{error}") };
    assert_eq!((outcome, code.as_str()), (Some(Outcome::Trapped), "guest_panicked"));
    assert!(!message.is_empty() && hint.is_some_and(|hint| hint.contains("cargo test -p prober")));

    serving.http().post("/v1/pause", &json!({})).is(200);
    let later = scheduler.task_of("prober", &json!({ "probe": "completes" })).returning::<Value>();
    let task = scheduler.send(later).expect("it is taken");
    assert_eq!(task.cancel().expect("it waits").cancel, "cancelled");
    assert!(matches!(task.result(), Err(ResultError::Cancelled { .. })));
    serving.stop();
}

/// A task as the library is given it, and as somebody else would write it.
struct Both {
    built: TaskBuilder<Box<RawValue>>,
    job: &'static str,
    payload: String,
    options: TaskOptions,
}

fn both(scheduler: &Scheduler, job: &'static str, payload: &str, options: TaskOptions) -> Both {
    let raw = RawValue::from_string(payload.to_owned()).expect("JSON");
    let mut built = scheduler.task_of(job, &raw);
    if let Some(priority) = options.priority {
        built = built.priority(priority);
    }
    for tag in &options.tags {
        built = built.tag(tag);
    }
    if let Some(key) = &options.idempotency_key {
        built = built.idempotency_key(key);
    }
    if let Some(key) = &options.unique_key {
        built = built.unique_key(key, options.unique_policy);
    }
    Both { built, job, payload: payload.to_owned(), options }
}

impl Both {
    /// What the library says, and what the host says of the same envelope.
    async fn rejected(self, client: &Client) -> (Rejected, Rejected) {
        let Self { built, job, payload, options } = self;
        let envelope =
            format!(r#"{{"configuration":{{}},"jobName":"{job}","source":"api","jobPayload":{payload}}}"#);
        let here = match built.send().await.expect_err("it is refused") {
            ScheduleError::Rejected(rejected) => *rejected,
            error => panic!("{error}"),
        };
        let envelope = RawValue::from_string(envelope).expect("JSON");
        let there = client.enqueue(&envelope, &options).await.expect_err("it is refused");
        let ClientError::Problem(problem) = there else { panic!("{there}") };
        (here, Rejected::try_from(&*problem).expect("a rejection"))
    }
}

#[tokio::test]
async fn a_rejection_is_the_same_wherever_it_was_found() {
    let host = TestHost::with_jobs(&["echo", "edge-logs", "send-email"]);
    let serving = host.serve(ALL_ROLES);
    let (scheduler, client) = (scheduler(&serving, "api"), client(&serving));
    let none = TaskOptions::default;
    let text = |text: &str| Some(text.to_owned());
    let held = TaskOptions { unique_key: text("u"), idempotency_key: text("i"), ..none() };
    serving.http().post("/v1/pause", &json!({})).is(200);
    both(&scheduler, "echo", "{}", held.clone()).built.send().await.expect("it is taken");

    let welcome = |to: &str| {
        json!({ "template": EmailTemplate::Welcome, "to": to, "variables": { "account": "acme" } })
            .to_string()
    };
    let good = Email::Welcome { account: "acme".to_owned() }.to("a@b.example".parse().expect("an address"));
    let good = serde_json::to_string(&good).expect("JSON");
    let large = json!({ "x": "x".repeat(256 << 10) }).to_string();
    use RejectionCode::*;
    for (job, payload, options, code) in [
        (SendEmailPayload::JOB, welcome("nobody").as_str(), none(), PayloadInvalid),
        (SendEmailPayload::JOB, r#"{"to":7}"#, none(), PayloadInvalid),
        (SendEmailPayload::JOB, &good, none(), MissingConfiguration),
        (EdgeLogsPayload::JOB, r#"{"files":["*"]}"#, none(), SourceNotAllowed),
        ("edge-log", "{}", none(), UnknownJob),
        ("nothing-like-it", "{}", none(), UnknownJob),
        ("No Name/../x?y", "{}", none(), UnknownJob),
        ("..", "{}", none(), UnknownJob),
        ("", "{}", none(), UnknownJob),
        ("echo", "[1]", none(), WrongType),
        ("echo", r#"{"a":{"b":1,"b":2}}"#, none(), MalformedJson),
        ("echo", &large, none(), TooLarge),
        ("echo", "{}", TaskOptions { priority: Some(10), ..none() }, OptionsInvalid),
        ("echo", "{}", TaskOptions { tags: vec![String::new()], ..none() }, OptionsInvalid),
        ("echo", r#"{"other":1}"#, held.clone(), IdempotencyConflict),
        ("echo", "{}", TaskOptions { unique_key: text("u"), ..none() }, UniqueConflict),
    ] {
        let (here, there) = both(&scheduler, job, payload, options).rejected(&client).await;
        assert_eq!(here.code, code, "{here}");
        // The column is that of the envelope, whose fields another writer may put elsewhere.
        assert_eq!(here, there);
    }

    let other = Scheduler::new(client.clone(), "ci").task_of("echo", &json!({})).send().await;
    let other = other.expect_err("the token is another's");
    assert_eq!(other.rejected().map(|rejected| rejected.code), Some(SourceMismatch));

    let existing = TaskOptions { unique_key: text("u"), unique_policy: UniquePolicy::Existing, ..none() };
    let same = both(&scheduler, "echo", "{}", existing).built.send().await.expect("it is the other");
    let again = both(&scheduler, "echo", "{}", held).built.send().await.expect("it is the same");
    assert_eq!(same.id(), again.id());
    serving.stop();
}

#[tokio::test]
async fn a_batch_is_rejected_the_same_wherever_it_was_found() {
    let host = TestHost::with_jobs(&["echo", "send-email"]);
    let serving = host.serve(ALL_ROLES);
    let scheduler = scheduler(&serving, "api");
    let echo = || scheduler.task_of("echo", &json!({}));
    let many = (0..10_001).map(|_| echo()).collect();
    let here = scheduler.send_all(many).await.expect_err("too many");
    let there = serving.http().post("/v1/tasks/batch", &json!({ "tasks": vec![json!({}); 10_001] }));
    let there = serde_json::from_str(&there.body).expect("a problem");
    assert_eq!(here.rejected(), Rejected::try_from(&there).ok().as_ref());

    let bad = scheduler.task_of("send-email", &json!({ "to": "x" }));
    let here = scheduler.send_all(vec![echo(), bad]).await.expect_err("the second is bad");
    let envelope = |job: &str, payload: Value| json!({ "envelope": { "configuration": {}, "jobName": job, "source": "api", "jobPayload": payload } });
    let tasks =
        json!({ "tasks": [envelope("echo", json!({})), envelope("send-email", json!({ "to": "x" }))] });
    let there = serving.http().post("/v1/tasks/batch", &tasks);
    let there = serde_json::from_str(&there.body).expect("a problem");
    assert_eq!(here.rejected(), Rejected::try_from(&there).ok().as_ref());
    assert_eq!(here.rejected().and_then(|rejected| rejected.index), Some(1));

    let handles = scheduler.send_all((0..5).map(|_| echo()).collect()).await.expect("they are taken");
    for handle in handles {
        assert_eq!(ended(&serving.http(), handle.id())["state"], "completed");
    }
    serving.stop();
}

/// Puts a module of the job `prober` there that takes an object with at most so many fields.
fn put_prober(host: &TestHost, fields_max: u64) {
    let manifest = json!({
        "job": { "name": "prober", "version": "0.1.0", "summary": "Tries what it should not" },
        "schedulable-by": { "sources": ["api"] },
        "configuration": { "plain": {} },
        "grants": { "http": [{ "to": "https://nobody.invalid", "methods": ["GET"], "optional": true }], "schedule": ["nobody"] },
    });
    let description = ModuleDescription {
        manifest: Manifest::from_json(&manifest).expect("the manifest is valid"),
        payload_schema: Some(json!({ "type": "object", "maxProperties": fields_max })),
        result_schema: None,
    };
    let module = ModuleFile::pack(jobs::probes(), &description).expect("the probes are admitted");
    // Replaced as a whole, as `module build` does.
    host.write("new.wasm", module.bytes());
    fs::rename(host.path("new.wasm"), host.path("modules/prober.wasm")).expect("the folder is there");
}

#[tokio::test]
async fn a_new_revision_of_a_job_is_no_false_refusal() {
    let host = TestHost::with_jobs(&[]);
    put_prober(&host, 1);
    let serving = host.serve(ALL_ROLES);
    let scheduler = scheduler(&serving, "api");
    let probe = || scheduler.task_of("prober", &json!({ "probe": "completes", "more": 1 }));
    scheduler.task_of("prober", &json!({ "probe": "completes" })).send().await.expect("it fits");
    let refused = probe().send().await.expect_err("it does not fit");
    assert_eq!(refused.rejected().map(|rejected| rejected.code), Some(RejectionCode::PayloadInvalid));
    put_prober(&host, 2);
    probe().send().await.expect("it fits the new one");
    put_prober(&host, 1);
    // What is known takes it; the host decides.
    let refused = probe().send().await.expect_err("it does not fit any more");
    assert_eq!(refused.rejected().map(|rejected| rejected.code), Some(RejectionCode::PayloadInvalid));
    serving.stop();
}

#[test]
fn an_answer_about_jobs_that_has_not_changed_is_not_sent_again() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let tag_of = |target: &str| http.get(target).is(200).header("etag").expect("a tag").to_owned();
    let again = |target: &str, tag: &str| http.ask_status_with("GET", target, &[("if-none-match", tag)]);
    let described = "/v1/jobs/echo/description";
    let before: Vec<(&str, String)> =
        ["/v1/jobs", "/v1/jobs/echo", described].map(|target| (target, tag_of(target))).into();
    for (target, tag) in &before {
        assert_eq!(again(target, tag), 304, "{target}");
        assert_eq!(again(target, "\"another\""), 200, "{target}");
    }
    let description = http.get(described).json();
    assert_eq!(
        (&description["name"], &description["payloadSchema"]["type"]),
        (&json!("echo"), &json!("object"))
    );

    http.post("/v1/jobs/echo/pause", &json!({})).is(200);
    let changed: Vec<u16> = before.iter().map(|(target, tag)| again(target, tag)).collect();
    assert_eq!(changed, [200, 200, 304], "a pause is no part of the description");
    http.get("/v1/jobs/ecko/description").is_problem(404, "unknown_job");
    serving.stop();
}
