//! Tasks of one key, of which only some run at a time.

use super::{ended, enqueue, probe};
use crate::host::TestHost;
use crate::http::Http;
use crate::serving::ALL_ROLES;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

fn sleeps(account: Value, ms: u64) -> Value {
    let mut request = probe(json!({ "probe": "sleeps", "ms": ms }));
    if !account.is_null() {
        request["envelope"]["jobPayload"]["account"] = account;
    }
    request
}

fn state(http: &Http, id: &str) -> Value {
    http.get(&format!("/v1/tasks/{id}")).is(200).json()["state"].clone()
}

const LONG: u64 = 600_000;

#[test]
fn of_one_key_one_runs_and_others_run_beside() {
    let host = TestHost::with_probes(json!({ "run": { "concurrency-key": "/account" } }));
    let serving = host.serve(&format!("{ALL_ROLES}\nqueue.slots = 16\nserver.stop-grace = \"1ms\""));
    let http = serving.http();
    let manifest = http.get("/v1/jobs/prober").is(200).json()["manifest"].clone();
    assert_eq!(manifest["run"], json!({ "concurrency-key": "/account" }));
    let mut starts = http.follow("/v1/events?job=prober&kind=attempt-started", &[]);
    let mut started = |count: usize| -> BTreeSet<String> {
        let ids = (0..count)
            .map(|_| starts.expect("attempt-started")["taskId"].as_str().expect("an id").to_owned());
        ids.collect()
    };
    let mut of = |account: Value| enqueue(&http, &sleeps(account, LONG));
    // All others come after the second of `acme`, and run before it.
    let (first, second) = (of(json!("acme")), of(json!("acme")));
    let beside =
        [json!("globex"), json!(1), json!("1"), json!(null), json!(null), json!({ "a": [1] })].map(&mut of);
    let waiting = of(json!({ "a": [ 1 ] }));
    let expected: BTreeSet<String> = beside.iter().cloned().chain([first.clone()]).collect();
    assert_eq!(started(expected.len()), expected);
    assert_eq!((state(&http, &first), state(&http, &second)), (json!("running"), json!("queued")));
    assert_eq!(state(&http, &waiting), "queued");

    http.post(&format!("/v1/tasks/{first}/cancel"), &json!({})).is(202);
    assert_eq!(started(1), [second.clone()].into());
    assert!(beside.iter().all(|id| state(&http, id) == "running"), "nobody else had to end");
    http.post(&format!("/v1/tasks/{}/cancel", beside[5]), &json!({})).is(202);
    assert_eq!(started(1), [waiting].into());
    serving.stop();
}

#[test]
fn no_two_attempts_of_one_key_overlap() {
    let host = TestHost::with_probes(json!({ "run": { "concurrency-key": "/account" } }));
    let serving = host.serve(&format!("{ALL_ROLES}\nqueue.slots = 16"));
    let http = serving.http();
    let tasks: Vec<Value> =
        (0..60).map(|index| sleeps(json!(["acme", "globex", "initech"][index % 3]), 5)).collect();
    let taken = http.post("/v1/tasks/batch", &json!({ "tasks": tasks })).is(202).json();
    let mut attempts: BTreeMap<usize, Vec<(String, String)>> = BTreeMap::new();
    for (index, id) in taken["taskIds"].as_array().expect("a list").iter().enumerate() {
        let task = ended(&http, id.as_str().expect("an id"));
        assert_eq!(task["state"], "completed");
        let time = |field: &str| task["attempts"][0][field].as_str().expect("a time").to_owned();
        attempts.entry(index % 3).or_default().push((time("startedAt"), time("finishedAt")));
    }
    for of_one_key in attempts.values_mut() {
        of_one_key.sort();
        assert_eq!(of_one_key.len(), 20);
        for pair in of_one_key.windows(2) {
            assert!(pair[0].1 <= pair[1].0, "{pair:?} overlap");
        }
    }
    serving.stop();
}

#[test]
fn as_many_of_one_key_run_as_the_job_says() {
    let run = json!({ "concurrency-key": "/account", "max-concurrency-per-key": 2 });
    let host = TestHost::with_probes(json!({ "run": run }));
    let serving = host.serve(&format!("{ALL_ROLES}\nqueue.slots = 16\nserver.stop-grace = \"1ms\""));
    let http = serving.http();
    let mut starts = http.follow("/v1/events?job=prober&kind=attempt-started", &[]);
    let mut started = || starts.expect("attempt-started")["taskId"].as_str().expect("an id").to_owned();
    // A long value is as good as a short one.
    let account = "acme".repeat(100);
    let ids: Vec<String> = (0..3).map(|_| enqueue(&http, &sleeps(json!(account), LONG))).collect();
    let other = enqueue(&http, &sleeps(json!(format!("{account}!")), LONG));
    let running: BTreeSet<String> = (0..3).map(|_| started()).collect();
    assert_eq!(running, [ids[0].clone(), ids[1].clone(), other].into());
    assert_eq!(state(&http, &ids[2]), "queued");
    http.post(&format!("/v1/tasks/{}/cancel", ids[1]), &json!({})).is(202);
    assert_eq!(started(), ids[2]);
    serving.stop();
}
