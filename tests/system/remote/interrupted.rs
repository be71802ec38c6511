//! Whoever waits or follows is interrupted: 130, and the task goes on.

use super::{Running, line_with, probe, queue};
use crate::api::ended;
use crate::host::TestHost;
use crate::serving::ALL_ROLES;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// The exit code as a shell shows it: that of a program which ends by a signal is 128 and the signal.
fn shown_code(status: ExitStatus) -> Option<i32> {
    status.code().or_else(|| Some(128 + status.signal()?))
}

fn interrupt(running: &Running) {
    kill_process(Pid::from_child(&running.child), Signal::INT).expect("it runs");
}

#[test]
fn whoever_waits_may_leave() {
    let host = TestHost::with_probes(json!({}));
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    host.write("envelope.json", probe(json!({ "probe": "sleeps", "ms": 50_000 }))["envelope"].to_string());
    for flags in [&[][..], &["--json"]] {
        let mut waiting = Running::start(&serving, &[&["queue", "envelope.json", "--wait"], flags].concat());
        let id = line_with(&waiting.stderr, "task ").replace("task ", "");
        line_with(&waiting.stderr, "ready");
        interrupt(&waiting);
        let (status, stdout, stderr) = waiting.ended();
        assert_eq!((status.code(), stdout.as_slice()), (Some(130), &[][..]), "{stderr:?}");
        let hint = format!(
            "the task goes on: `mainworker log -f {id}` follows it, `mainworker cancel {id}` stops it"
        );
        assert_eq!(stderr, [hint]);
        assert_eq!(http.get(&format!("/v1/tasks/{id}")).json()["state"], "running");
        assert_eq!(http.get(&format!("/v1/tasks/{id}")).json()["cancelRequested"], false);
        serving.command(&["cancel", &id]).finish().exits(0);
        assert_eq!(ended(&http, &id)["state"], "cancelled");
    }
    serving.stop();
}

/// While there is nothing to show, too, and while the host is away.
#[test]
fn whoever_waits_for_a_task_that_does_not_begin_may_leave() {
    let host = TestHost::with_probes(json!({}));
    let serving = host.serve(ALL_ROLES);
    serving.http().post("/v1/pause", &json!({})).is(200);
    host.write("envelope.json", probe(json!({ "probe": "completes" }))["envelope"].to_string());
    for is_away in [false, true] {
        let mut waiting = Running::start(&serving, &["queue", "envelope.json", "--wait"]);
        line_with(&waiting.stderr, "task ");
        if is_away {
            kill_process(serving.pid(), Signal::KILL).expect("it runs");
        } else {
            // It follows the log by now, or is about to: it may be interrupted either way.
            serving.http().get("/v1/stats").is(200);
        }
        interrupt(&waiting);
        let (status, _, stderr) = waiting.ended();
        assert_eq!(shown_code(status), Some(130), "{stderr:?}");
    }
}

#[test]
fn whoever_follows_may_leave() {
    let host = TestHost::with_probes(json!({}));
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let id = queue(&host, &serving, &probe(json!({ "probe": "sleeps", "ms": 50_000 })), &[]);
    for flags in [&[][..], &["--json"]] {
        let mut following = Running::start(&serving, &[&["log", "-f", &id], flags].concat());
        line_with(&following.stdout, "ready");
        interrupt(&following);
        let (status, stdout, stderr) = following.ended();
        assert_eq!((shown_code(status), stdout.len()), (Some(130), 0), "{stdout:?} {stderr:?}");
        assert_eq!(http.get(&format!("/v1/tasks/{id}")).json()["state"], "running");
    }
    serving.command(&["cancel", &id]).finish().exits(0);
    assert_eq!(ended(&http, &id)["state"], "cancelled");
    serving.stop();
}
