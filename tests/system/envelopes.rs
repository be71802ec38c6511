//! Envelopes that are rejected: exit 3, one clear error, nothing printed on stdout, nothing written.

use crate::host::{CANARY, TestHost, envelope};
use serde_json::{Value, json};
use std::fs::File;

/// What is said of an envelope that is rejected with this code.
#[track_caller]
fn rejected(host: &TestHost, envelope: impl AsRef<[u8]>, code: &str) -> String {
    host.refused(envelope, 3, "rejected", code)
}

/// An envelope for `echo` with a field replaced, or without it.
fn with(field: &str, value: Option<Value>) -> String {
    let mut envelope = envelope("echo", "api", json!({}));
    match value {
        Some(value) => envelope[field] = value,
        None => drop(envelope.as_object_mut().unwrap().remove(field)),
    }
    envelope.to_string()
}

#[test]
fn malformed() {
    let host = TestHost::new();
    let text = format!("{{\"configuration\": {{\"token\": \"{CANARY}\"}},\n  jobName: 'echo'}}");
    insta::assert_snapshot!(rejected(&host, text, "malformed_json"), @r#"
    error[malformed_json]: the envelope is not valid JSON at line 2, column 3: key must be a string
    hint: check the file with `jq .`; an envelope is {"configuration": {}, "jobName": "…", "source": "…", "jobPayload": {}}
    "#);
    for text in
        ["", " ", "\u{feff}{}", "{} {}", "nul", "{\"a\":01}", "\"\\ud800\"", "[1,]", "{\"a\":\"\u{1}\"}"]
    {
        rejected(&host, text, "malformed_json");
    }
    rejected(&host, b"{\"configuration\":\"\xff\xfe\"}", "malformed_json");
    rejected(&host, [0; 100], "malformed_json");
}

#[test]
fn truncated_anywhere() {
    let host = TestHost::new();
    let whole = envelope("echo", "api", json!({ "n": [1, 2] })).to_string();
    insta::assert_snapshot!(rejected(&host, &whole[..whole.len() - 1], "malformed_json"), @r#"
    error[malformed_json]: the envelope is not valid JSON at line 1, column 103: EOF while parsing an object
    hint: check the file with `jq .`; an envelope is {"configuration": {}, "jobName": "…", "source": "…", "jobPayload": {}}
    "#);
    for end in (0..whole.len()).step_by(7) {
        rejected(&host, &whole[..end], "malformed_json");
    }
}

#[test]
fn a_hundred_megabytes() {
    let host = TestHost::new();
    host.write("envelope.json", "");
    File::options().write(true).open(host.path("envelope.json")).unwrap().set_len(100_000_000).unwrap();
    insta::assert_snapshot!(host.refused_as_written(3, "rejected", "too_large"), @r"
    error[too_large]: the envelope has 100000000 bytes (95.3 MiB), expected at most 1048576 bytes (1 MiB)
      at /
    hint: pass data in a mount and name it in the payload
    ");
}

#[test]
fn a_stream_without_end() {
    let host = TestHost::new();
    let run = || host.mainworker(&["run", "/dev/zero", "--modules", "modules", "--data", "data"]);
    let printed = run().finish().exits(3);
    assert_eq!(printed.stdout(), "");
    insta::assert_snapshot!(printed.stderr(), @r"
    error[too_large]: the envelope has more than 1048576 bytes (1 MiB), expected at most 1048576 bytes (1 MiB)
      at /
    hint: pass data in a mount and name it in the payload
    ");
    assert_eq!(run().arg("--json").finish().exits(3).report()["error"]["code"], json!("too_large"));
}

#[test]
fn a_megabyte_through_stdin() {
    let host = TestHost::new();
    let text = |bytes: usize| {
        let text = envelope("echo", "api", json!({})).to_string();
        format!("{text}{}", " ".repeat(bytes - text.len()))
    };
    let run =
        |text| host.mainworker(&["run", "-", "--modules", "modules", "--data", "data"]).stdin(text).finish();
    assert_eq!(run(text(1 << 20)).exits(0).stdout(), "{}\n");
    let printed = run(text((1 << 20) + 1)).exits(3);
    assert_eq!(printed.stdout(), "");
    assert!(
        printed.stderr().starts_with("error[too_large]: the envelope has more than 1048576 bytes"),
        "{}",
        printed.stderr()
    );
}

#[test]
fn a_payload_or_a_configuration_over_its_own_limit() {
    let host = TestHost::new();
    let payload = with("jobPayload", Some(json!({ "text": "x".repeat(256 << 10) })));
    insta::assert_snapshot!(rejected(&host, payload, "too_large"), @r"
    error[too_large]: `jobPayload` has 262155 bytes (256 KiB), expected at most 262144 bytes (256 KiB)
      at /jobPayload
    hint: pass data in a mount and name it in the payload
    ");
    let configuration = with("configuration", Some(json!({ "key": CANARY.repeat(8 << 10) })));
    insta::assert_snapshot!(rejected(&host, configuration, "too_large"), @r"
    error[too_large]: `configuration` has 139274 bytes (136 KiB), expected at most 65536 bytes (64 KiB)
      at /configuration
    hint: pass only the keys that the job names; `mainworker jobs show NAME` lists them
    ");
}

#[test]
fn deeply_nested() {
    let host = TestHost::new();
    let nested = |levels: usize| {
        with("jobPayload", Some(json!("@")))
            .replace("\"@\"", &format!("{}{{}}{}", "{\"a\":".repeat(levels - 1), "}".repeat(levels - 1)))
    };
    insta::assert_snapshot!(rejected(&host, nested(64), "malformed_json"), @r#"
    error[malformed_json]: the envelope is not valid JSON at line 1, column 394: more than 64 levels of nesting
    hint: check the file with `jq .`; an envelope is {"configuration": {}, "jobName": "…", "source": "…", "jobPayload": {}}
    "#);
    // The whole is one level, the payload the rest.
    let allowed = nested(63);
    host.write("envelope.json", allowed);
    let printed = host.run_written().finish().exits(0);
    assert!(printed.stdout().starts_with("{\"a\":{\"a\":"), "{}", printed.stdout());
    rejected(&host, "[".repeat(500_000), "malformed_json");
    rejected(&host, "{\"a\":".repeat(150_000), "malformed_json");
}

/// serde_json would put the text's value in place of the object, and the schema be checked against that.
#[test]
fn keys_that_a_reader_takes_for_its_own() {
    let host = TestHost::new();
    let hidden = r#"{"configuration":{},"jobName":"echo","source":"api","jobPayload":{"$serde_json::private::RawValue":"{}"}}"#;
    let said = rejected(&host, hidden, "malformed_json");
    assert!(said.contains("the key `$serde_json::private::RawValue` is reserved"), "{said}");
}

#[test]
fn duplicate_keys() {
    let host = TestHost::new();
    let twice = format!(
        r#"{{"configuration":{{"token":"{CANARY}","token":"{CANARY}2"}},"jobName":"echo","source":"api","jobPayload":{{}}}}"#
    );
    insta::assert_snapshot!(rejected(&host, twice, "malformed_json"), @r"
    error[malformed_json]: the envelope is not valid JSON at line 1, column 53: the key `token` appears twice in one object
    hint: keep one `token` of the two
    ");
    let escaped = r#"{"configuration":{},"jobName":"echo","source":"api","source":"ci","jobPayload":{}}"#;
    rejected(&host, escaped.replacen("source", r"sourc\u0065", 1), "malformed_json");
}

#[test]
fn wrong_types() {
    let host = TestHost::new();
    insta::assert_snapshot!(rejected(&host, with("configuration", Some(json!([CANARY]))), "wrong_type"), @r#"
    error[wrong_type]: `/configuration` is an array, expected an object
      at /configuration
    hint: an envelope is {"configuration": {}, "jobName": "…", "source": "…", "jobPayload": {}}
    "#);
    insta::assert_snapshot!(rejected(&host, "[]", "wrong_type"), @r#"
    error[wrong_type]: `/` is an array, expected an object
      at /
    hint: an envelope is {"configuration": {}, "jobName": "…", "source": "…", "jobPayload": {}}
    "#);
    for (field, value) in [
        ("configuration", json!(CANARY)),
        ("configuration", Value::Null),
        ("jobName", json!(7)),
        ("source", json!(["api"])),
        ("jobPayload", json!("text")),
        ("jobPayload", Value::Null),
    ] {
        let said = rejected(&host, with(field, Some(value)), "wrong_type");
        assert!(said.contains(&format!("\n  at /{field}\n")), "{said}");
    }
}

#[test]
fn unknown_fields() {
    let host = TestHost::new();
    insta::assert_snapshot!(rejected(&host, with("payload", Some(json!(CANARY))), "unknown_field"), @r"
    error[unknown_field]: the envelope has an unknown field `payload`, expected only `configuration`, `jobName`, `source` and `jobPayload`
      at /payload
    hint: did you mean `jobPayload`?
    ");
    insta::assert_snapshot!(rejected(&host, with("priority", Some(json!(3))), "unknown_field"), @r#"
    error[unknown_field]: the envelope has an unknown field `priority`, expected only `configuration`, `jobName`, `source` and `jobPayload`
      at /priority
    hint: remove it, or move it into `jobPayload`; an envelope is {"configuration": {}, "jobName": "…", "source": "…", "jobPayload": {}}
    "#);
}

#[test]
fn missing_fields() {
    let host = TestHost::new();
    insta::assert_snapshot!(rejected(&host, with("jobPayload", None), "missing_field"), @r#"
    error[missing_field]: the envelope has no field `jobPayload`, expected `configuration`, `jobName`, `source` and `jobPayload`
    hint: add `"jobPayload": …`; an envelope is {"configuration": {}, "jobName": "…", "source": "…", "jobPayload": {}}
    "#);
    for field in ["configuration", "jobName", "source"] {
        let said = rejected(&host, with(field, None), "missing_field");
        assert!(said.contains(&format!("no field `{field}`")), "{said}");
    }
    rejected(&host, "{}", "missing_field");
}
