//! The commands for a running host: `queue`, `status`, `list`, `log`, `cancel`, `retry`, `pause`, `resume`, `stats`.

/// What is asked before schedules are applied.
mod asked;
/// Many tasks at once, by a filter.
mod bulk;
/// Cancel, retry, pause, by ids and names.
mod changing;
/// Whoever waits or follows is interrupted.
mod interrupted;
/// Tables and JSON of what there is.
mod listing;
/// Logs, read and followed.
mod log;
/// Tokens and escape codes, which are in nothing that is printed.
mod printed;
/// Schedules, beside hosts that answer as they are told.
mod schedules;
/// Hosts that are away, are somebody else, or do not let one in.
mod strangers;
/// Tasks that somebody waits for.
mod waiting;

use crate::api::{echo, probe};
use crate::host::{TestHost, envelope};
use crate::serving::Serving;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Longer than anything here takes, and the end of what hangs.
const PATIENCE: Duration = Duration::from_secs(100);

/// Every command for a running host, with all that it needs beside one.
const COMMANDS: [&[&str]; 10] = [
    &["queue", "envelope.json"],
    &["status", ID],
    &["list"],
    &["log", ID],
    &["log", "-f", ID],
    &["cancel", ID],
    &["retry", ID],
    &["pause", "echo"],
    &["resume"],
    &["stats"],
];

/// A task that there is not.
const ID: &str = "01978f3c-7d1a-7c2e-9f00-0123456789ab";

/// Queues a task by the command, with these flags; gives its id.
#[track_caller]
fn queue(host: &TestHost, serving: &Serving<'_>, request: &Value, flags: &[&str]) -> String {
    host.write("envelope.json", request["envelope"].to_string());
    let queued = serving.command(&[&["queue", "envelope.json"], flags].concat()).finish().exits(0);
    assert_eq!(queued.stderr(), "");
    let id = queued.stdout().trim_end().to_owned();
    assert_eq!(id.len(), ID.len(), "{id}");
    id
}

/// `text` with single spaces, and with what differs from run to run named instead: these ids, times and sizes.
fn steady(text: &str, ids: &[&str]) -> String {
    let mut text = text.to_owned();
    for (index, id) in ids.iter().enumerate() {
        text = text.replace(id, &format!("[task {index}]"));
    }
    let lines = text.lines().map(|line| {
        let memory =
            line.split_once("peak memory ").map(|(_, rest)| rest.split(" · ").next().unwrap_or(rest));
        let line = memory.map_or(line.to_owned(), |memory| line.replace(memory, "[size]"));
        let words = line.split_whitespace().map(|word| {
            let (before, bare) = word.split_at(usize::from(word.starts_with('(')));
            let unit = bare.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
            let is_number = unit.len() < bare.len();
            if bare.len() == 24 && bare.ends_with('Z') {
                format!("{before}[moment]")
            } else if is_number && matches!(unit, "ms" | "s") {
                format!("{before}[time]")
            } else if bare.len() == 12 && bare.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                format!("{before}[revision]")
            } else {
                word.to_owned()
            }
        });
        words.collect::<Vec<_>>().join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A command that runs beside the test: its lines as they come.
struct Running {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

impl Running {
    fn start(serving: &Serving<'_>, args: &[&str]) -> Self {
        let (mut command, _) = serving.command(args).by_hand();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let stdout = lines(child.stdout.take().expect("it is piped"));
        let stderr = lines(child.stderr.take().expect("it is piped"));
        Self { child, stdout, stderr }
    }

    /// Waits for its end; gives how it ended, and the rest of what it said on stdout and on stderr.
    #[track_caller]
    fn ended(&mut self) -> (ExitStatus, Vec<String>, Vec<String>) {
        let rest = [&self.stdout, &self.stderr].map(|lines| {
            let mut rest = Vec::new();
            loop {
                match lines.recv_timeout(PATIENCE) {
                    Ok(line) => rest.push(line),
                    Err(RecvTimeoutError::Disconnected) => break rest,
                    Err(RecvTimeoutError::Timeout) => panic!("it does not end, and said {rest:?}"),
                }
            }
        });
        let [stdout, stderr] = rest;
        (self.child.wait().expect("it closed both"), stdout, stderr)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already where the test did not fail.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            // A test that has seen enough is gone.
            let _ = sender.send(line.expect("it is text"));
        }
    });
    lines
}

/// The next line that has this in it.
#[track_caller]
fn line_with(lines: &Receiver<String>, part: &str) -> String {
    loop {
        let line =
            lines.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("no line with `{part}`: {error}"));
        if line.contains(part) {
            return line;
        }
    }
}
