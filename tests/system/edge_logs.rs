//! `edge-logs` over the real log, beside a count that shares nothing with it.

use crate::host::{TestHost, envelope};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;

/// The mounts of a host that runs it.
pub(crate) const MOUNTS: &str = "\
[files.edge-logs]\npath = \"logs\"\naccess = \"read\"\n[files.reports]\npath = \"reports\"\naccess = \"read-write\"\n";

/// The real log, or a notice that it is absent.
pub(crate) fn access_log() -> Option<String> {
    let path = crate::jobs::workspace().join("../shared/data/edge-logs/access.log");
    let log = fs::read_to_string(&path);
    if log.is_err() {
        eprintln!("`../shared/data/edge-logs/access.log` is absent: nothing is compared");
    }
    log.ok()
}

/// Bytes and requests by stream.
type Streams = BTreeMap<String, (u64, u64)>;

/// Counts by cutting each line at the end of its request: the first `" ` that three digits follow.
fn count(log: &str) -> Streams {
    let mut streams = Streams::new();
    for line in log.lines() {
        let request_at = line.find("] \"").expect("a request begins") + 3;
        let is_end = |at: &usize| {
            let after = &line.as_bytes()[at + 2..];
            after.len() > 4 && after[..3].iter().all(u8::is_ascii_digit) && after[3] == b' '
        };
        let request_end = line.match_indices("\" ").map(|(at, _)| at).find(is_end).expect("a request ends");
        let sent = line[request_end + 6..].split(' ').next().expect("there are bytes");
        let bytes: u64 = if sent == "-" { 0 } else { sent.parse().expect("a number") };
        let target = line[request_at..request_end].split(' ').nth(1).expect("a target");
        let stream =
            target.split(['?', '#']).next().and_then(|path| path.split('/').nth(1)).unwrap_or_default();
        let totals = streams.entry(stream.to_owned()).or_default();
        totals.0 += bytes;
        totals.1 += 1;
    }
    streams
}

fn sums(totals: &Value) -> BTreeMap<String, (u64, u64)> {
    let totals = totals.as_object().expect("an object").iter();
    totals
        .map(|(name, one)| {
            (name.clone(), (one["bytes"].as_u64().unwrap(), one["requests"].as_u64().unwrap()))
        })
        .collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn result(host: &TestHost, payload: Value) -> Value {
    let printed = host.run(&envelope("edge-logs", "scheduler", payload)).finish().exits(0);
    serde_json::from_str(printed.stdout()).expect("the result is JSON")
}

#[test]
fn the_real_log_adds_up_plain_and_gzipped() {
    let Some(log) = access_log() else { return };
    let streams = count(&log);
    let (bytes, requests) = streams.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let host = TestHost::with_jobs(&["edge-logs"]);
    host.folder("reports")
        .settings(MOUNTS)
        .write("logs/plain.log", &log)
        .write("logs/zipped.log.gz", gzip(log.as_bytes()));
    for file in ["plain.log", "zipped.log.gz"] {
        let report = result(&host, json!({ "files": [file] }));
        assert_eq!(
            (report["lines"].as_u64(), report["bytes"].as_u64()),
            (Some(requests), Some(bytes)),
            "{file}"
        );
        assert_eq!((&report["broken"], &report["accounts"]), (&json!(0), &json!({})), "{file}");
        assert_eq!(sums(&report["unknown"]), streams, "{file}");
    }
    let both = result(&host, json!({ "files": ["*"] }));
    assert_eq!((both["lines"].as_u64(), both["bytes"].as_u64()), (Some(2 * requests), Some(2 * bytes)));
}

#[test]
fn streams_of_the_real_log_go_to_their_accounts() {
    let Some(log) = access_log() else { return };
    let mut unknown = count(&log);
    let mut taken = |names: &[&str]| {
        let taken = names.iter().map(|name| unknown.remove(*name).expect("the log has it"));
        taken.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    };
    let accounts = BTreeMap::from([
        ("acme".to_owned(), taken(&["presentations", "files"])),
        ("root".to_owned(), taken(&[""])),
    ]);
    let host = TestHost::with_jobs(&["edge-logs"]);
    host.folder("reports").settings(MOUNTS).write("logs/access.log", &log);
    let payload = json!({ "files": ["access.log"], "format": "combined",
        "accounts": { "presentations": "acme", "files": "acme", "": "root", "not-there": "nobody" } });
    let report = result(&host, payload);
    assert_eq!(sums(&report["accounts"]), accounts);
    assert_eq!(sums(&report["unknown"]), unknown);
}

#[test]
fn no_accounts_at_all_counts_as_given() {
    let host = TestHost::with_jobs(&["edge-logs"]);
    let line = r#"192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET /live/1.ts HTTP/1.1" 200 1000 "-" "-""#;
    host.folder("reports").settings(MOUNTS).write("logs/access.log", format!("{line}\nbroken\n"));
    let expected = json!({ "lines": 2, "broken": 1, "bytes": 1000, "accounts": {}, "unknown": { "live": { "bytes": 1000, "requests": 1 } } });
    for payload in [
        json!({ "files": ["*.log"], "accounts": {} }),
        json!({ "files": ["*.log"] }),
        json!({ "files": ["*.log"], "accounts": null }),
    ] {
        assert_eq!(result(&host, payload), expected);
    }
}

#[test]
fn patterns_that_lead_out_of_the_mount_are_rejected_by_the_job() {
    let host = TestHost::with_jobs(&["edge-logs"]);
    host.folder("reports").folder("logs").settings(MOUNTS).write("secret.log", "outside");
    let run = |pattern: &str| host.run(&envelope("edge-logs", "scheduler", json!({ "files": [pattern] })));
    insta::assert_snapshot!(run("../secret.log").finish().exits(1).stderr(), @r"
    error[job_rejected]: pattern `../secret.log` of `files` has the component `..`; it must stay in the mount `edge-logs`
    hint: ask `billing`, who owns the job
    edge-logs rejected in [time and memory]
    ");
    let report = run("/etc/passwd").arg("--json").finish().exits(1).report();
    assert_eq!((&report["outcome"], &report["error"]["code"]), (&json!("rejected"), &json!("job_rejected")));
    insta::assert_snapshot!(run("*.log").finish().exits(1).stderr(), @r"
    error[job_failed]: no file in the mount `edge-logs` matches `*.log`
    hint: ask `billing`, who owns the job
    edge-logs failed in [time and memory]
    ");
}
