//! What is added up.

use std::fs;

use mainworker_models::AccountBandwidth;
use serde_json::json;

use crate::folder::{Reports, digest, host, may, report};

#[test]
fn an_account_served_the_sum_over_all_reports_of_the_month() {
    let months = json!({
        "2015-04": { "accounts": { "acme": { "bytes": 100_000, "requests": 9 } }, "unknown": {} },
        "2015-05": {
            "accounts": {
                "acme": { "bytes": 30, "requests": 2, "seconds": 1.5 },
                "idle": { "bytes": 0, "requests": 1 },
            },
            "unknown": { "osaka": { "bytes": 7, "requests": 1 }, "other": { "bytes": 2, "requests": 1 } },
        },
        "other": { "accounts": { "acme": { "bytes": 100_000, "requests": 9 } }, "unknown": {} },
    });
    let reports =
        Reports::new().with(1, months).with(2, may(&[("acme", 12), ("globex", 5)])).with(3, json!({}));
    let plans = json!({ "acme": { "bytesPerMonth": 100 }, "globex": {}, "sleepy": { "bytesPerMonth": 1 } });
    let host = host(&plans);
    let report = reports.run(&host).unwrap();
    assert_eq!(
        serde_json::to_value(report).unwrap(),
        json!({
            "month": "2015-05", "files": 3, "foreignFiles": 0,
            "accounts": {
                "acme": { "bytes": 42, "limitBytes": 100, "percent": 42 },
                "globex": { "bytes": 5 },
            },
            "unknownBytes": 9, "repeatedFiles": [], "withoutPlan": [], "unsent": [],
        })
    );
    assert_eq!(host.requests()[0].header("authorization"), Some("Bearer sample-token"));
    assert_eq!(host.scheduled(), []);
}

#[test]
fn running_twice_adds_nothing() {
    let reports = Reports::new().with(1, may(&[("acme", 95)])).with(2, may(&[("acme", 4)]));
    let run = || reports.run(&host(&json!({ "acme": { "bytesPerMonth": 100, "email": "a@b" } }))).unwrap();
    assert_eq!(run(), run());
}

#[test]
fn an_account_without_a_plan_is_added_up_and_named() {
    let reports = Reports::new().with(1, may(&[("acme", 5), ("globex", 6)]));
    let report = reports.run(&host(&json!({ "acme": {} }))).unwrap();
    assert_eq!(report.without_plan, ["globex"]);
    assert_eq!(report.accounts["globex"], AccountBandwidth { bytes: 6, ..AccountBandwidth::default() });
}

#[test]
fn a_log_file_that_changed_between_two_runs_is_named() {
    let grown = |number: u64| report(number, "live.log", may(&[("acme", number)])).to_string();
    let elsewhere =
        report(3, "live.log", json!({ "2015-04": { "accounts": {}, "unknown": {} } })).to_string();
    let reports = Reports::new()
        .with_file(&format!("{}.json", digest(1)), grown(1))
        .with_file(&format!("{}.json", digest(2)), grown(2))
        .with_file(&format!("{}.json", digest(3)), elsewhere)
        .with(4, may(&[("acme", 4)]));
    let report = reports.run(&host(&json!({ "acme": {} }))).unwrap();
    assert_eq!((report.repeated_files, report.accounts["acme"].bytes), (vec!["live.log".to_owned()], 7));
}

#[test]
fn no_reports_are_no_bytes() {
    let report = Reports::new().run(&host(&json!({}))).unwrap();
    assert_eq!((report.files, report.accounts.len()), (0, 0));
}

#[test]
fn names_that_are_no_reports_are_counted_and_left_alone() {
    let reports = Reports::new()
        .with(1, may(&[("acme", 5)]))
        .with_file("README.txt", "hands off")
        .with_file(&format!("{}.json", "A".repeat(64)), "{}")
        .with_file(&format!("{}.json.bak", digest(1)), "{}")
        .with_file(&format!(".{}.json.task-1.tmp", digest(2)), "half a rep");
    fs::create_dir(reports.path().join("2014")).unwrap();
    fs::create_dir(reports.path().join(format!("{}.json", digest(9)))).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(digest(1), reports.path().join(format!("{}.json", digest(8)))).unwrap();
    let host = host(&json!({ "acme": {} }));
    let report = reports.run(&host).unwrap();
    assert_eq!((report.files, report.accounts["acme"].bytes), (1, 5));
    assert_eq!(report.foreign_files, if cfg!(unix) { 6 } else { 5 });
    assert!(host.logs().iter().any(|line| line.message == "foreign_file name=README.txt"));
}
