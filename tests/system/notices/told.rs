//! What is told, and what not.

use super::{GRANTED, Webhook};
use crate::api::{echo, ended, enqueue, probe};
use crate::host::{CANARY, TestHost, envelope};
use crate::http::Http;
use rustix::process::{Resource, Rlimit, prlimit};
use serde_json::{Value, json};
use std::fs;

const ALL: &[&str] = &["rejected", "failed", "host-error"];

/// A request for a task that has one attempt, and fails for good.
fn failing(http: &Http) -> String {
    let mut request = probe(json!({ "probe": "tells_secrets", "place": "failed" }));
    request["envelope"]["configuration"] = json!({ "secret": GRANTED, "other": CANARY });
    request["options"] = json!({ "maxAttempts": 1 });
    let id = enqueue(http, &request);
    assert_eq!(ended(http, &id)["state"], "failed");
    id
}

/// A request that is not taken.
#[track_caller]
fn rejected(http: &Http) {
    let payload = json!({ "of somebody": CANARY });
    http.post("/v1/tasks", &json!({ "envelope": envelope("ecko", "api", payload) })).is(404);
}

#[test]
fn an_envelope_that_is_not_taken() {
    let (host, webhook) = (TestHost::new(), Webhook::start(|_| 204));
    let serving = host.serve(&webhook.settings(ALL));
    rejected(&serving.http());
    let notice = webhook.next();
    notice.is("envelope-rejected", "unknown_job");
    insta::assert_snapshot!(notice.fields(), @"at code detail host job kind source");
    assert_eq!(notice.body["detail"], "there is no job `ecko` here");
    assert_eq!(notice.body["source"], "api");
    assert!(notice.id.starts_with("msg_") && notice.id.len() > 20, "{}", notice.id);
    let name = serving.http().get("/v1/stats").is(200).json()["host"].clone();
    assert_eq!(notice.body["host"], name, "who this is");
    serving.stop();
}

#[test]
fn a_task_that_failed_for_good() {
    let (host, webhook) = (TestHost::with_probes(json!({})), Webhook::start(|_| 204));
    let serving = host.serve(&webhook.settings(ALL));
    let http = serving.http();
    let id = failing(&http);
    let notice = webhook.next();
    notice.is("attempt-ended", "job_failed");
    insta::assert_snapshot!(
        notice.fields(),
        @"at attempt code host job kind message outcome reason runMs state taskId waitMs"
    );
    let of = |field: &str| notice.body[field].clone();
    assert_eq!((of("taskId"), of("job"), of("attempt")), (json!(id), json!("prober"), json!(1)));
    assert_eq!((of("outcome"), of("state")), (json!("failed"), json!("failed")));
    assert!(of("message").as_str().is_some_and(|message| message.contains("***")), "{notice:?}");
    assert!(of("at").as_str().is_some_and(|at| at.len() == 24 && at.ends_with('Z')), "{notice:?}");

    // One that ends in another way is nobody's trouble: the next that is told comes after it.
    let id = enqueue(&http, &probe(json!({ "probe": "completes" })));
    assert_eq!(ended(&http, &id)["state"], "completed");
    http.post("/v1/pause", &json!({})).is(200);
    let id = enqueue(&http, &probe(json!({ "probe": "completes" })));
    http.post(&format!("/v1/tasks/{id}/cancel"), &json!({})).is(200);
    rejected(&http);
    webhook.next().is("envelope-rejected", "unknown_job");
    serving.stop();
}

#[test]
fn only_the_last_attempt_is_for_good() {
    let (host, webhook) =
        (TestHost::with_probes(json!({ "retry": { "base": "1ms" } })), Webhook::start(|_| 204));
    let serving = host.serve(&webhook.settings(&["failed"]));
    let http = serving.http();
    let mut request = probe(json!({ "probe": "panics", "text": "again" }));
    request["options"] = json!({ "maxAttempts": 3 });
    let id = enqueue(&http, &request);
    assert_eq!(ended(&http, &id)["attempts"].as_array().map(Vec::len), Some(3));
    let notice = webhook.next();
    notice.is("attempt-ended", "guest_panicked");
    assert_eq!((&notice.body["attempt"], &notice.body["taskId"]), (&json!(3), &json!(id)));
    serving.stop();
}

