//! Who may ask for what.

use super::{echo, enqueue, shown};
use crate::host::{CANARY, TestHost};
use crate::serving::ALL_ROLES;
use serde_json::{Value, json};

const ID: &str = "01978f3c-7d1a-7c2e-9f00-0123456789ab";

/// Every endpoint as the description names it: method, path with something in place of its parts, and whether anybody may ask.
fn endpoints(description: &Value) -> Vec<(String, String, bool)> {
    let mut endpoints = Vec::new();
    for (path, operations) in description["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let target = path.replace("{id}", ID).replace("{name}", "echo");
            endpoints.push((method.to_uppercase(), target, operation["security"] == json!([])));
        }
    }
    assert!(!endpoints.is_empty());
    endpoints
}

#[test]
fn without_its_token_only_what_tells_nothing_is_answered() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let nobody = serving.http().without_token();
    let description = nobody.get("/openapi.json").is(200).json();
    let wrong = format!("{}x", CANARY);
    for (method, target, open) in endpoints(&description) {
        for http in [nobody.clone(), nobody.with_token("wrong"), nobody.with_token("")] {
            let answer = http.ask(&method, &target, &[], "");
            if open {
                answer.is(200);
            } else {
                answer.is_problem(401, "unauthenticated");
                assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{method} {target}");
            }
        }
    }
    // A longer one that begins with it; another scheme.
    let header = [("authorization", format!("Bearer {wrong}")), ("authorization", format!("Basic {CANARY}"))];
    for (name, value) in &header {
        nobody.ask("GET", "/v1/tasks", &[(name, value)], "").is_problem(401, "unauthenticated");
    }
    serving.stop();
}

#[test]
fn a_role_that_is_missing_is_named() {
    let host = TestHost::new();
    let serving = host.serve("server.source = \"api\"\nserver.roles = [\"enqueue\"]");
    let http = serving.http();
    let id = enqueue(&http, &echo(json!({})));
    let problems = [
        shown(&http.get("/v1/stats").is_problem(403, "role_missing")),
        shown(&http.get("/v1/tasks?source=ci").is_problem(403, "role_missing")),
        shown(&http.post(&format!("/v1/tasks/{id}/retry"), &json!({})).is_problem(403, "role_missing")),
    ];
    insta::assert_snapshot!(problems.join("\n"), @r#"
    403 role_missing
      the credential of `api` has not the role `read`
      hint: use a token with that role: `mainworker token create --source … --role read`
    403 role_missing
      the credential of `api` has not the role `read`
      hint: use a token with that role: `mainworker token create --source … --role read`
    403 role_missing
      the credential of `api` has not the role `operate`
      hint: use a token with that role: `mainworker token create --source … --role operate`
    "#);
    serving.stop();
}

#[test]
fn a_host_without_a_token_is_closed() {
    let host = TestHost::new();
    host.write("closed.toml", "");
    let serving = host.serve_written("closed.toml");
    let http = serving.http();
    http.get("/healthz").is(200);
    http.get("/readyz").is(200);
    let problems = [
        shown(&http.get("/v1/tasks").is_problem(401, "unauthenticated")),
        shown(&http.without_token().post("/v1/tasks", &echo(json!({}))).is_problem(401, "unauthenticated")),
    ];
    insta::assert_snapshot!(problems.join("\n"), @r#"
    401 unauthenticated
      this host has no token, so nobody is let in
      hint: make one where the host's data folder is: `mainworker token create --data DIR --source api --role enqueue`
    401 unauthenticated
      this host has no token, so nobody is let in
      hint: make one where the host's data folder is: `mainworker token create --data DIR --source api --role enqueue`
    "#);
    serving.stop();
}

#[test]
fn a_source_sees_its_own_tasks_and_a_reader_all() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    serving.http().post("/v1/pause", &json!({})).is(200);
    let id = enqueue(&serving.http(), &echo(json!({})));
    serving.stop();

    let serving = host.serve("server.source = \"ci\"\nserver.roles = [\"enqueue\"]");
    let http = serving.http();
    let own = {
        let mut request = echo(json!({}));
        request["envelope"]["source"] = json!("ci");
        enqueue(&http, &request)
    };
    for target in
        [format!("/v1/tasks/{id}"), format!("/v1/tasks/{id}/log"), format!("/v1/tasks/{id}/log?follow")]
    {
        http.get(&target).is_problem(404, "unknown_task");
    }
    http.post(&format!("/v1/tasks/{id}/cancel"), &json!({})).is_problem(404, "unknown_task");
    let listed = http.get("/v1/tasks").is(200).json();
    assert_eq!(listed["tasks"].as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(listed["tasks"][0]["taskId"], json!(own));
    http.post(&format!("/v1/tasks/{own}/cancel"), &json!({})).is(200);
    serving.stop();

    let serving = host.serve("server.source = \"ci\"\nserver.roles = [\"read\"]");
    let http = serving.http();
    assert_eq!(http.get(&format!("/v1/tasks/{id}")).is(200).json()["source"], "api");
    assert_eq!(http.get("/v1/tasks").json()["tasks"].as_array().map(Vec::len), Some(2));
    assert_eq!(http.get("/v1/tasks?source=api").json()["tasks"][0]["taskId"], json!(id));
    for foreign_or_own in [&id, &own] {
        let answer = http.post(&format!("/v1/tasks/{foreign_or_own}/cancel"), &json!({}));
        answer.is_problem(403, "role_missing");
    }
    serving.stop();
}

#[test]
fn a_token_that_can_stand_for_nobody_is_refused_at_the_start() {
    let host = TestHost::new();
    let serve = |settings: &str| {
        host.settings(settings);
        let args = ["serve", "--settings", "mainworker.toml", "--data", "data"];
        host.mainworker(&args).finish().exits(2).stderr()
    };
    let said = [
        serve(""),
        serve("server.source = \"scheduler\""),
        serve("server.source = \"job:echo\""),
        serve("server.source = \"The API\""),
    ];
    insta::assert_snapshot!(said.join("\n"), @r#"
    error[settings_invalid]: reading the settings: `[server] token` stands for no source
    hint: add to the settings:
    [server]
    source = "api"
    error[settings_invalid]: reading the settings: `[server] source`: the source is `scheduler`, which no token can stand for
    hint: name whoever holds the token, such as `api`
    error[settings_invalid]: reading the settings: `[server] source`: the source is `job:echo`, which no token can stand for
    hint: name whoever holds the token, such as `api`
    error[settings_invalid]: reading the settings: `[server] source`: the source is `The API`, expected 1 to 63 of a-z, 0-9 and `-`, starting with a letter
    hint: name whoever holds the token, such as `api`
    "#);
}
