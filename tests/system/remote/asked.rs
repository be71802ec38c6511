//! What is asked on a terminal before schedules are applied.

use super::schedules::{FILE, answering, changes};
use crate::host::{CANARY, TestHost};
use crate::services::Service;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, ExitStatus, Stdio};

/// Runs a command on a terminal of its own and says `answer` once it asks; gives how it ended and what the terminal showed.
fn on_a_terminal(mut command: Command, answer: &str) -> (ExitStatus, String) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&master).expect("it is ours");
    unlockpt(&master).expect("it is ours");
    let name = ptsname(&master, Vec::new()).expect("it has a name").into_string().expect("it is text");
    let terminal = || {
        let opened = OpenOptions::new().read(true).write(true).open(&name).expect("it is there");
        Stdio::from(OwnedFd::from(opened))
    };
    command.stdin(terminal()).stdout(terminal()).stderr(terminal());
    let mut child = command.spawn().expect("it starts");
    // What it holds of the terminal is closed, so that its end can be read.
    drop(command);
    let mut master = File::from(master);
    let (mut shown, mut buffer, mut answered) = (Vec::new(), [0; 4096], false);
    // Once nobody has the terminal any more, reading it is an error.
    while let Ok(count @ 1..) = master.read(&mut buffer) {
        shown.extend_from_slice(&buffer[..count]);
        if !answered && shown.ends_with(b"[y/N] ") {
            answered = true;
            writeln!(master, "{answer}").expect("somebody reads it");
        }
    }
    let status = child.wait().expect("it ends");
    (status, String::from_utf8(shown).expect("it is text").replace("\r\n", "\n"))
}

fn apply(host: &TestHost, service: &Service, flags: &[&str]) -> Command {
    host.write("schedules.toml", FILE);
    let args = [&["schedule", "apply", "schedules.toml"], flags].concat();
    let asked = host.mainworker(&args).env("MAINWORKER_HOST", &service.origin());
    asked.env("MAINWORKER_TOKEN", CANARY).env("TERM", "xterm").by_hand().0
}

fn previews(service: &Service) -> Vec<Value> {
    service.received().iter().map(|request| request.json()["preview"].clone()).collect()
}

#[test]
fn a_no_applies_nothing() {
    let host = TestHost::with_jobs(&[]);
    for answer in ["n", "", "no", "yess"] {
        let service = answering(vec![changes(false)]);
        let (status, shown) = on_a_terminal(apply(&host, &service, &[]), answer);
        assert_eq!(status.code(), Some(1), "{shown}");
        let asked = shown.find("apply? [y/N] ").expect("it asks");
        assert!(shown.find("~ pings").is_some_and(|difference| difference < asked), "{shown}");
        assert!(shown.ends_with("nothing was applied\n"), "{shown}");
        assert_eq!(previews(&service), [true]);
        assert!(!shown.contains('\u{1b}'), "NO_COLOR is set: {shown:?}");
    }
}

#[test]
fn a_yes_applies_what_was_shown() {
    let host = TestHost::with_jobs(&[]);
    let service = answering(vec![changes(false), changes(true)]);
    let mut command = apply(&host, &service, &[]);
    command.env_remove("NO_COLOR");
    let (status, shown) = on_a_terminal(command, "y");
    assert_eq!(status.code(), Some(0), "{shown}");
    assert!(shown.contains("\u{1b}[32m+ charges\u{1b}[0m\n"), "{shown:?}");
    assert!(shown.contains("\u{1b}[31m- old\u{1b}[0m\n"), "{shown:?}");
    assert!(shown.ends_with("applied: 1 created · 1 changed · 1 deleted · 1 unchanged\n"), "{shown}");
    assert_eq!(previews(&service), [true, false]);

    // Nobody says yes to what they do not see, also if the answer is to be JSON.
    let service = answering(vec![changes(false), changes(true)]);
    let (status, shown) = on_a_terminal(apply(&host, &service, &["--json"]), "yes");
    assert_eq!(status.code(), Some(0), "{shown}");
    let (difference, answer) = shown.split_once("apply? [y/N] ").expect("it asks");
    assert!(difference.contains("~ pings\n"), "{shown}");
    assert!(answer.contains(r#"{"applied":true,"#), "{shown}");
}

#[test]
fn who_said_yes_before_and_who_only_looks_is_not_asked() {
    let host = TestHost::with_jobs(&[]);
    for (flags, expected) in [(&["--yes"][..], &[true, false][..]), (&["--preview"], &[true])] {
        let service = answering(vec![changes(false), changes(true)]);
        let (status, shown) = on_a_terminal(apply(&host, &service, flags), "n");
        assert_eq!(status.code(), Some(0), "{shown}");
        assert!(!shown.contains("[y/N]") && shown.contains("~ pings\n"), "{shown}");
        assert_eq!(previews(&service), expected);
    }
}
