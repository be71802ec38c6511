//! Logs, read and followed.

use super::{Running, line_with, probe, queue};
use crate::api::ended;
use crate::host::TestHost;
use crate::serving::ALL_ROLES;
use serde_json::{Value, json};

/// An address of this test's own, so that nobody takes the port while no host listens there.
const OWN_ADDRESS: &str = "127.0.0.17";

#[test]
fn a_log_is_read() {
    let host = TestHost::with_probes(json!({ "retry": { "base": "1ms" } }));
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let id = queue(&host, &serving, &probe(json!({ "probe": "panics" })), &["--max-attempts", "2"]);
    ended(&http, &id);
    let read = serving.command(&["log", &id]).finish().exits(0);
    assert_eq!(read.stderr(), "");
    let lines: Vec<&str> = read
        .stdout()
        .lines()
        .filter(|line| line.contains("before the panic") || line.contains("──"))
        .collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(
        lines[0].starts_with(" info ") && lines[1] == "── attempt 2 ──" && lines[2] == lines[0],
        "{lines:?}"
    );
    let entries = serving.command(&["log", &id, "--json"]).finish().exits(0);
    let entries: Value = serde_json::from_str(entries.stdout()).expect("one JSON value");
    assert_eq!(entries, http.get(&format!("/v1/tasks/{id}/log")).json()["lines"], "as the host says it");

    // More than a page of the host's, and none at all.
    let flood = json!({ "probe": "floods_log", "lines": 1_000, "bytes": 1_000 });
    let id = queue(&host, &serving, &probe(flood), &[]);
    ended(&http, &id);
    assert_eq!(serving.command(&["log", &id]).finish().exits(0).stdout().lines().count(), 1_000);
    assert_eq!(serving.command(&["log", "-f", &id]).finish().exits(0).stdout().lines().count(), 1_000);
    let silent = queue(&host, &serving, &probe(json!({ "probe": "completes" })), &[]);
    ended(&http, &silent);
    let read = serving.command(&["log", &silent]).finish().exits(0);
    assert_eq!((read.stdout(), read.stderr().as_str()), ("", "it has no lines"));
    assert_eq!(serving.command(&["log", &silent, "--json"]).finish().exits(0).stdout(), "[]\n");
    http.post("/v1/pause", &json!({})).is(200);
    let waits = queue(&host, &serving, &probe(json!({ "probe": "completes" })), &[]);
    let read = serving.command(&["log", &waits]).finish().exits(0);
    assert_eq!((read.stdout(), read.stderr().as_str()), ("", "no line yet: `-f` waits for them"));
    serving.stop();
}

#[test]
fn a_log_is_followed_to_the_end_of_its_task() {
    let host = TestHost::with_probes(json!({}));
    let serving = host.serve(ALL_ROLES);
    let id = queue(&host, &serving, &probe(json!({ "probe": "sleeps", "ms": 50_000 })), &[]);
    let mut following = Running::start(&serving, &["log", "-f", &id]);
    let line = line_with(&following.stdout, "ready");
    assert!(line.starts_with(" info "), "{line}");
    serving.command(&["cancel", &id]).finish().exits(0);
    let (status, stdout, stderr) = following.ended();
    assert_eq!((status.code(), stdout.len()), (Some(0), 0), "{stdout:?} {stderr:?}");
    assert_eq!(stderr, ["the task is cancelled"]);
    serving.stop();
}

