//! Tables and JSON of what there is.

use super::{echo, probe, queue, steady};
use crate::api::ended;
use crate::host::{CANARY, TestHost};
use crate::serving::{ALL_ROLES, Serving};
use serde_json::{Value, json};

/// What a command prints on stdout and stderr.
#[track_caller]
fn printed(serving: &Serving<'_>, args: &[&str]) -> (String, String) {
    let printed = serving.command(args).finish().exits(0);
    (printed.stdout().to_owned(), printed.stderr())
}

#[track_caller]
fn listed(serving: &Serving<'_>, flags: &[&str]) -> Vec<Value> {
    let printed = serving.command(&[&["list", "--json"], flags].concat()).finish().exits(0);
    let list: Value = serde_json::from_str(printed.stdout()).expect("one JSON value");
    list.as_array().expect("an array").clone()
}

#[test]
fn tasks_are_listed_the_newest_first() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    http.post("/v1/pause", &json!({})).is(200);
    let first = queue(&host, &serving, &echo(json!({})), &["--label", "May 2015", "--tag", "billing"]);
    let second = queue(&host, &serving, &echo(json!({})), &["--delay", "2h", "--tag", "billing"]);
    let third = queue(&host, &serving, &echo(json!({})), &["--label", "Überweisung 5"]);
    http.post(&format!("/v1/tasks/{third}/cancel"), &json!({})).is(200);
    let ids = [first.as_str(), &second, &third];

    let (table, said) = printed(&serving, &["list"]);
    assert_eq!(said, "");
    let column = table.find("STATE").expect("a header");
    for line in table.lines().skip(1) {
        assert!(line[column..].starts_with("queued ") || line[column..].starts_with("cancelled "), "{table}");
    }
    insta::assert_snapshot!(steady(&table, &ids), @"
    TASK JOB STATE OUTCOME LABEL AGE WAIT RUN
    [task 2] echo cancelled Überweisung 5 [time]
    [task 1] echo queued [time] in 1h 59m
    [task 0] echo queued May 2015 [time] [time]
    ");
    let list = listed(&serving, &[]);
    let listed_ids: Vec<&str> = list.iter().filter_map(|task| task["taskId"].as_str()).collect();
    assert_eq!(listed_ids, [third.as_str(), &second, &first]);
    assert_eq!(json!(list), http.get("/v1/tasks").json()["tasks"], "as the host says it");

    // Fewer than there are.
    let (table, said) = printed(&serving, &["list", "--limit", "2"]);
    assert_eq!(
        (table.lines().count(), said.as_str()),
        (3, "there are more: `--limit N` or `--all` shows them")
    );
    assert_eq!(listed(&serving, &["--limit", "3"]).len(), 3);
    let (_, said) = printed(&serving, &["list", "--limit", "3", "--json"]);
    assert_eq!(said, "", "there are no more");
    for (flags, expected) in [
        (&["--state", "queued"][..], vec![&second, &first]),
        (&["--state", "queued,cancelled", "--tag", "billing"], vec![&second, &first]),
        (&["--label", "May 2015"], vec![&first]),
        (&["--outcome", "cancelled"], vec![&third]),
        (&["--job", "echo", "--source", "api", "--from", "1h"], vec![&third, &second, &first]),
        (&["--to", "1h"], vec![]),
        (&["--longer-than", "1ms"], vec![]),
    ] {
        let list = listed(&serving, flags);
        let found: Vec<_> = list.iter().map(|task| task["taskId"].as_str().expect("an id")).collect();
        assert_eq!(found, expected, "{flags:?}");
    }
    let (table, said) = printed(&serving, &["list", "--job", "edge-logs"]);
    assert_eq!((table.as_str(), said.as_str()), ("", "no task fits"));
    assert_eq!(
        printed(&serving, &["list", "--job", "edge-logs", "--json"]),
        ("[]\n".to_owned(), String::new())
    );
    serving.stop();
}

#[test]
fn all_is_more_than_a_page() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    http.post("/v1/pause", &json!({})).is(200);
    http.post("/v1/tasks/batch", &json!({ "tasks": vec![echo(json!({})); 1_201] })).is(202);
    assert_eq!(listed(&serving, &["--all"]).len(), 1_201);
    let (table, said) = printed(&serving, &["list", "--all"]);
    assert_eq!((table.lines().count(), said.as_str()), (1_202, ""), "one header for all pages");
    assert_eq!(listed(&serving, &["--limit", "1000"]).len(), 1_000);
    assert_eq!(listed(&serving, &[]).len(), 50);
    serving.stop();
}

