//! `mainworker run`: the result alone on stdout, everything else on stderr, or one report.

use crate::finished::Finished;
use crate::host::{Invocation, TestHost, envelope};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Output, Stdio};

#[test]
fn the_result_is_alone_on_stdout() {
    let host = TestHost::new();
    let printed = host.run(&envelope("echo", "api", json!({ "hello": "world" }))).finish().exits(0);
    assert_eq!(printed.stdout(), "{\"hello\":\"world\"}\n");
    insta::assert_snapshot!(printed.stderr(), @r"
     info echo 17 bytes from api
    echo completed in [time and memory]
    ");
}

#[test]
fn a_report_says_all_of_a_run() {
    let host = TestHost::new();
    let printed = host.run(&envelope("echo", "ci", json!({ "n": 1 }))).arg("--json").finish().exits(0);
    let report = printed.report();
    assert_eq!(report["result"], json!({ "n": 1 }));
    let of_the_envelope = (report["job"].as_str(), report["source"].as_str(), report["outcome"].as_str());
    assert_eq!(of_the_envelope, (Some("echo"), Some("ci"), Some("completed")));
    let (task, revision) = (report["taskId"].as_str().unwrap(), report["revision"].as_str().unwrap());
    assert_eq!(uuid::Uuid::parse_str(task).unwrap().get_version_num(), 7);
    assert_eq!(revision.strip_prefix("sha256:").unwrap().len(), 64);
    assert_eq!((&report["error"], &report["scheduled"]), (&json!(null), &json!([])));
    let usage = &report["usage"];
    assert_eq!(usage["outputBytes"], json!(r#"{"n":1}"#.len()));
    assert_eq!(
        (&usage["httpCalls"], &usage["httpBytesIn"], &usage["httpBytesOut"]),
        (&json!(0), &json!(0), &json!(0))
    );
    assert!(
        usage["wallMs"].as_u64() > Some(0) && usage["peakMemoryBytes"].as_u64() > Some(1 << 16),
        "{usage}"
    );
    let line = &report["log"][0];
    assert_eq!((&line["level"], &line["message"]), (&json!("info"), &json!("7 bytes from ci")));
    assert_eq!(usage["logBytes"].as_u64(), Some("echo7 bytes from ci".len() as u64));
    assert_eq!(
        revision,
        host.mainworker(&["jobs", "--json", "--modules", "modules"]).finish().exits(0).json()[0]["revision"]
    );
}

#[test]
fn an_envelope_comes_from_stdin_too() {
    let host = TestHost::new();
    let text = envelope("echo", "api", json!({ "from": "stdin" })).to_string();
    let run = host.mainworker(&["run", "-", "--modules", "modules", "--data", "data"]);
    assert_eq!(run.stdin(text).finish().exits(0).stdout(), "{\"from\":\"stdin\"}\n");
}

#[test]
fn numbers_stay_as_they_were_written() {
    let host = TestHost::new();
    let payload = r#"{"a":1.50,"b":1E2,"c":123456789012345678901234567890,"d":-0.0,"e":0.1000}"#;
    let text = format!(r#"{{"configuration":{{}},"jobName":"echo","source":"api","jobPayload":{payload}}}"#);
    host.write("envelope.json", text);
    let printed = host.run_written().finish().exits(0);
    assert_eq!(printed.stdout(), format!("{payload}\n"));
    let reported = host.run_written().arg("--json").finish().exits(0);
    assert!(reported.stdout().contains(&format!(r#""result":{payload}"#)), "{}", reported.stdout());
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let host = TestHost::new();
    for arg in [None, Some("--json")] {
        let run = host.run(&envelope("echo", "api", json!({})));
        let run = if let Some(arg) = arg { run.arg(arg) } else { run };
        let (mut command, host) = run.by_hand();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output =
            command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        let stderr = Finished::new(host, output).exits(0).stderr();
        assert!(
            stderr.ends_with("echo completed in [time and memory]") && !stderr.contains("error"),
            "{stderr}"
        );
    }
}

/// The program must not say that it did what it could not do: a script would go on with half a result.
#[test]
fn a_result_that_cannot_be_written_is_a_failure() {
    let host = TestHost::new();
    let (mut command, host) = host.run(&envelope("echo", "api", json!({}))).by_hand();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command.stdout(full).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    insta::assert_snapshot!(Finished::new(host, output).exits(1).stderr(), @r"
     info echo 2 bytes from api
    echo completed in [time and memory]
    error[output_unwritable]: writing to standard output: No space left on device (os error 28)
    hint: free some space there, or send the output elsewhere
    ");
}

#[test]
fn compiled_modules_are_kept_in_the_users_state_folder() {
    let host = TestHost::new();
    host.write("envelope.json", envelope("echo", "api", json!({})).to_string());
    let run = || host.mainworker(&["run", "envelope.json", "--modules", "modules"]);
    // One module, and the key of the folder.
    let cached =
        |folder: &str| host.files().keys().filter(|path| path.starts_with(host.path(folder))).count();
    drop(run().finish().exits(0));
    assert_eq!(cached("home/.local/state/mainworker"), 2);
    drop(run().env("XDG_STATE_HOME", &host.path("state").to_string_lossy()).finish().exits(0));
    assert_eq!((cached("state/mainworker"), cached("home/.local/state/mainworker")), (2, 2));
}

#[test]
fn a_run_does_without_a_data_folder() {
    let host = TestHost::new();
    host.write("envelope.json", envelope("echo", "api", json!({})).to_string()).write("data", "a file");
    let printed = host.run_written().finish().exits(0);
    assert_eq!(printed.stdout(), "{}\n");
    assert!(printed.stderr().contains("compiled modules are not kept"), "{}", printed.stderr());
}

#[test]
fn what_a_job_says_is_shown_and_not_obeyed() {
    let host = TestHost::with_probes(json!({}));
    let printed =
        host.probe(json!({ "probe": "panics", "text": "red \u{1b}[31m alert \r gone" })).finish().exits(1);
    assert_eq!(printed.stdout(), "");
    assert!(!printed.stderr().contains(['\u{1b}', '\r']), "{}", printed.stderr());
    assert!(printed.stderr().contains(r"red \u{1b}[31m alert"), "{}", printed.stderr());
}

#[test]
fn a_job_that_fails_has_no_result() {
    let host = TestHost::with_probes(json!({}));
    let run = || host.probe(json!({ "probe": "no such probe" }));
    let printed = run().finish().exits(1);
    assert_eq!(printed.stdout(), "");
    insta::assert_snapshot!(printed.stderr(), @r"
    error[job_rejected]: there is no probe `no such probe`
    prober rejected in [time and memory]
    ");
    let report = run().arg("--json").finish().exits(1).report();
    assert_eq!((&report["result"], &report["error"]["pointer"]), (&json!(null), &json!(null)));
}

#[test]
fn an_attempt_is_interrupted_by_a_signal() {
    let host = TestHost::with_probes(json!({}));
    for probe in [json!({ "probe": "spins" }), json!({ "probe": "sleeps", "ms": 600_000 })] {
        for signal in [Signal::INT, Signal::TERM] {
            let shown = Running::start(host.probe(probe.clone())).signal(signal).exits(130);
            assert_eq!(shown.stdout(), "");
            let reported = Running::start(host.probe(probe.clone()).arg("--json")).signal(signal).exits(130);
            let report = reported.report();
            assert_eq!(
                (&report["outcome"], &report["result"]),
                (&json!("interrupted"), &json!(null)),
                "{probe}"
            );
            assert_eq!(report["error"]["code"], json!("interrupted"));
        }
    }
    let shown = Running::start(host.probe(json!({ "probe": "spins" }))).signal(Signal::INT).exits(130);
    insta::assert_snapshot!(shown.stderr(), @r"
     info guests::probes::spins ready
    error[interrupted]: the attempt was interrupted because the host is stopping
    prober interrupted in [time and memory]
    ");
}

/// A run whose job has said that it is ready.
struct Running<'a> {
    host: &'a TestHost,
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    seen: String,
}

impl<'a> Running<'a> {
    fn start(invocation: Invocation<'a>) -> Self {
        let (mut command, host) = invocation.by_hand();
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let mut seen = String::new();
        // The job's limits end it, and with it this loop, should it never be ready.
        while !seen.contains("ready\n") {
            assert_ne!(stderr.read_line(&mut seen).expect("stderr is text"), 0, "{seen}");
        }
        Self { host, child, stderr, seen }
    }

    fn signal(mut self, signal: Signal) -> Finished<'a> {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
        self.stderr.read_to_string(&mut self.seen).expect("stderr is text");
        let Output { status, stdout, .. } = self.child.wait_with_output().expect("it ends");
        Finished::new(self.host, Output { status, stdout, stderr: self.seen.into_bytes() })
    }
}