/// A host that stops, one that is killed, and one on which the task ends: whoever follows sees each line once.
#[test]
fn a_log_is_followed_over_restarts_of_its_host() {
    let host = TestHost::with_probes(json!({ "retry": { "base": "1ms" } }));
    let settings = format!("{ALL_ROLES}\nserver.stop-grace = \"1ms\"\n");
    host.settings(&settings);
    let mut serving = host.serve_at("mainworker.toml", &format!("{OWN_ADDRESS}:0"));
    let address = serving.address().to_string();
    let id = queue(&host, &serving, &probe(json!({ "probe": "sleeps", "ms": 50_000 })), &[]);
    let mut following = Running::start(&serving, &["log", "-f", &id, "--json"]);
    let waiting = ["queue", "envelope.json", "--wait", "--json"];
    let mut seen = Vec::new();
    for restart in ["stopped", "killed"] {
        seen.push(line_with(&following.stdout, "ready"));
        if restart == "stopped" {
            serving.stop();
        } else {
            drop(serving);
        }
        serving = host.serve_at("mainworker.toml", &address);
    }
    seen.push(line_with(&following.stdout, "ready"));
    // Somebody waits for it as well, from here on.
    let key = ["--unique-key", "u"];
    host.write("envelope.json", probe(json!({ "probe": "completes" }))["envelope"].to_string());
    let ended_well = serving.command(&[&waiting[..], &key].concat()).finish().exits(0).json();
    assert_eq!(ended_well["state"], "completed");
    serving.command(&["cancel", &id]).finish().exits(0);
    let (status, stdout, stderr) = following.ended();
    assert_eq!((status.code(), stderr.as_slice()), (Some(0), &["the task is cancelled".to_owned()][..]));
    seen.extend(stdout);

    let entries = serving.command(&["log", &id, "--json"]).finish().exits(0);
    let entries: Vec<Value> = serde_json::from_str(entries.stdout()).expect("one JSON value");
    let seen: Vec<Value> =
        seen.iter().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    assert_eq!(seen, entries);
    let attempts: Vec<_> = entries.iter().map(|entry| &entry["attempt"]).collect();
    assert_eq!(attempts, [1, 2, 3]);
    let task = serving.http().get(&format!("/v1/tasks/{id}")).json();
    let outcomes: Vec<_> =
        task["attempts"].as_array().expect("a list").iter().map(|it| &it["outcome"]).collect();
    assert_eq!(outcomes, ["interrupted", "lost", "cancelled"]);
    serving.stop();
}

/// The other one that waits: `queue --wait` comes back too.
#[test]
fn a_task_is_waited_for_over_a_restart_of_its_host() {
    let host = TestHost::with_probes(json!({}));
    let settings = format!("{ALL_ROLES}\nserver.stop-grace = \"1ms\"\n");
    host.settings(&settings);
    let serving = host.serve_at("mainworker.toml", &format!("{OWN_ADDRESS}:0"));
    let address = serving.address().to_string();
    host.write("envelope.json", probe(json!({ "probe": "sleeps", "ms": 50_000 }))["envelope"].to_string());
    let mut waiting = Running::start(&serving, &["queue", "envelope.json", "--wait"]);
    let id = line_with(&waiting.stderr, "task ").replace("task ", "");
    line_with(&waiting.stderr, "ready");
    serving.stop();
    let serving = host.serve_at("mainworker.toml", &address);
    line_with(&waiting.stderr, "attempt 2");
    line_with(&waiting.stderr, "ready");
    serving.command(&["cancel", &id]).finish().exits(0);
    let (status, stdout, stderr) = waiting.ended();
    assert_eq!(status.code(), Some(1), "{stderr:?}");
    assert!(
        stdout.is_empty() && stderr.last().is_some_and(|line| line.starts_with("prober cancelled in ")),
        "{stderr:?}"
    );
    serving.stop();
}

#[test]
fn a_task_that_is_not_there_has_no_log() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    for flags in [&["log"][..], &["log", "--json"], &["log", "-f"], &["log", "-f", "--json"]] {
        let refused = serving.command(&[flags, &[super::ID]].concat()).finish().exits(1);
        assert_eq!(refused.stdout(), "", "{flags:?}");
        assert!(refused.stderr().starts_with("error[unknown_task]: "), "{flags:?}: {}", refused.stderr());
    }
    serving.stop();
}
