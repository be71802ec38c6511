//! Tokens of the store, and the audit of who wanted what.

use super::{echo, ended, enqueue};
use crate::host::TestHost;
use crate::http::Http;
use crate::serving::Serving;
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};

const ADMIN: &str = "server.source = \"api\"\nserver.roles = [\"enqueue\", \"read\", \"operate\", \"admin\"]";

/// A token, by the command of whoever may; its id and all of it.
#[track_caller]
pub(super) fn create(serving: &Serving<'_>, args: &[&str]) -> (String, String) {
    let args = [&["token", "create", "--json"], args].concat();
    let made = serving.command(&args).finish().exits(0).json();
    let text = |field: &str| made[field].as_str().expect("a text").to_owned();
    (text("id"), text("token"))
}

pub(super) fn with(serving: &Serving<'_>, token: &str) -> Http {
    Http::new(serving.address()).with_token(token)
}

fn of(source: &str, job: &str) -> Value {
    let mut request = echo(json!({ "n": 1 }));
    request["envelope"]["source"] = json!(source);
    request["envelope"]["jobName"] = json!(job);
    request
}

#[test]
fn a_token_is_good_for_its_source_its_jobs_and_its_roles() {
    let host = TestHost::with_jobs(&["echo", "edge-logs", "send-email"]);
    let serving = host.serve(ADMIN);
    let (id, token) = create(&serving, &["--source", "ci", "--role", "enqueue", "--jobs", "echo,edge-logs"]);
    assert!(token.starts_with(&format!("mw_{id}_")), "its name is in it");
    let ci = with(&serving, &token);

    let task = enqueue(&ci, &of("ci", "echo"));
    assert_eq!(ended(&ci, &task)["requestedBy"], json!(format!("token:{id}")));
    ci.post("/v1/tasks", &of("api", "echo")).is_problem(403, "source_mismatch");
    ci.post("/v1/tasks", &of("ci", "send-email")).is_problem(403, "source_not_allowed");
    ci.post("/v1/tokens", &json!({ "source": "ci", "roles": ["admin"] })).is_problem(403, "role_missing");
    ci.get("/v1/tokens").is_problem(403, "role_missing");
    ci.get("/v1/audit").is_problem(403, "role_missing");

    let listed = serving.http().get("/v1/tokens").is(200);
    assert!(!listed.body.contains(&token), "its secret is shown");
    let listed = listed.json()["tokens"][0].clone();
    assert_eq!(
        (&listed["id"], &listed["state"], &listed["source"], &listed["jobs"]),
        (&json!(id), &json!("good"), &json!("ci"), &json!(["echo", "edge-logs"]))
    );
    assert_eq!((&listed["createdBy"], &listed["roles"]), (&json!("settings"), &json!(["enqueue"])));
    assert!(listed["lastUsedAt"].is_string(), "{listed}");
    let stderr = serving.stop();
    assert!(!stderr.contains(&token[16..]), "{stderr}");
}

#[test]
fn charges_cannot_be_asked_for_by_any_token() {
    let host = TestHost::with_jobs(&["charge-accounts", "echo"]);
    let serving = host.serve(ADMIN);
    let mut told = serving.http().follow("/v1/events?kind=envelope-rejected", &[]);
    for source in ["api", "dashboard", "ci"] {
        let (_, any) = create(&serving, &["--source", source, "--role", "enqueue"]);
        let jobs = ["--source", source, "--role", "enqueue", "--jobs", "charge-accounts,echo"];
        let (_, of_it) = create(&serving, &jobs);
        let charge = of(source, "charge-accounts");
        for http in [&any, &of_it].map(|token| with(&serving, token)) {
            http.post("/v1/tasks", &charge).is_problem(403, "source_not_allowed");
            let batch = json!({ "tasks": [of(source, "echo"), charge] });
            let refused = http.post("/v1/tasks/batch", &batch).is_problem(403, "source_not_allowed");
            assert_eq!((&refused["index"], &refused["pointer"]), (&json!(1), &json!("/source")));
            for _ in 0..2 {
                let told = told.expect("envelope-rejected");
                assert_eq!(
                    (&told["code"], &told["job"], &told["source"]),
                    (&json!("source_not_allowed"), &json!("charge-accounts"), &json!(source))
                );
            }
            // Who says to be the scheduler is not.
            http.post("/v1/tasks", &of("scheduler", "charge-accounts")).is_problem(403, "source_mismatch");
            told.expect("envelope-rejected");
        }
    }
    for source in ["scheduler", "job:echo", "operator", "API"] {
        let args = ["token", "create", "--source", source, "--role", "enqueue"];
        let failed = serving.command(&args).finish().exits(2);
        assert!(failed.stderr().contains("error[token_invalid]"), "{}", failed.stderr());
    }
    assert_eq!(serving.http().get("/v1/tasks").is(200).json()["tasks"], json!([]), "nothing is stored");
    serving.stop();
}

