//! Granted secrets: nowhere to be seen, whatever the job does with them in plain text.

use crate::support::harness::Harness;
use crate::support::job_text::job_returning;
use mainworker_domain::configuration::GrantedValue;
use mainworker_domain::limits::TEXT_BYTES_MAX;
use mainworker_domain::outcome::AttemptEnd;
use serde_json::json;

const CANARY: &str = "canary-4b1d\"c0ffee\\99";

fn secret(value: &str) -> GrantedValue {
    GrantedValue { value: value.to_owned().into(), secret: true, placeholder: false, of_host: true }
}

/// What can be seen of a run in which the probe tells its secret in `place`.
async fn seen(place: &str, value: &str, before: usize) -> String {
    let harness = Harness::shared().await;
    let (run, _) = harness.case("tells its secret");
    let mut run = run.with("place", place).with("before", before).value("secret", secret(value));
    let mut said = run.listen();
    let report = run.end().await;
    format!("{report:?}\n{}\n{:?}", report.end.message(), said.all())
}

#[tokio::test]
async fn a_secret_is_nowhere_to_be_seen() {
    let row = crate::support::case::named("tells its secret");
    assert_eq!(row.probe, "tells_secrets");
    for place in ["log", "stdout", "stderr", "progress", "rejected", "failed", "retry", "panic", "result"] {
        let seen = seen(place, CANARY, 0).await;
        assert!(seen.contains("***"), "`{place}` told nothing: {seen}");
        for part in ["canary", "4b1d", "c0ffee"] {
            assert!(!seen.contains(part), "`{place}` shows `{part}`: {seen}");
        }
    }
}

/// Where a text is cut, a part of a secret is no longer the secret that a mask looks for.
#[tokio::test]
async fn a_secret_across_a_cut_is_not_seen_in_part() {
    for place in ["log", "stdout", "stderr", "progress", "failed", "panic"] {
        for into in [1, 8, 12, 16] {
            let seen = seen(place, CANARY, TEXT_BYTES_MAX - into).await;
            assert!(!seen.contains("cana") && !seen.contains("bcan"), "`{place}` shows a part at {into}");
        }
    }
}

#[tokio::test]
async fn a_secret_of_several_lines_is_not_seen() {
    for place in ["log", "stdout", "stderr", "progress", "failed", "panic", "result"] {
        let seen = seen(place, "first-canary\nsecond-canary\r\nthird-canary", 0).await;
        assert!(seen.contains("***") && !seen.contains("canary"), "`{place}`: {seen}");
    }
}

/// A reader of JSON makes other digits of some numbers; the text of the result still has the secret's.
#[tokio::test]
async fn a_secret_number_is_not_seen_in_a_result() {
    let harness = Harness::shared().await;
    for value in ["73150911", "-4711", "98765432109876543210123", "4711.50", "4711e20"] {
        let job = job_returning(&format!("[{value}, 1.0]"));
        let report = harness.component(&job).value("secret", secret(value)).end().await;
        let AttemptEnd::Completed { result } = report.end else { panic!("{:?}", report.end) };
        assert_eq!(result, r#"["***", 1.0]"#, "all but the secret is as it was written");
    }
}

#[tokio::test]
async fn a_secret_for_one_place_only_is_a_placeholder_of_its_attempt() {
    let harness = Harness::shared().await;
    let mut placeholders = Vec::new();
    for _ in 0..2 {
        let run = harness.probe(json!({ "probe": "reads_configuration", "keys": ["secret"] }));
        let value = GrantedValue { placeholder: true, ..secret(CANARY) };
        let read = run.value("secret", value).result().await;
        let placeholder = read["secret"].as_str().unwrap().to_owned();
        assert!(placeholder.starts_with("mwsecret-") && placeholder.len() > 40, "{placeholder}");
        placeholders.push(placeholder);
    }
    assert_ne!(placeholders[0], placeholders[1]);
}
