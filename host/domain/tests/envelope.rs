//! Each way in which an envelope can be wrong, and the order in which they are reported.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use mainworker_domain::admission::admit;
use mainworker_domain::catalog::{Catalog, ModuleDescription, Revision};
use mainworker_domain::digest::Digest;
use mainworker_domain::envelope::Envelope;
use mainworker_domain::manifest::Manifest;
use mainworker_domain::rejection::Rejection;
use secrecy::SecretString;
use serde_json::json;
use std::sync::Arc;

const MANIFEST: &str = r#"
[job]
name = "sums"
version = "1.0.0"
summary = "Adds numbers"

[schedulable-by]
sources = ["api", "scheduler"]

[configuration]
"accounts.url" = { required = true, from = "host" }
"#;

fn catalog() -> Catalog {
    let description = ModuleDescription {
        manifest: Manifest::parse_toml(MANIFEST).unwrap(),
        payload_schema: Some(json!({
            "type": "object", "required": ["n"], "properties": { "n": { "type": "integer" } }
        })),
        result_schema: None,
    };
    let section = description.to_section();
    Catalog::of([Arc::new(Revision::from_section(Digest::from_sha256([7; 32]), &section).unwrap())])
}

fn door(text: &str, host_value: Option<&str>) -> Result<(), Rejection> {
    let host = |_: &str| host_value.map(SecretString::from);
    let known = catalog().resolve(Envelope::parse(text.as_bytes())?)?;
    admit(known, &host).map(|_| ())
}

fn code(text: &str) -> &'static str {
    door(text, None).unwrap_err().code()
}

#[test]
fn every_rejection_has_its_code() {
    let rows = [
        ("malformed_json", "{"),
        (
            "malformed_json",
            r#"{"configuration":{},"configuration":{},"jobName":"sums","source":"api","jobPayload":{}}"#,
        ),
        (
            "malformed_json",
            r#"{"configuration":{},"jobName":"sums","source":"api","jobPayload":{"n":1,"n":2}}"#,
        ),
        ("wrong_type", "[]"),
        ("wrong_type", "null"),
        ("missing_field", "{}"),
        ("missing_field", r#"{"configuration":{},"jobName":"sums","source":"api"}"#),
        (
            "unknown_field",
            r#"{"configuration":{},"jobName":"sums","source":"api","jobPayload":{},"priority":1}"#,
        ),
        ("wrong_type", r#"{"configuration":[],"jobName":"sums","source":"api","jobPayload":{}}"#),
        ("wrong_type", r#"{"configuration":{},"jobName":7,"source":"api","jobPayload":{}}"#),
        ("wrong_type", r#"{"configuration":{},"jobName":"sums","source":null,"jobPayload":{}}"#),
        ("wrong_type", r#"{"configuration":{},"jobName":"sums","source":"api","jobPayload":"{}"}"#),
        ("unknown_job", r#"{"configuration":{},"jobName":"sum","source":"api","jobPayload":{}}"#),
        ("unknown_job", r#"{"configuration":{},"jobName":"../sums","source":"api","jobPayload":{}}"#),
        (
            "source_not_allowed",
            r#"{"configuration":{},"jobName":"sums","source":"dashboard","jobPayload":{}}"#,
        ),
        ("payload_invalid", r#"{"configuration":{},"jobName":"sums","source":"api","jobPayload":{"n":"1"}}"#),
        (
            "missing_configuration",
            r#"{"configuration":{},"jobName":"sums","source":"api","jobPayload":{"n":1}}"#,
        ),
    ];
    for (expected, text) in rows {
        assert_eq!(code(text), expected, "{text}");
    }
    let fine = r#"{"configuration":{},"jobName":"sums","source":"api","jobPayload":{"n":1}}"#;
    assert_eq!(door(fine, Some("https://accounts.example")), Ok(()));
}

#[test]
fn the_first_check_that_fails_is_the_one_reported() {
    // Each row breaks its own check and all later ones.
    let large = format!(r#"{{"a":"{}"#, "x".repeat(1 << 20));
    let rows = [
        ("too_large", large.as_str()),
        ("malformed_json", r#"{"extra":1,"extra":2"#),
        ("unknown_field", r#"{"extra":1,"jobName":"nope","source":"nobody"}"#),
        ("unknown_job", r#"{"configuration":{},"jobName":"nope","source":"nobody","jobPayload":{}}"#),
        ("source_not_allowed", r#"{"configuration":{},"jobName":"sums","source":"nobody","jobPayload":{}}"#),
        ("payload_invalid", r#"{"configuration":{},"jobName":"sums","source":"api","jobPayload":{}}"#),
    ];
    for (expected, text) in rows {
        assert_eq!(code(text), expected);
    }
}

#[test]
fn parts_have_limits_of_their_own() {
    let text = |part: &str, bytes: usize| {
        let filler = format!(r#"{{"x":"{}"}}"#, "x".repeat(bytes));
        let (configuration, payload) =
            if part == "payload" { ("{}", filler.as_str()) } else { (filler.as_str(), "{}") };
        format!(
            r#"{{"configuration":{configuration},"jobName":"sums","source":"api","jobPayload":{payload}}}"#
        )
    };
    for (part, bytes, pointer) in
        [("payload", 256 << 10, "/jobPayload"), ("configuration", 64 << 10, "/configuration")]
    {
        let rejection = door(&text(part, bytes), None).unwrap_err();
        assert_eq!((rejection.code(), rejection.pointer().as_deref()), ("too_large", Some(pointer)));
        assert_ne!(code(&text(part, bytes - 100)), "too_large");
    }
}

#[test]
fn a_configured_secret_is_in_no_rejection_and_no_debug_output() {
    let canary = "canary-7f3a";
    let wrong = [
        format!(
            r#"{{"configuration":{{"k":"{canary}"}},"jobName":"sums","source":"nobody","jobPayload":{{}}}}"#
        ),
        format!(
            r#"{{"configuration":{{"k":"{canary}"}},"jobName":"sums","source":"api","jobPayload":{{"n":1}}}}"#
        ),
        format!(r#"{{"configuration":{{"k":"{canary}"}},"jobName":"sums","source":"api","jobPayload":3}}"#),
        format!(r#"{{"configuration":{{"k":"{canary}"}}"#),
        format!(r#"{{"configuration":"{canary}","jobName":"sums","source":"api","jobPayload":{{}}}}"#),
    ];
    for text in wrong {
        let rejection = door(&text, None).unwrap_err();
        assert!(!format!("{rejection} {rejection:?}").contains(canary), "{rejection:?}");
        if let Ok(envelope) = Envelope::parse(text.as_bytes()) {
            assert!(!format!("{envelope:?}").contains(canary));
        }
    }
}
