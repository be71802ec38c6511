//! Whom the run warns.

use mainworker::Failure;
use mainworker::schedule::Refused;
use mainworker::testing::{Host, ScheduledTask};
use serde_json::{Value, json};

use crate::folder::{Reports, host, may};

fn acme(bytes: u64) -> Reports {
    Reports::new().with(1, may(&[("acme", bytes)]))
}

fn plan() -> Value {
    json!({ "acme": { "bytesPerMonth": 1_000, "email": "ops@acme.example" } })
}

fn email(threshold: u8) -> ScheduledTask {
    ScheduledTask {
        job: "send-email".to_owned(),
        payload: json!({
            "template": "bandwidth-warning", "to": "ops@acme.example",
            "variables": { "account": "acme", "month": "2015-05", "percent": threshold.to_string() },
        }),
        idempotency_key: Some(format!("acme:2015-05:{threshold}")),
        unique_key: None,
        delay: None,
        priority: None,
        label: None,
        tags: Vec::new(),
    }
}

#[test]
fn each_threshold_that_is_reached_is_an_email() {
    for (bytes, percent, thresholds) in [
        (899, 89, &[][..]),
        (900, 90, &[90]),
        (999, 99, &[90]),
        (1_000, 100, &[90, 100]),
        (u64::MAX, 1_844_674_407_370_955_161, &[90, 100]),
    ] {
        let host = host(&plan());
        let report = acme(bytes).run(&host).unwrap();
        assert_eq!(
            (report.accounts["acme"].percent, &report.accounts["acme"].warned[..]),
            (Some(percent), thresholds)
        );
        assert_eq!(
            host.scheduled(),
            thresholds.iter().map(|threshold| email(*threshold)).collect::<Vec<_>>()
        );
        assert!(report.unsent.is_empty());
    }
}

#[test]
fn a_later_run_with_more_bytes_asks_for_the_same_email() {
    let host_of = || host(&plan());
    let (first, second) = (host_of(), host_of());
    acme(920).run(&first).unwrap();
    acme(980).run(&second).unwrap();
    assert_eq!(first.scheduled(), second.scheduled());
}

#[test]
fn who_cannot_be_reached_is_in_the_result() {
    for (plan, reason) in [
        (json!({ "bytesPerMonth": 10 }), "its plan names no e-mail address"),
        (
            json!({ "bytesPerMonth": 10, "email": "a@b\nBcc: c@d" }),
            "the address `a@b\\nBcc: c@d` in its plan is no e-mail address; expected one `NAME@HOST` of at most 254 \
             bytes, without white space",
        ),
    ] {
        let host =
            host(&json!({ "acme": plan, "globex": { "bytesPerMonth": 10, "email": "ops@globex.example" } }));
        let reports = Reports::new().with(1, may(&[("acme", 9), ("globex", 9)]));
        let report = reports.run(&host).unwrap();
        let unsent = serde_json::to_value(&report.unsent).unwrap();
        assert_eq!(unsent, json!([{ "account": "acme", "threshold": 90, "reason": reason }]));
        assert_eq!((report.accounts["acme"].warned.len(), report.accounts["globex"].warned.len()), (0, 1));
        assert_eq!(host.scheduled().len(), 1);
    }
}

#[test]
fn an_email_that_is_rejected_is_in_the_result() {
    let host =
        host(&plan()).refuse_schedule("send-email", Refused::Rejected("idempotency_conflict".to_owned()));
    let report = acme(1_000).run(&host).unwrap();
    assert_eq!(report.accounts["acme"].warned, Vec::<u8>::new());
    let reasons: Vec<_> =
        report.unsent.iter().map(|unsent| (unsent.threshold, unsent.reason.as_str())).collect();
    let reason = "the task was not scheduled, rejected: idempotency_conflict";
    assert_eq!(reasons, [(90, reason), (100, reason)]);
}

#[test]
fn a_run_that_can_ask_for_no_email_fails() {
    for (refused, why) in [
        (Refused::NotGranted("send-email".to_owned()), "not granted: send-email"),
        (Refused::OverLimit("10001".to_owned()), "over the limit: 10001"),
    ] {
        let host: Host = host(&plan()).refuse_schedule("send-email", refused);
        let expected = format!("warning `acme` at 90 % for 2015-05: the task was not scheduled, {why}");
        assert_eq!(acme(900).run(&host), Err(Failure::failed(expected)));
    }
}
