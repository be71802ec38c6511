//! Tasks that a job asks for.

use crate::support::harness::Harness;
use crate::support::run::{Run, result};
use mainworker_domain::configuration::GrantedValue;
use mainworker_sandbox::capabilities::schedule::Intake;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// Takes whatever has a payload without `bad`, and keeps the envelopes.
#[derive(Clone, Debug, Default)]
struct Door(Arc<Mutex<Vec<Value>>>);

impl Intake for Door {
    fn admit(&self, envelope: &[u8]) -> Result<String, String> {
        let envelope: Value = serde_json::from_slice(envelope).unwrap();
        if envelope["jobPayload"]["bad"].is_boolean() {
            return Err("payload_invalid: at `/jobPayload/bad` found a boolean".to_owned());
        }
        let mut taken = self.0.lock().unwrap();
        taken.push(envelope);
        Ok(format!("task-{}", taken.len()))
    }
}

fn asking(harness: &Harness, door: &Door, job: &str, payload: Value) -> Run {
    harness.probe(json!({ "probe": "asks_for_tasks", "job": job, "payload": payload })).intake(door.clone())
}

#[tokio::test]
async fn a_task_passes_the_door_as_any_other_and_is_there_when_the_attempt_completes() {
    let harness = Harness::shared().await;
    let door = Door::default();
    let report = asking(&harness, &door, "echo", json!({ "a": 1 }))
        .with("idempotency-key", "k")
        .with("times", 2)
        .end()
        .await;
    assert_eq!(
        result(&report)["answers"],
        json!([{ "id": "task-1" }, { "id": "task-1" }]),
        "the same key is the same task"
    );
    let envelope =
        json!({ "configuration": {}, "jobName": "echo", "source": "job:probes", "jobPayload": { "a": 1 } });
    assert_eq!(*door.0.lock().unwrap(), [envelope]);
    assert_eq!(report.scheduled.len(), 1);
    let task = &report.scheduled[0];
    assert_eq!(
        (task.task_id.as_str(), task.job.as_str(), task.source.as_str()),
        ("task-1", "echo", "job:probes")
    );
    assert_eq!(task.options.idempotency_key.as_deref(), Some("k"));

    let failed = asking(&harness, &door, "echo", json!({})).with("fail", 1).end().await;
    assert_eq!(failed.scheduled, [], "an attempt that fails has asked for nothing");
}

#[tokio::test]
async fn a_task_that_is_not_taken_is_refused_at_the_call() {
    let harness = Harness::shared().await;
    let door = Door::default();
    let refused = |answer: Value| answer[0]["refused"].as_str().unwrap_or_default().to_owned();

    let report = asking(&harness, &door, "send-email", json!({})).end().await;
    assert!(refused(result(&report)["answers"].clone()).contains("NotGranted"), "{report:?}");
    let log: String = report.log.iter().map(|line| format!("{}\n", line.message)).collect();
    assert!(log.contains("[grants]\nschedule = [\"echo\", \"send-email\"]"), "{log}");

    let bad =
        refused(asking(&harness, &door, "echo", json!({ "bad": true })).result().await["answers"].clone());
    assert!(bad.contains("payload_invalid: at `/jobPayload/bad`"), "{bad}");
    let urgent = refused(
        asking(&harness, &door, "echo", json!({})).with("priority", 10).result().await["answers"].clone(),
    );
    assert!(urgent.contains("`priority` is 10, expected 0 (last) to 9 (first)"), "{urgent}");

    let secret = GrantedValue {
        value: "canary-4b1d".to_owned().into(),
        secret: true,
        placeholder: false,
        of_host: true,
    };
    let told = asking(&harness, &door, "echo", json!({ "k": "x canary-4b1d" })).value("secret", secret);
    let told = refused(told.result().await["answers"].clone());
    assert!(told.contains("one of the job's secrets") && !told.contains("canary"), "{told}");

    let secret = GrantedValue {
        value: "canary-4b1d".to_owned().into(),
        secret: true,
        placeholder: false,
        of_host: true,
    };
    let told = asking(&harness, &door, "echo", json!({}))
        .with("idempotency-key", "CANARY-4b1d")
        .value("secret", secret);
    let told = refused(told.result().await["answers"].clone());
    assert!(told.contains("an option has one of the job's secrets"), "{told}");
    assert_eq!(door.0.lock().unwrap().len(), 0);
}

/// What an attempt asks for is held in host memory until it ends.
#[tokio::test]
async fn the_payloads_of_an_attempt_are_bounded_together() {
    let harness = Harness::shared().await;
    let run =
        asking(&harness, &Door::default(), "echo", json!({ "text": "x".repeat(250_000) })).with("times", 70);
    let report = run.end().await;
    let answers = result(&report)["answers"].clone();
    assert!(answers[60]["id"].is_string() && answers[69]["refused"].as_str().unwrap().contains("in all"));
    let held: usize = report.scheduled.iter().map(|task| task.payload.len()).sum();
    assert!(held <= 16 << 20, "{held}");
}

#[tokio::test]
async fn a_job_that_asks_for_too_many_tasks_is_told_and_goes_on() {
    let harness = Harness::shared().await;
    let (run, case) = harness.case("asks for more tasks than it may");
    let report = run.with("payload", json!({})).intake(Door::default()).end().await;
    case.check(&report);
    let answers = &result(&report)["answers"];
    assert_eq!((&answers[0]["id"], &answers[1]["id"]), (&json!("task-1"), &json!("task-2")));
    assert!(answers[2]["refused"].as_str().unwrap().contains("OverLimit"), "{answers}");
    assert_eq!(report.scheduled.len(), 2);
}
