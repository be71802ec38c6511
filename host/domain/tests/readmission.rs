//! A task that was accepted before begins: what is asked again, by whose rules, and what is not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use mainworker_domain::admission::{Admitted, Returning, admit, readmit};
use mainworker_domain::catalog::{Catalog, ModuleDescription, Revision};
use mainworker_domain::digest::Digest;
use mainworker_domain::envelope::Envelope;
use mainworker_domain::manifest::Manifest;
use mainworker_domain::rejection::Rejection;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use std::sync::Arc;

/// A revision that takes `{"n": a number of this type}` from this source.
fn revision(digest: u8, source: &str, number: &str) -> Arc<Revision> {
    let manifest = format!(
        "[job]\nname = \"sums\"\nversion = \"1.0.0\"\nsummary = \"Adds numbers\"\n\
         [schedulable-by]\nsources = [\"{source}\"]\n\
         [configuration]\n\"a.key\" = {{ from = \"envelope\" }}\n\"a.url\" = {{ required = true, from = \"host\" }}\n"
    );
    let description = ModuleDescription {
        manifest: Manifest::parse_toml(&manifest).unwrap(),
        payload_schema: Some(json!({ "type": "object", "properties": { "n": { "type": number } } })),
        result_schema: None,
    };
    let digest = Digest::from_sha256([digest; 32]);
    Arc::new(Revision::from_section(digest, &description.to_section()).unwrap())
}

fn host(_: &str) -> Option<SecretString> {
    Some(SecretString::from("https://now.example"))
}

fn accepted() -> Admitted {
    let envelope = r#"{"configuration":{"a":{"key":"given","other":"canary"},"a.url":"theirs"},
        "jobName":"sums","source":"api","jobPayload":{"n":1.50}}"#;
    let known = Catalog::of([revision(1, "api", "number")])
        .resolve(Envelope::parse(envelope.as_bytes()).unwrap())
        .unwrap();
    admit(known, &|_| Some(SecretString::from("https://then.example"))).unwrap()
}

fn returning(revision: Arc<Revision>) -> Returning {
    let admitted = accepted();
    let kept = admitted.kept().map(|kept| SecretString::from(kept.expose_secret()));
    Returning {
        revision,
        accepted_with: Digest::from_sha256([1; 32]),
        source: admitted.source().to_owned(),
        payload: admitted.payload().to_owned(),
        kept,
    }
}

#[test]
fn only_what_the_job_may_take_from_the_envelope_is_kept() {
    assert_eq!(accepted().kept().unwrap().expose_secret(), r#"{"a.key":"given"}"#);
}

#[test]
fn an_attempt_gets_what_was_kept_and_what_the_host_has_now() {
    let (payload, configuration) =
        readmit(returning(revision(1, "api", "number")), &host).unwrap().into_parts();
    assert_eq!(payload, r#"{"n":1.50}"#, "as it was written");
    let value = |key: &str| configuration[key].value.expose_secret().to_owned();
    assert_eq!((value("a.key"), value("a.url")), ("given".to_owned(), "https://now.example".to_owned()));
}

#[test]
fn the_policy_is_that_of_the_revision_that_runs() {
    let refused = readmit(returning(revision(1, "scheduler", "number")), &host).unwrap_err();
    assert_eq!(refused.code(), "source_not_allowed");
}

#[test]
fn what_the_host_does_not_give_any_more_is_missing() {
    let refused = readmit(returning(revision(1, "api", "number")), &|_| None).unwrap_err();
    assert!(matches!(refused, Rejection::MissingConfiguration { key, .. } if key == "a.url"));
}

#[test]
fn the_payload_is_checked_again_only_for_another_revision() {
    let stricter = |digest| readmit(returning(revision(digest, "api", "string")), &host);
    assert_eq!(stricter(2).unwrap_err().code(), "payload_invalid");
    assert!(stricter(1).is_ok(), "it was checked against this one when it was accepted");
}
