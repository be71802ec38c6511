//! The real log, counted a second time in another way: split at quotes and spaces, no code shared with the job.

use std::collections::BTreeMap;

use crate::edge::{Edge, access_log, gzip, payload};

#[derive(Default)]
struct Count {
    lines: u64,
    broken: u64,
    streams: BTreeMap<String, (u64, u64)>,
}

fn count(log: &[u8]) -> Count {
    let mut count = Count::default();
    for line in String::from_utf8_lossy(log).lines() {
        count.lines += 1;
        let Some((stream, bytes)) = stream_and_bytes(line) else {
            count.broken += 1;
            continue;
        };
        let totals = count.streams.entry(stream).or_default();
        totals.0 += bytes;
        totals.1 += 1;
    }
    count
}

fn stream_and_bytes(line: &str) -> Option<(String, u64)> {
    let quoted: Vec<&str> = line.split('"').collect();
    let words: Vec<&str> = quoted.get(2)?.split_whitespace().collect();
    let bytes = match *words.get(1)? {
        "-" => 0,
        digits => digits.parse().ok()?,
    };
    let path = quoted.get(1)?.split(' ').nth(1)?.split('?').next()?;
    Some((path.split('/').nth(1)?.to_owned(), bytes))
}

#[test]
fn real_log_adds_up_as_an_independent_count_does() {
    let Some(log) = access_log() else {
        notice("shared/data/edge-logs/access.log is absent: nothing compared");
        return;
    };
    let expected = count(&log);
    let bytes: u64 = expected.streams.values().map(|(bytes, _)| bytes).sum();
    notice(&format!(
        "lines={} broken={} bytes={bytes} streams={}",
        expected.lines,
        expected.broken,
        expected.streams.len()
    ));
    for stored in [log.clone(), gzip(&log)] {
        let report = Edge::new().with("access.log", stored).run(payload(&[])).unwrap();
        assert_eq!((report.lines, report.broken, report.bytes), (expected.lines, expected.broken, bytes));
        let streams: BTreeMap<_, _> = report
            .unknown
            .into_iter()
            .map(|(stream, totals)| (stream, (totals.bytes, totals.requests)))
            .collect();
        assert_eq!(streams, expected.streams);
    }
}

#[test]
fn accounts_of_the_real_log_are_the_sums_of_their_streams() {
    let Some(log) = access_log() else { return };
    let streams = count(&log).streams;
    let payload =
        payload(&[("presentations", "acme"), ("files", "acme"), ("", "root"), ("unseen", "nobody")]);
    let report = Edge::new().with("access.log", &log).run(payload).unwrap();
    let sum = |names: &[&str]| {
        names.iter().map(|name| streams[*name]).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    };
    let accounts: Vec<_> = report
        .accounts
        .iter()
        .map(|(name, totals)| (name.as_str(), (totals.bytes, totals.requests)))
        .collect();
    assert_eq!(accounts, [("acme", sum(&["presentations", "files"])), ("root", sum(&[""]))]);
    assert_eq!(report.unknown.len(), streams.len() - 3);
}

#[expect(clippy::print_stderr, reason = "a notice in a test's output")]
fn notice(text: &str) {
    eprintln!("{text}");
}
