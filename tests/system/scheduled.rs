//! Tasks that a job asks for: what the report says of them, and what is said to the job when they are not taken.

use crate::company::Company;
use crate::host::{CANARY, TestHost, envelope};
use crate::jobs;
use mainworker_domain::catalog::ModuleDescription;
use mainworker_domain::manifest::Manifest;
use mainworker_sandbox::module_file::ModuleFile;
use serde_json::{Value, json};

/// A world with `prober`, which may ask for these jobs, and `target`, which takes `{"probe": TEXT}` from `prober` alone.
fn world(may_ask_for: Value) -> TestHost {
    let host = TestHost::with_probes(json!({ "grants": { "schedule": may_ask_for } }));
    let manifest = json!({
        "job": { "name": "target", "version": "0.1.0", "summary": "Is asked for" },
        "schedulable-by": { "sources": ["job:prober"] },
        "configuration": { "needed": { "required": true, "from": "host" } },
        "grants": {
            // What the probes import.
            "schedule": ["echo"],
            "http": [{ "to": "https://nobody.invalid", "methods": ["GET"], "optional": true }],
        },
    });
    let schema =
        json!({ "type": "object", "required": ["probe"], "properties": { "probe": { "type": "string" } } });
    let description = ModuleDescription {
        manifest: Manifest::from_json(&manifest).expect("the manifest is valid"),
        payload_schema: Some(schema),
        result_schema: None,
    };
    let module = ModuleFile::pack(jobs::probes(), &description).expect("the probes are admitted");
    host.module("target", module.bytes());
    std::fs::copy(jobs::built().join("echo.wasm"), host.path("modules/echo.wasm")).expect("the job is built");
    host.settings("[configuration.values]\nneeded = \"here\"");
    host
}

/// What became of the tasks, by the job that asked and by the report.
#[track_caller]
fn asked(host: &TestHost, payload: Value) -> (Value, Value) {
    let report = host.probe(payload).arg("--json").finish().exits(0).report();
    (report["result"]["answers"].clone(), report["scheduled"].clone())
}

fn task(job: &str, payload: Value) -> Value {
    json!({ "probe": "asks_for_tasks", "job": job, "payload": payload })
}

/// Why a task is not taken, as the job is told.
#[track_caller]
fn refusal(host: &TestHost, payload: Value) -> String {
    let (answers, scheduled) = asked(host, payload);
    assert_eq!(scheduled, json!([]));
    host.named(answers[0]["refused"].as_str().expect("it is refused"))
}

#[test]
fn a_task_is_reported_as_it_is_to_be_put_in() {
    let host = world(json!(["target"]));
    let mut payload = task("target", json!({ "probe": "completes", "n": 1.50 }));
    payload["idempotency-key"] = json!("once");
    payload["priority"] = json!(9);
    let (answers, scheduled) = asked(&host, payload);
    let id = answers[0]["id"].as_str().expect("it is taken");
    assert_eq!((id.len(), id.matches('-').count()), (36, 4), "{id} is no UUID");
    let envelope = json!({
        "configuration": {}, "jobName": "target", "source": "job:prober",
        "jobPayload": { "probe": "completes", "n": 1.50 },
    });
    assert_eq!(
        scheduled,
        json!([{ "taskId": id, "envelope": envelope, "options": { "idempotencyKey": "once", "priority": 9 } }])
    );
    drop(host.run(&scheduled[0]["envelope"]).finish().exits(0));
}

#[test]
fn tasks_are_as_many_as_were_asked_for_but_for_those_with_one_key() {
    let host = world(json!(["target"]));
    let mut payload = task("target", json!({ "probe": "completes" }));
    payload["times"] = json!(3);
    let (answers, scheduled) = asked(&host, payload.clone());
    assert_eq!((answers.as_array().unwrap().len(), scheduled.as_array().unwrap().len()), (3, 3));
    assert_ne!(scheduled[0]["taskId"], scheduled[1]["taskId"]);
    assert_eq!(scheduled[0]["options"], json!({}));

    payload["idempotency-key"] = json!("once");
    let (answers, scheduled) = asked(&host, payload);
    assert_eq!((&answers[0], scheduled.as_array().unwrap().len()), (&answers[2], 1));
}

#[test]
fn an_attempt_that_does_not_complete_has_asked_for_nothing() {
    let host = world(json!(["target"]));
    let mut payload = task("target", json!({ "probe": "completes" }));
    payload["fail"] = json!(1);
    let report = host.probe(payload).arg("--json").finish().exits(1).report();
    assert_eq!((&report["outcome"], &report["scheduled"]), (&json!("failed"), &json!([])));
}