/// A folder that goes away is the host's trouble, and no end of the task while there are attempts left.
#[test]
fn an_attempt_that_the_host_could_not_run() {
    let webhook = Webhook::start(|_| 204);
    let grants = json!({ "files": [{ "mount": "logs", "access": "read" }] });
    let host = TestHost::with_probes(json!({ "grants": grants }));
    host.folder("logs");
    let logs = "[files.logs]\npath = \"logs\"\naccess = \"read\"\n";
    let serving = host.serve(&format!("{}{logs}", webhook.settings(&["host-error"])));
    let http = serving.http();
    fs::remove_dir(host.path("logs")).expect("it is there");
    let mut once = probe(json!({ "probe": "completes" }));
    once["options"] = json!({ "maxAttempts": 2 });
    let id = enqueue(&http, &once);
    let notice = webhook.next();
    notice.is("attempt-ended", "mount_unavailable");
    let of = |field: &str| notice.body[field].clone();
    assert_eq!((of("taskId"), of("outcome"), of("state")), (json!(id), json!("host-error"), json!("queued")));

    // The last attempt is told as well, though it is the end of the task and only `host-error` is wanted.
    once["options"] = json!({ "maxAttempts": 1 });
    let id = enqueue(&http, &once);
    assert_eq!(ended(&http, &id)["state"], "failed");
    let last = loop {
        let notice = webhook.next();
        if notice.body["taskId"] == json!(id) {
            break notice;
        }
    };
    assert_eq!((&last.body["outcome"], &last.body["state"]), (&json!("host-error"), &json!("failed")));
    serving.stop();
}

/// Without a byte of space, as it is for a process whose files may have none.
#[test]
fn a_store_that_cannot_write() {
    let (host, webhook) = (TestHost::new(), Webhook::start(|_| 204));
    let serving = host.serve(&webhook.settings(ALL));
    let http = serving.http();
    let limit = |bytes| {
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(Some(serving.pid()), Resource::Fsize, limit).expect("it is our own process");
    };
    limit(Some(0));
    http.post("/v1/tasks", &echo(json!({}))).is_problem(503, "store_unavailable");
    let notice = loop {
        let notice = webhook.next();
        assert_eq!(notice.body["kind"], "host-error");
        // The dispatch may have met it first.
        if notice.body["code"] == "store_unavailable" {
            break notice;
        }
    };
    insta::assert_snapshot!(notice.fields(), @"at code host kind message");
    assert!(notice.body["message"].as_str().is_some_and(|message| !message.is_empty()), "{notice:?}");
    limit(None);
    let id = enqueue(&http, &echo(json!({ "n": 1 })));
    assert_eq!(ended(&http, &id)["state"], "completed");
    serving.stop();
}

/// What happens first is not told, so the first that is told is what happens second.
#[test]
fn only_what_is_wanted() {
    let first_told = |settings: &dyn Fn(&Webhook) -> String, events: &[fn(&Http)]| -> Value {
        let (host, webhook) = (TestHost::with_probes(json!({})), Webhook::start(|_| 204));
        let serving = host.serve(&settings(&webhook));
        for event in events {
            event(&serving.http());
        }
        let told = webhook.next().body["kind"].clone();
        serving.stop();
        told
    };
    let failed: fn(&Http) = |http| drop(failing(http));
    assert_eq!(
        first_told(&|webhook| webhook.settings(&["rejected"]), &[failed, rejected]),
        "envelope-rejected"
    );
    assert_eq!(first_told(&|webhook| webhook.settings(&["failed"]), &[rejected, failed]), "attempt-ended");
    // Where nothing is said, what is for people: clients are told themselves that theirs was rejected.
    let by_default = |webhook: &Webhook| {
        let settings = webhook.settings(&[]);
        settings.lines().filter(|line| !line.starts_with("on = ")).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(first_told(&by_default, &[rejected, failed]), "attempt-ended");
}
