//! Folders that are not as `edge-logs` leaves them, and an accounts service that does not answer as it should.

use std::fs;

use mainworker::Failure;
use serde_json::json;

use crate::folder::{Reports, digest, host, may, report};

fn damaged(content: impl AsRef<[u8]>) -> String {
    let name = format!("{}.json", digest(1));
    let message = Reports::new().with(2, may(&[])).with_file(&name, content).failure();
    let (start, end) =
        (format!("the report `{name}` is damaged: it "), "; expected what the job `edge-logs` writes");
    message.strip_prefix(&start).and_then(|rest| rest.strip_suffix(end)).unwrap().to_owned()
}

#[test]
fn a_damaged_report_is_named_and_nothing_is_added_up() {
    let whole = report(1, "a.log", may(&[("acme", 5)])).to_string();
    for (content, found) in [
        (String::new(), "is none: EOF while parsing a value"),
        (whole[..whole.len() - 9].to_owned(), "is none: EOF while parsing"),
        (format!("{whole}{whole}"), "is none: trailing characters"),
        (whole.replace("\"bytes\":5", "\"bytes\":-5"), "is none: invalid value: integer `-5`"),
        (whole.replace("\"lines\"", "\"rows\""), "is none: unknown field `rows`"),
        ("{}".to_owned(), "is none: missing field"),
    ] {
        let message = damaged(&content);
        assert!(message.starts_with(found), "{content}: {message}");
    }
    assert!(damaged([0xff, 0xfe]).starts_with("is none: "));
    let renamed = damaged(report(3, "a.log", json!({})).to_string());
    assert_eq!(renamed, format!("is of the file with the digest `{}`", digest(3)));
    assert_eq!(damaged(" ".repeat((16 << 20) + 1)), "has more than 16777216 bytes");
}

#[test]
fn a_missing_mount_is_named() {
    let reports = Reports::new();
    fs::remove_dir(reports.path()).unwrap();
    assert_eq!(reports.failure(), "the mount `reports` is not there");
}

#[test]
fn plans_that_nobody_expected_fail_the_attempt() {
    let reports = Reports::new().with(1, may(&[("acme", 5)]));
    for plans in
        [json!([]), json!({ "acme": { "bytesPerMonth": 0 } }), json!({ "acme": { "bytesPerMonth": "many" } })]
    {
        let host = host(&plans);
        let failure = reports.run(&host).unwrap_err();
        assert_eq!(failure, Failure::failed(failure.message()));
        let start = "asking the accounts service: GET https://accounts.example/plans: the answer ";
        assert!(failure.message().starts_with(start), "{failure}");
        assert!(
            failure
                .message()
                .ends_with(r#"; expected `{"plans":{ACCOUNT:{"bytesPerMonth":N,"email":ADDRESS}}}`"#)
        );
        assert_eq!(host.scheduled(), []);
    }
}