/// Without `--json` there is nobody to be told but the log.
#[test]
fn the_result_alone_is_on_stdout() {
    let host = world(json!(["target"]));
    let printed = host.probe(task("target", json!({ "probe": "completes" }))).finish().exits(0);
    assert!(printed.stdout().starts_with(r#"{"answers":[{"id":""#), "{}", printed.stdout());
    insta::assert_snapshot!(printed.stderr(), @"prober completed in [time and memory]");
}

#[test]
fn the_other_jobs_own_rules_apply() {
    let host = world(json!(["target", "echo", "nowhere", "broken"]));
    let completes = || json!({ "probe": "completes" });
    insta::assert_snapshot!(refusal(&host, task("echo", json!({}))), @r#"Rejected("source_not_allowed: source `job:prober` may not schedule `echo`, expected one of `api`, `dashboard`, `scheduler`, `ci`")"#);
    insta::assert_snapshot!(refusal(&host, task("nowhere", json!({}))), @r#"Rejected("unknown_job: there is no job `nowhere` here")"#);
    insta::assert_snapshot!(refusal(&host, task("target", json!({}))), @r#"Rejected("payload_invalid: the payload of `target` is not what it accepts: at `/jobPayload` found none of that name, expected the field `probe`")"#);
    insta::assert_snapshot!(refusal(&host, task("target", json!({ "probe": 7 }))), @r#"Rejected("payload_invalid: the payload of `target` is not what it accepts: at `/jobPayload/probe` found a number, expected a string")"#);
    insta::assert_snapshot!(refusal(&host, task("target", json!([]))), @r#"Rejected("wrong_type: `/jobPayload` is an array, expected an object")"#);
    let mut urgent = task("target", completes());
    urgent["priority"] = json!(10);
    insta::assert_snapshot!(refusal(&host, urgent), @r#"Rejected("the option `priority` is 10, expected 0 (last) to 9 (first)")"#);
    let mut nameless = task("target", completes());
    nameless["idempotency-key"] = json!("");
    insta::assert_snapshot!(refusal(&host, nameless), @r#"Rejected("the option `idempotencyKey` is empty, expected a line of 1 to 200 characters")"#);
    host.module("broken", b"no module");
    insta::assert_snapshot!(refusal(&host, task("broken", json!({}))), @r#"Rejected("module_not_wasm: the host cannot run such a task")"#);
    host.settings("");
    insta::assert_snapshot!(refusal(&host, task("target", completes())), @r#"Rejected("missing_configuration: `target` requires the configuration key `needed`, expected it from the host's settings alone, found none there")"#);
}

#[test]
fn a_job_that_no_grant_names_is_not_even_looked_for() {
    let host = world(json!(["target"]));
    let refused = refusal(&host, task("echo", json!({})));
    assert_eq!(refused, refusal(&host, task("nowhere", json!({}))).replace("nowhere", "echo"));
    insta::assert_snapshot!(refused, @r#"NotGranted("denied a task of `echo`: the job may ask for `target`")"#);
}

/// Payloads are stored and shown.
#[test]
fn a_task_does_not_carry_a_secret() {
    let host = world(json!(["target"]));
    let payload = task("target", json!({ "probe": "completes", "note": format!("it is {CANARY}") }));
    let envelope = json!({
        "configuration": { "secret": CANARY }, "jobName": "prober", "source": "api", "jobPayload": payload,
    });
    let report = host.run(&envelope).arg("--json").finish().exits(0).report();
    assert_eq!(report["scheduled"], json!([]));
    insta::assert_snapshot!(report["result"]["answers"][0]["refused"].as_str().unwrap(), @r#"Rejected("the payload has one of the job's secrets in it, expected none: payloads are shown")"#);
}

/// What a job may ask for is not for others to ask for in its name: a running host takes `job:NAME` from nobody else. Here
/// the operator says who asks, and the job's list is what counts.
#[test]
fn an_e_mail_may_be_asked_for_by_those_in_its_list() {
    let company = Company::at(&[("email", "https://127.0.0.2:9".to_owned())]);
    let welcome =
        json!({ "template": "welcome", "to": "a@acme.example", "variables": { "account": "acme" } });
    for (source, exit) in [
        ("api", 1),
        ("dashboard", 1),
        ("job:account-bandwidth", 1),
        ("scheduler", 3),
        ("job:edge-logs", 3),
        ("job:", 3),
    ] {
        let printed = company.host.run(&envelope("send-email", source, welcome.clone())).finish().exits(exit);
        let code = if exit == 3 { "error[source_not_allowed]" } else { "error[job_failed]" };
        assert!(printed.stderr().contains(code), "{source}: {}", printed.stderr());
    }
}
