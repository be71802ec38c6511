//! What is kept per file in the mount `reports`.

use std::fs;
use std::time::{Duration, SystemTime};

use mainworker::Failure;
use mainworker_models::{FileReport, LogFormat};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::edge::{Edge, combined, combined_at, gzip, payload};

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn months_log() -> String {
    [
        combined_at("30/Apr/2015:23:59:59 +0000", "shibuya", 1),
        combined_at("01/May/2015:00:30:00 +0100", "shibuya", 10),
        combined_at("01/May/2015:00:00:00 +0000", "osaka", 100),
        combined_at("31/May/2015:23:30:00 -0100", "osaka", 1_000),
        "damaged".to_owned(),
    ]
    .join("\n")
}

#[test]
fn report_holds_each_month_in_utc() {
    let stored = gzip(months_log());
    let edge = Edge::new().with("2015/a.log.gz", &stored);
    edge.run_with_reports(payload(&[("shibuya", "acme")])).unwrap();
    let kept = edge.kept();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].0, format!("{}.json", digest(&stored)));
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&kept[0].1).unwrap(),
        json!({
            "digest": digest(&stored), "file": "2015/a.log.gz", "format": "combined",
            "lines": 5, "broken": 1, "bytes": 1_111,
            "months": {
                "2015-04": { "accounts": { "acme": { "bytes": 11, "requests": 2 } }, "unknown": {} },
                "2015-05": { "accounts": {}, "unknown": { "osaka": { "bytes": 100, "requests": 1 } } },
                "2015-06": { "accounts": {}, "unknown": { "osaka": { "bytes": 1_000, "requests": 1 } } },
            },
        })
    );
}

#[test]
fn lines_without_a_month_are_kept_under_other() {
    let undated = "#Fields: x-event x-sname sc-bytes x-duration\nstop\tosaka\t5\t2\n";
    let dated: String =
        (0..30).map(|n| combined_at(&format!("17/May/20{n:02}:10:05:03 +0000"), "osaka", 1) + "\n").collect();
    for (log, bytes, months) in [(undated, 5, 1), (dated.as_str(), 6, 25)] {
        let edge = Edge::new().with("a.log", log);
        edge.run_with_reports(payload(&[])).unwrap();
        let report: FileReport = serde_json::from_slice(&edge.kept()[0].1).unwrap();
        assert_eq!(report.months["other"].unknown["osaka"].bytes, bytes);
        assert_eq!(report.months.len(), months);
        assert_ne!(report.format, LogFormat::Auto);
    }
}

#[test]
fn running_twice_changes_nothing() {
    let edge = Edge::new().with("a.log", months_log()).with("b.log", combined("osaka", 7));
    let first = edge.run_with_reports(payload(&[])).unwrap();
    let kept = edge.kept();
    assert_eq!(kept.len(), 2);
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let paths: Vec<_> = kept.iter().map(|(name, _)| edge.reports().join(name)).collect();
    for path in &paths {
        fs::File::options().write(true).open(path).unwrap().set_modified(long_ago).unwrap();
    }
    assert_eq!(edge.run_with_reports(payload(&[])).unwrap(), first);
    assert_eq!(edge.kept(), kept);
    for path in &paths {
        assert_eq!(fs::metadata(path).unwrap().modified().unwrap(), long_ago);
    }
}

#[test]
fn report_does_not_depend_on_the_other_files_of_a_run() {
    let crowd: String = (0..1_500).map(|n| combined(&format!("crowd{n}"), 1) + "\n").collect();
    let log = months_log();
    let name = format!("{}.json", digest(log.as_bytes()));
    let read = |edge: &Edge| {
        edge.run_with_reports(payload(&[])).unwrap();
        fs::read(edge.reports().join(&name)).unwrap()
    };
    let alone = read(&Edge::new().with("b.log", &log));
    assert_eq!(read(&Edge::new().with("a.log", crowd).with("b.log", &log)), alone);
}

#[test]
fn report_of_other_accounts_replaces_the_old_one() {
    let edge = Edge::new().with("a.log", months_log());
    edge.run_with_reports(payload(&[])).unwrap();
    let before = edge.kept();
    edge.run_with_reports(payload(&[("osaka", "acme")])).unwrap();
    let after = edge.kept();
    assert_eq!(after.len(), 1);
    assert_ne!(after[0].1, before[0].1);
}

#[test]
fn copy_that_a_killed_attempt_left_is_taken_over() {
    let log = months_log();
    let digest = digest(log.as_bytes());
    let edge = Edge::new().with("a.log", &log);
    let aside = edge.reports().join(format!(".{digest}.json.task-1.tmp"));
    for _ in 0..2 {
        fs::write(&aside, "half a rep").unwrap();
        edge.run_with_reports(payload(&[])).unwrap();
        let names: Vec<_> = edge.kept().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, [format!("{digest}.json")]);
    }
}

#[test]
fn report_that_cannot_be_written_fails_and_leaves_nothing_aside() {
    let log = months_log();
    let name = format!("{}.json", digest(log.as_bytes()));
    let edge = Edge::new().with("a.log", &log);
    fs::create_dir_all(edge.reports().join(&name).join("in the way")).unwrap();
    let failure = edge.run_with_reports(payload(&[])).unwrap_err();
    assert_eq!(failure, Failure::failed(failure.message()));
    assert!(failure.message().starts_with(&format!("writing report `{name}` to the mount `reports`: ")));
    let names: Vec<_> = edge.kept().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, [name]);
}

#[test]
fn no_reports_without_the_grant() {
    let edge = Edge::new().with("a.log", months_log());
    edge.run(payload(&[])).unwrap();
    assert_eq!(edge.kept(), []);
}