#[test]
fn a_token_that_is_none_any_more_lets_nobody_in() {
    let host = TestHost::new();
    let serving = host.serve(ADMIN);
    let (id, token) = create(&serving, &["--source", "ci", "--role", "read"]);
    let (_, other) = create(&serving, &["--source", "ci", "--role", "read", "--expires", "2s"]);
    with(&serving, &token).get("/v1/tasks").is(200);

    let revoked = serving.command(&["token", "revoke", &id]).finish().exits(0);
    assert_eq!(revoked.stdout(), format!("{id} revoked\n"));
    let revoked = serving.command(&["token", "revoke", &id]).finish().exits(0);
    assert_eq!(revoked.stdout(), format!("{id} already\n"));
    serving.command(&["token", "revoke", "000000000000"]).finish().exits(1);
    let ends = Instant::now() + Duration::from_secs(30);
    while with(&serving, &other).get("/v1/tasks").status == 200 {
        assert!(Instant::now() < ends, "it never ends");
        thread::sleep(Duration::from_millis(50));
    }
    let look_alike = token.to_uppercase();
    let longer = format!("{token}0");
    for none in [token.as_str(), &other, &token[..token.len() - 1], &look_alike, &longer, &id] {
        with(&serving, none).get("/v1/tasks").is_problem(401, "unauthenticated");
    }
    // Also after a restart.
    serving.stop();
    let serving = host.serve(ADMIN);
    with(&serving, &token).get("/v1/tasks").is_problem(401, "unauthenticated");
    serving.stop();
}

#[test]
fn the_first_token_is_made_while_no_host_runs() {
    let host = TestHost::new();
    let create =
        ["token", "create", "--data", "data", "--source", "ops", "--role", "admin", "--role", "read"];
    let made = host.mainworker(&create).finish().exits(0);
    let token = made.stdout().trim_end().to_owned();
    host.write("empty.toml", "");
    let serving = host.serve_written("empty.toml");
    let http = with(&serving, &token);
    let listed = http.get("/v1/tokens").is(200).json();
    assert_eq!(listed["tokens"][0]["createdBy"], "operator");
    http.post("/v1/tokens", &json!({ "source": "api", "roles": ["enqueue"] })).is(201);

    // The folder is the running host's, which makes it by itself when it is asked over its socket.
    let other = host.mainworker(&create).finish().exits(0);
    with(&serving, other.stdout().trim_end()).get("/v1/tokens").is(200);
    std::fs::remove_file(host.path("data/host.sock")).unwrap();
    let failed = host.mainworker(&create).finish().exits(2);
    assert!(failed.stderr().contains("error[store_in_use]"), "{}", failed.stderr());
    serving.stop();
}

#[test]
fn the_audit_says_who_wanted_what() {
    let host = TestHost::new();
    let serving = host.serve(ADMIN);
    let http = serving.http();
    let (id, token) = create(&serving, &["--source", "ops", "--role", "operate", "--role", "read"]);
    let ops = with(&serving, &token);
    ops.post("/v1/pause", &json!({})).is(200);
    let task = enqueue(&http, &echo(json!({})));
    ops.post(&format!("/v1/tasks/{task}/cancel"), &json!({})).is(200);
    ops.post(&format!("/v1/tasks/{task}/cancel"), &json!({})).is(200);
    ops.post(&format!("/v1/tasks/{task}/retry"), &json!({})).is(202);
    ops.post("/v1/resume", &json!({})).is(200);
    ended(&http, &task);

    let lines = |args: &[&str]| -> Vec<String> {
        let args = [&["audit", "--json"], args].concat();
        let printed = serving.command(&args).finish().exits(0);
        let entries = printed.stdout().lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        entries.map(|entry| format!("{} {} {}", entry["actor"], entry["action"], entry["object"])).collect()
    };
    let actor = format!("token:{id}");
    let by = |action: &str, object: &str| format!("\"{actor}\" \"{action}\" \"{object}\"");
    let created = format!("\"settings\" \"token-created\" \"{id}\"");
    let expected = [
        by("resumed", ""),
        by("task-retried", &task),
        by("task-cancelled", &task),
        by("paused", ""),
        created.clone(),
    ];
    assert_eq!(lines(&[]), expected, "the newest first; what changed nothing is no entry");
    assert_eq!(lines(&["--actor", "settings"]), [created]);
    assert_eq!(lines(&["--kind", "task", "--object", &task]).len(), 2);
    assert_eq!(lines(&["--action", "paused"]).len(), 1);
    http.get("/v1/audit?action=pausd").is_problem(400, "bad_filter");
    http.get("/v1/audit?cursor=x").is_problem(400, "bad_cursor");
    serving.stop();
}
