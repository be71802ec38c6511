//! Tokens and escape codes, which are in nothing that is printed.

use super::{COMMANDS, Running, echo, line_with, probe, queue};
use crate::host::{CANARY, TestHost};
use crate::serving::{ALL_ROLES, Serving};
use rustix::process::{Signal, kill_process};
use serde_json::json;
use std::fs;
use std::process::Command;

/// stdout and stderr of a command as they are.
fn output(mut command: Command) -> String {
    let output = command.output().expect("it starts");
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_token_is_in_no_output() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let (here, away) = (format!("http://{}", serving.address()), "http://127.0.0.2:9");
    queue(&host, &serving, &echo(json!({})), &[]);
    let mut said = 0;
    for command in COMMANDS {
        // A page of help, errors of the arguments, of the host and of the way to it; answers.
        let mistaken = [command, &["--hots", away]].concat();
        for args in
            [[command, &["--help"]].concat(), [command, &["--json"]].concat(), command.to_vec(), mistaken]
        {
            for host_url in [here.as_str(), "http://user:password@127.0.0.1", "no url"] {
                let by_environment =
                    host.mainworker(&args).env("MAINWORKER_HOST", host_url).env("MAINWORKER_TOKEN", CANARY);
                let by_flag = host.mainworker(&args).arg("--host").arg(host_url).arg("--token").arg(CANARY);
                for invocation in [by_environment, by_flag] {
                    let printed = output(invocation.by_hand().0);
                    assert!(!printed.contains(CANARY), "{args:?}: {printed}");
                    assert!(!printed.contains("password"), "{args:?}: {printed}");
                    said += usize::from(!printed.is_empty());
                }
            }
        }
    }
    assert!(said > 200, "only {said} said anything");
    // A token that cannot be sent is not shown either.
    let odd = format!("{CANARY} and more");
    let printed = output(host.mainworker(&["stats", "--host", &here, "--token", &odd]).by_hand().0);
    assert!(printed.contains("error[token_invalid]") && !printed.contains(CANARY), "{printed}");
    serving.stop();
}

#[test]
fn a_token_of_the_environment_is_on_no_command_line() {
    let host = TestHost::with_probes(json!({}));
    let serving = host.serve(ALL_ROLES);
    let id = queue(&host, &serving, &probe(json!({ "probe": "sleeps", "ms": 50_000 })), &[]);
    let mut following = Running::start(&serving, &["log", "-f", &id]);
    line_with(&following.stdout, "ready");
    for (pid, word) in
        [(following.child.id(), "log"), (serving.pid().as_raw_nonzero().get().unsigned_abs(), "serve")]
    {
        let line = fs::read(format!("/proc/{pid}/cmdline")).expect("it runs");
        let line = String::from_utf8(line).expect("text").replace('\0', " ");
        assert!(line.contains(&format!(" {word} ")), "{line}");
        assert!(!line.contains(CANARY), "{line}");
    }
    following.child.kill().expect("it runs");
    kill_process(serving.pid(), Signal::KILL).expect("it runs");
}

/// Every command, with the environment's wishes about colours.
fn escapes(host: &TestHost, serving: &Serving<'_>, id: &str, wishes: &[(&str, &str)]) -> Vec<String> {
    host.write("envelope.json", probe(json!({ "probe": "panics" }))["envelope"].to_string());
    let mut with_escapes = Vec::new();
    for command in [
        &["queue", "envelope.json", "--wait", "--max-attempts", "1"][..],
        &["status", id],
        &["list"],
        &["log", id],
        &["log", "-f", id],
        &["cancel", id],
        &["retry", super::ID],
        &["pause", "no-such-job"],
        &["resume"],
        &["stats"],
        &["list", "--help"],
        &["list", "--stat", "x"],
    ] {
        let (mut asked, _) = serving.command(command).by_hand();
        asked.env_remove("NO_COLOR");
        asked.envs(wishes.iter().copied());
        let printed = output(asked);
        assert!(!printed.is_empty(), "{command:?}");
        if printed.contains('\u{1b}') {
            with_escapes.push(command[0].to_owned());
        }
    }
    with_escapes
}

#[test]
fn where_no_terminal_reads_there_are_no_escape_codes() {
    let host = TestHost::with_probes(json!({}));
    let serving = host.serve(ALL_ROLES);
    let id = queue(&host, &serving, &probe(json!({ "probe": "panics" })), &["--max-attempts", "1"]);
    crate::api::ended(&serving.http(), &id);
    assert_eq!(escapes(&host, &serving, &id, &[]), [""; 0]);
    assert_eq!(
        escapes(&host, &serving, &id, &[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")]),
        [""; 0]
    );
    // Who asks for none gets none, whatever else is asked for.
    let both = [("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1"), ("TERM", "xterm-256color")];
    assert_eq!(escapes(&host, &serving, &id, &both), [""; 0]);
    // With colours there would be some.
    let forced = escapes(&host, &serving, &id, &[("CLICOLOR_FORCE", "1"), ("TERM", "xterm-256color")]);
    for command in ["queue", "list", "log", "retry", "pause"] {
        assert!(forced.iter().any(|it| it == command), "{forced:?}");
    }
    serving.stop();
}
