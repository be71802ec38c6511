//! The JSON of `edge-logs` payloads and reports.

use mainworker_models::{AccountTotals, EdgeLogsPayload, LogFormat, Seconds};
use serde_json::json;

#[test]
fn payload_needs_only_files() {
    let payload: EdgeLogsPayload = serde_json::from_value(json!({ "files": ["*.log"] })).unwrap();
    assert_eq!(payload.format, LogFormat::Auto);
    assert_eq!(payload.accounts, None);
}

#[test]
fn payload_with_an_unknown_field_is_refused() {
    let refused = serde_json::from_value::<EdgeLogsPayload>(json!({ "files": ["*.log"], "file": "a" }));
    assert!(refused.unwrap_err().to_string().contains("file"));
}

#[test]
fn format_names_are_the_published_ones() {
    for format in [
        LogFormat::Auto,
        LogFormat::Combined,
        LogFormat::Cloudfront,
        LogFormat::EdgecastFms,
        LogFormat::EdgecastWpc,
    ] {
        assert_eq!(serde_json::to_value(format).unwrap(), json!(format.name()));
    }
}

#[test]
fn seconds_are_integers_where_whole() {
    let text = |millis| serde_json::to_string(&Seconds::from_millis(millis)).unwrap();
    assert_eq!([text(0), text(90_000), text(90_250), text(1)], ["0", "90", "90.25", "0.001"]);
    for millis in [0, 1, 999, 1_000, 86_400_001, 31_536_000_000_017] {
        assert_eq!(serde_json::from_str::<Seconds>(&text(millis)).unwrap().as_millis(), millis);
    }
    for refused in ["-1", "-0.5", "1e300", "\"1\"", "18446744073709551615"] {
        assert!(serde_json::from_str::<Seconds>(refused).is_err(), "{refused}");
    }
}

#[test]
fn seconds_appear_only_where_there_are_some() {
    let mut totals = AccountTotals { bytes: 1, requests: 2, seconds: None };
    assert_eq!(serde_json::to_value(totals).unwrap(), json!({ "bytes": 1, "requests": 2 }));
    totals.seconds = Some(Seconds::from_millis(3_000));
    assert_eq!(serde_json::to_value(totals).unwrap(), json!({ "bytes": 1, "requests": 2, "seconds": 3 }));
}

#[test]
fn payload_schema_bounds_the_patterns() {
    let payload = schemars::schema_for!(EdgeLogsPayload);
    let files = &payload.as_value()["properties"]["files"];
    assert_eq!((&files["minItems"], &files["maxItems"]), (&json!(1), &json!(100)));
    assert_eq!(payload.as_value()["required"], json!(["files"]));
}