#[test]
fn a_task_is_shown() {
    let host = TestHost::with_probes(json!({ "retry": { "base": "1ms" } }));
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let flags = ["--max-attempts", "2", "--label", "first", "--tag", "x", "--tag", "y", "--priority", "3"];
    let mut failing = probe(json!({ "probe": "tells_secrets", "place": "failed" }));
    failing["envelope"]["configuration"] = json!({ "secret": CANARY });
    let failed = queue(&host, &serving, &failing, &flags);
    let completed = queue(&host, &serving, &probe(json!({ "probe": "completes" })), &[]);
    for id in [&failed, &completed] {
        ended(&http, id);
        let shown = serving.command(&["status", id, "--json"]).finish().exits(0).json();
        assert_eq!(shown, http.get(&format!("/v1/tasks/{id}")).json(), "as the host says it");
    }
    let name = http.get("/v1/stats").json()["host"].as_str().expect("a name").to_owned();
    let card = |id: &str| {
        let (card, said) = printed(&serving, &["status", id]);
        assert_eq!(said, "");
        let card = card.replace(&format!("on {name}"), "on [host]");
        steady(&card, &[id])
    };
    insta::assert_snapshot!(card(&completed), @r#"
    task [task 0]
    job prober [revision]
    state completed
    outcome completed
    source api
    priority 0
    accepted [moment] ([time] ago)
    started [moment] ([time] ago)
    finished [moment] ([time] ago)
    result {"attempt":1}
    attempt 1/5 completed · waited [time] · ran [time] · cpu [time] · peak memory [size] · on [host]
    "#);
    insta::assert_snapshot!(card(&failed), @"
    task [task 0]
    job prober [revision]
    state failed
    outcome failed
    source api
    label first
    tags x, y
    priority 3
    accepted [moment] ([time] ago)
    not before [moment] ([time] ago)
    started [moment] ([time] ago)
    finished [moment] ([time] ago)
    error job_failed: ***
    attempt 1/2 failed · waited [time] · ran [time] · cpu [time] · peak memory [size] · on [host]
    attempt 2/2 failed · waited [time] · ran [time] · cpu [time] · peak memory [size] · on [host]
    ");

    let unknown = serving.command(&["status", super::ID]).finish().exits(1);
    assert_eq!(unknown.stdout(), "");
    insta::assert_snapshot!(unknown.stderr(), @"
    error[unknown_task]: there is no task `01978f3c-7d1a-7c2e-9f00-0123456789ab` here
    hint: `mainworker list` lists tasks; those of other sources need the role `read`
    ");
    serving.stop();
}

#[test]
fn a_host_is_shown() {
    let host = TestHost::with_probes(json!({}));
    let serving = host.serve(&format!("{ALL_ROLES}\nqueue.slots = 3"));
    let http = serving.http();
    let done = queue(&host, &serving, &probe(json!({ "probe": "completes" })), &[]);
    ended(&http, &done);
    let running = queue(&host, &serving, &probe(json!({ "probe": "sleeps", "ms": 50_000 })), &[]);
    let mut log = http.follow(&format!("/v1/tasks/{running}/log?follow"), &[]);
    assert_eq!(log.expect("line")["message"], "ready");
    serving.command(&["pause", "prober"]).finish().exits(0);
    queue(&host, &serving, &probe(json!({ "probe": "completes" })), &[]);

    let stats = http.get("/v1/stats").is(200).json();
    let shown = serving.command(&["stats", "--json"]).finish().exits(0).json();
    for field in ["host", "version", "startedAt", "paused", "slots", "running", "tasks", "jobs"] {
        assert_eq!(shown[field], stats[field], "{field}");
    }
    let (table, said) = printed(&serving, &["stats"]);
    assert_eq!(said, "");
    let (name, version) = (stats["host"].as_str().expect("a name"), stats["version"].as_str().expect("one"));
    let table = table.replace(&format!(" {name} "), " [host] ").replace(version, "[version]");
    let stored = table.lines().find(|line| line.starts_with("stored")).expect("it is told").to_owned();
    insta::assert_snapshot!(steady(&table.replace(&stored, "stored [bytes]"), &[&running]), @"
    host [host] · mainworker [version]
    development for trying things out, not to be relied on
    serves since [moment] ([time] ago)
    running 1 of 3 slots
    tasks 1 queued · 1 running · 1 completed · 0 failed · 0 cancelled · 0 expired
    stored [bytes]

    RUNNING JOB ATTEMPT SINCE
    [task 0] prober 1 [time] ago

    JOB QUEUED RUNNING COMPLETED FAILED CANCELLED EXPIRED
    prober 1 1 1 0 0 0 paused
    ");
    serving.command(&["cancel", &running]).finish().exits(0);
    assert_eq!(log.expect("end")["state"], "cancelled");
    serving.stop();
}
