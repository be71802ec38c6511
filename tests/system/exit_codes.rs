//! The exit codes, each by a run that ends with it, and the help that lists them.

use crate::host::{TestHost, envelope};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::collections::BTreeSet;

/// The help of a command and of all below it, by what is typed.
fn helps(host: &TestHost, command: &[&str], found: &mut Vec<(String, String, bool)>) {
    let help = host.mainworker(&[command, &["--help"]].concat()).finish().exits(0).stdout().to_owned();
    let listed =
        help.split_once("Commands:\n").map_or("", |(_, rest)| rest.split("\n\n").next().unwrap_or_default());
    let names: Vec<&str> =
        listed.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
    let names: Vec<&str> = names.into_iter().filter(|name| !name.is_empty() && *name != "help").collect();
    for name in &names {
        helps(host, &[command, &[*name]].concat(), found);
    }
    found.push((command.join(" "), help.clone(), names.is_empty() || help.contains("Examples:")));
}

#[test]
fn every_command_explains_itself_with_an_example() {
    let host = TestHost::with_jobs(&[]);
    let mut found = Vec::new();
    helps(&host, &[], &mut found);
    let commands: BTreeSet<&str> = found.iter().map(|(command, ..)| command.as_str()).collect();
    for command in [
        "",
        "run",
        "jobs",
        "jobs show",
        "module build",
        "module check",
        "module inspect",
        "module pack",
        "new",
        "settings check",
        "settings show",
        "bench sandbox",
        "diff",
    ] {
        assert!(commands.contains(command), "`{command}` is not there: {commands:?}");
    }
    for (command, help, does_something) in &found {
        assert!(help.contains("Usage: mainworker"), "`{command}`: {help}");
        let example = format!("  mainworker {command}");
        assert!(
            !does_something || help.split_once("Example").is_some_and(|(_, shown)| shown.contains(&example)),
            "`{command}` has no example: {help}"
        );
    }
}

#[test]
fn the_exit_codes_are_listed() {
    let host = TestHost::with_jobs(&[]);
    let help = host.mainworker(&["--help"]).finish().exits(0);
    let line =
        help.stdout().split_once("Exit codes: ").unwrap().1.split_whitespace().collect::<Vec<_>>().join(" ");
    let numbers: Vec<&str> = line.split(" · ").filter_map(|code| code.split(' ').next()).collect();
    assert_eq!(numbers, ["0", "1", "2", "3", "4", "5", "6", "130"]);
}

#[test]
fn what_cannot_be_meant_is_2() {
    let host = TestHost::with_jobs(&[]);
    for args in [
        &[][..],
        &["rum"],
        &["run"],
        &["run", "a.json", "b.json"],
        &["run", "a.json", "--jsn"],
        &["run", "nowhere.json"],
        &["run", "modules"],
        &["run", "a.json", "--settings", "nowhere.toml"],
        &["jobs", "--flag"],
        &["jobs", "show"],
        &["module"],
        &["module", "build", "no-such-crate"],
        &["settings", "check", "extra"],
        &["bench", "queues"],
    ] {
        let printed = host.mainworker(args).finish().exits(2);
        assert_eq!(printed.stdout(), "", "{args:?}");
        assert!(!printed.stderr().is_empty(), "{args:?}");
    }
    insta::assert_snapshot!(host.mainworker(&["run", "nowhere.json"]).finish().exits(2).stderr(), @r"
    error[envelope_unreadable]: reading the envelope `nowhere.json`: No such file or directory (os error 2)
    hint: name a file, or `-` for standard input
    ");
}

#[test]
fn each_outcome_of_a_job_has_its_code() {
    let host =
        TestHost::with_probes(json!({ "limits": { "cpu": "200ms", "memory": "16MiB", "output": "4KiB" } }));
    for (payload, exit, outcome, code) in [
        (json!({ "probe": "completes" }), 0, "completed", None),
        (json!({ "probe": "no such probe" }), 1, "rejected", Some("job_rejected")),
        (json!({ "probe": "panics" }), 1, "trapped", Some("guest_panicked")),
        (json!({ "probe": "traps" }), 1, "trapped", Some("guest_trapped")),
        (json!({ "probe": "spins" }), 4, "over-cpu", Some("cpu_ms")),
        (json!({ "probe": "allocates" }), 4, "out-of-memory", Some("memory_bytes")),
        (json!({ "probe": "returns_much", "bytes": 5_000 }), 4, "over-limit", Some("output_bytes")),
    ] {
        let report = host.probe(payload.clone()).arg("--json").finish().exits(exit).report();
        assert_eq!(
            (report["outcome"].as_str(), report["error"]["code"].as_str()),
            (Some(outcome), code),
            "{payload}"
        );
        assert_eq!(report["result"].is_null(), code.is_some(), "{payload}");
    }
    let said = |place: &str| {
        let payload = json!({ "probe": "tells_secrets", "place": place });
        let envelope = json!({ "configuration": { "secret": "x1y2z3" }, "jobName": "prober", "source": "api", "jobPayload": payload });
        host.run(&envelope).arg("--json").finish().exits(1).report()["outcome"].clone()
    };
    assert_eq!(
        (said("failed"), said("retry"), said("rejected")),
        (json!("failed"), json!("retry-asked"), json!("rejected"))
    );
}

#[test]
fn a_wall_limit_is_4() {
    let host = TestHost::with_probes(json!({ "limits": { "wall": "150ms", "cpu": "150ms" } }));
    let printed = host.probe(json!({ "probe": "sleeps", "ms": 600_000 })).arg("--json").finish().exits(4);
    assert_eq!(printed.report()["outcome"], json!("timed-out"));
}

#[test]
fn the_door_and_the_grants_are_3_and_5() {
    let host = TestHost::with_jobs(&["edge-logs"]);
    let run = |source: &str| host.run(&envelope("edge-logs", source, json!({ "files": ["*"] }))).finish();
    assert_eq!(run("api").exits(3).stdout(), "");
    assert_eq!(run("scheduler").exits(5).stdout(), "");
}

/// Before there is an attempt, a signal does what it does to any program.
#[test]
fn a_signal_while_it_waits_for_its_envelope_ends_it() {
    use std::os::unix::process::ExitStatusExt;
    let host = TestHost::with_jobs(&[]);
    let (mut command, _) = host.mainworker(&["run", "-", "--modules", "modules"]).by_hand();
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    // A shell shows it as 130.
    assert_eq!(child.wait().unwrap().signal(), Some(2));
}
