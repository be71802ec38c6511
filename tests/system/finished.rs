//! The end of a run.

use crate::host::{CANARY, TestHost};
use serde_json::Value;
use std::process::Output;

/// A run that is over and whose exit code nobody has asked for yet.
#[must_use = "name its exit code with `exits`"]
pub(crate) struct Finished<'a> {
    host: &'a TestHost,
    output: Output,
}

/// What a run printed.
pub(crate) struct Printed {
    stdout: String,
    stderr: String,
    untrusted: Option<String>,
}

/// What every run of an untrusted module says that sees something of the host.
const UNTRUSTED: &str = "warning: `--untrusted`: ";

impl<'a> Finished<'a> {
    /// Searches what was printed and written for the secret.
    pub(crate) fn new(host: &'a TestHost, output: Output) -> Self {
        for printed in [&output.stdout, &output.stderr] {
            let text = String::from_utf8_lossy(printed);
            assert!(!text.contains(CANARY), "the secret was printed: {text}");
        }
        host.assert_kept_secret();
        Self { host, output }
    }

    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Printed {
        let stderr = String::from_utf8(self.output.stderr).expect("stderr is text");
        assert_eq!(self.output.status.code(), Some(code), "{stderr}");
        let stdout = String::from_utf8(self.output.stdout).expect("stdout is text");
        let stderr = steady(&self.host.named(&stderr));
        let (untrusted, others): (Vec<&str>, Vec<&str>) =
            stderr.split('\n').partition(|line| line.starts_with(UNTRUSTED));
        let untrusted = untrusted.first().map(|line| (*line).to_owned());
        Printed { stdout, stderr: others.join("\n"), untrusted }
    }
}

impl Printed {
    /// As it was printed.
    pub(crate) fn stdout(&self) -> &str {
        &self.stdout
    }

    /// That nobody vouches for the module that ran, if that was said.
    pub(crate) fn untrusted(&self) -> Option<&str> {
        self.untrusted.as_deref()
    }

    /// Without what differs from run to run, and without what is said of every untrusted module.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.clone()
    }

    /// stdout as one line with one JSON value.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{}", self.stdout);
        serde_json::from_str(&self.stdout).expect("stdout is JSON")
    }

    /// stdout as the report of a run, of the form that programs rely on.
    #[track_caller]
    pub(crate) fn report(&self) -> Value {
        let report = self.json();
        let (text, number): (Kind, Kind) = (Value::is_string, Value::is_u64);
        let fields: [(&str, Kind); 10] = [
            ("taskId", text_or_null),
            ("job", text_or_null),
            ("revision", text_or_null),
            ("source", text_or_null),
            ("outcome", text),
            ("result", |_| true),
            ("error", |value| value.is_object() || value.is_null()),
            ("usage", Value::is_object),
            ("scheduled", Value::is_array),
            ("log", Value::is_array),
        ];
        has_exactly(&report, &fields);
        let usage = [
            "wallMs",
            "cpuMs",
            "peakMemoryBytes",
            "httpCalls",
            "httpBytesIn",
            "httpBytesOut",
            "logBytes",
            "outputBytes",
        ];
        has_exactly(&report["usage"], &usage.map(|name| (name, number)));
        if report["error"].is_object() {
            let fields = [
                ("code", text),
                ("message", text),
                ("hint", text_or_null as Kind),
                ("pointer", text_or_null),
            ];
            has_exactly(&report["error"], &fields);
        }
        for line in report["log"].as_array().into_iter().flatten() {
            has_exactly(line, &[("atMs", number), ("level", text), ("context", text), ("message", text)]);
        }
        report
    }
}

type Kind = fn(&Value) -> bool;

fn text_or_null(value: &Value) -> bool {
    value.is_string() || value.is_null()
}

#[track_caller]
fn has_exactly(value: &Value, fields: &[(&str, Kind)]) {
    let object = value.as_object().expect("an object");
    let mut found: Vec<&str> = object.keys().map(String::as_str).collect();
    let mut expected: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    for (name, fits) in fields {
        assert!(fits(&object[*name]), "`{name}` is {}", object[*name]);
    }
}

/// `text` with digests, times, sizes of memory and free space named instead.
fn steady(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let words = line.split(' ').map(|word| {
            let digest = word.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64);
            if digest { "[digest]" } else { word }
        });
        let line = words.collect::<Vec<_>>().join(" ");
        let line = match (line.split_once(" has "), line.split_once(" free, expected")) {
            (Some((before, _)), Some((_, after))) => format!("{before} has [space] free, expected{after}"),
            _ => line,
        };
        match line.split_once(" in ") {
            Some((ended, rest)) if rest.contains(" s · cpu ") => {
                let dropped = rest.rsplit_once(" · ").filter(|(_, last)| last.contains("log lines"));
                format!(
                    "{ended} in [time and memory]{}",
                    dropped.map(|(_, last)| format!(" · {last}")).unwrap_or_default()
                )
            }
            _ => line,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}
