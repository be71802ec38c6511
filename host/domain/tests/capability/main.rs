//! What a revision may do, and what a new one may do that an old one could not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

/// Names and words, row by row; and what of a manifest makes which.
#[cfg(test)]
mod powers;
/// Requests, with the rule that is asked when one is sent as the measure.
#[cfg(test)]
mod requests;
/// Payload schemas that take less than before, row by row.
#[cfg(test)]
mod schema;
/// The same for any schemas, with the check of payloads as the measure.
#[cfg(test)]
mod schema_oracle;

use mainworker_domain::capability::{Difference, PAYLOAD_SCHEMA, capabilities};
use mainworker_domain::catalog::ModuleDescription;
use mainworker_domain::manifest::Manifest;
use serde_json::{Value, json};

/// A job that asks for nothing but what `changes` has.
pub(crate) fn job(changes: Value) -> ModuleDescription {
    let mut manifest = json!({
        "job": { "name": "sums", "version": "1.0.0", "summary": "Adds numbers" },
        "schedulable-by": { "sources": ["api"] },
    });
    for (key, value) in changes.as_object().into_iter().flatten() {
        manifest[key] = value.clone();
    }
    let manifest = Manifest::from_json(&manifest).unwrap();
    ModuleDescription { manifest, payload_schema: None, result_schema: None }
}

pub(crate) fn names(description: &ModuleDescription) -> Vec<String> {
    capabilities(description).iter().map(ToString::to_string).collect()
}

/// What is told, a line each with its sign.
pub(crate) fn told(old: &ModuleDescription, new: &ModuleDescription) -> Vec<String> {
    let difference = Difference::between(Some(old), new);
    let widenings = difference.widenings.iter().map(|it| format!("+ {}: {}", it.name, it.about));
    let narrowings = difference.narrowings.iter().map(|it| format!("- {}: {}", it.name, it.about));
    let notes = difference.notes.iter().map(|it| format!("~ {}: {}", it.name, it.about));
    widenings.chain(narrowings).chain(notes).collect()
}

pub(crate) fn widened(old: Value, new: Value) -> Vec<String> {
    let difference = Difference::between(Some(&job(old)), &job(new));
    difference.widenings.into_iter().map(|it| it.name).collect()
}

pub(crate) fn narrowed(old: Value, new: Value) -> Vec<String> {
    let difference = Difference::between(Some(&job(old)), &job(new));
    difference.narrowings.into_iter().map(|it| it.name).collect()
}

pub(crate) fn http(grants: Value) -> Value {
    json!({
        "grants": { "http": grants },
        "configuration": { "k.url": { "from": "host" }, "l.url": { "from": "host" } },
    })
}

pub(crate) fn job_of_schemas(
    payload_schema: Option<Value>,
    result_schema: Option<Value>,
) -> ModuleDescription {
    let manifest = json!({
        "job": { "name": "sums", "version": "1.0.0", "summary": "Adds numbers" },
        "schedulable-by": { "sources": ["api"] },
    });
    ModuleDescription { manifest: Manifest::from_json(&manifest).unwrap(), payload_schema, result_schema }
}

/// Where the new schema takes less, a line each.
pub(crate) fn payloads_told(old: impl Into<Option<Value>>, new: impl Into<Option<Value>>) -> Vec<String> {
    let difference =
        Difference::between(Some(&job_of_schemas(old.into(), None)), &job_of_schemas(new.into(), None));
    assert!(difference.narrowings.is_empty() && difference.notes.is_empty());
    let places = difference.widenings.into_iter().flat_map(|widening| {
        assert_eq!(widening.name, PAYLOAD_SCHEMA);
        assert!(!widening.places.is_empty());
        widening.places
    });
    places.map(|it| format!("{}: {}", it.pointer, it.about)).collect()
}
