//! How a host stops for its clients.

use super::{echo, enqueue, probe};
use crate::host::TestHost;
use crate::serving::ALL_ROLES;
use serde_json::json;

#[test]
fn a_host_that_stops_takes_nothing_and_answers_until_its_attempts_have_ended() {
    let host = TestHost::with_probes(json!({}));
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let id = enqueue(&http, &probe(json!({ "probe": "sleeps", "ms": 50_000 })));
    let mut log = http.follow(&format!("/v1/tasks/{id}/log?follow"), &[]);
    assert_eq!(log.expect("line")["message"], "ready");
    serving.ask_to_stop();
    // The signal is another way than the requests: it is there when the host says so.
    while http.get("/readyz").status == 200 {
        std::thread::yield_now();
    }
    http.get("/readyz").is_problem(503, "stopping");
    http.get("/healthz").is(200);
    http.post("/v1/tasks", &echo(json!({}))).is_problem(503, "stopping");
    http.post("/v1/tasks/batch", &json!({ "tasks": [echo(json!({}))] })).is_problem(503, "stopping");
    assert_eq!(http.get(&format!("/v1/tasks/{id}")).is(200).json()["state"], "running");
    // What runs can still be cancelled, and whoever follows it sees its end.
    http.post(&format!("/v1/tasks/{id}/cancel"), &json!({})).is(202);
    assert_eq!(log.expect("end")["state"], "cancelled");
    serving.stop();
}
