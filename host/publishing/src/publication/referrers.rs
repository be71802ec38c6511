//! What refers to a manifest: an image index under a tag made of its digest.
//!
//! This is what OCI 1.1 falls back to where a registry has no API for it. It is written everywhere: it is the same in a
//! directory, and programs that copy tags take it along.

use super::PublicationError;
use super::content::{BUNDLE_CONTENT, INDEX_MEDIA_TYPE, content, expect, limit};
use crate::bundle;
use crate::repository::{Content, Descriptor};
use mainworker_domain::digest::Digest;
use mainworker_domain::json;
use mainworker_domain::limits::OCI_MANIFEST_BYTES_MAX;
use serde_json::{Value, json};

/// The tag of the list of what refers to a manifest.
pub fn tag(manifest: Digest) -> String {
    format!("sha256-{}", manifest.hex())
}

/// The bundles in such a list. Others may keep there what they want.
pub(super) fn bundles(index: &[u8]) -> Result<Vec<Descriptor>, PublicationError> {
    let index = read(index)?;
    let entries = index.get("manifests").and_then(Value::as_array).into_iter().flatten();
    entries
        .filter(|entry| is_bundle(entry))
        .map(|entry| serde_json::from_value(entry.clone()).map_err(|error| malformed(&error.to_string())))
        .collect()
}

/// Whether an entry is said to be a bundle. Programs that copy lists and are older than `artifactType`, such as skopeo 1.9,
/// leave it out; then it is known by the annotation, which they keep.
fn is_bundle(entry: &Value) -> bool {
    match entry.get("artifactType").and_then(Value::as_str) {
        Some(artifact_type) => artifact_type == bundle::MEDIA_TYPE,
        None => entry.get("annotations").is_some_and(|all| all.get(BUNDLE_CONTENT).is_some()),
    }
}

/// The list with these in it as well, all else as it was; none if they are in it already.
pub(super) fn with(index: Option<&[u8]>, added: &[&Descriptor]) -> Result<Option<Content>, PublicationError> {
    let mut index = match index {
        Some(bytes) => read(bytes)?,
        None => json!({ "schemaVersion": 2, "mediaType": INDEX_MEDIA_TYPE, "manifests": [] }),
    };
    let entries = index.get_mut("manifests").and_then(Value::as_array_mut);
    let entries = entries.ok_or_else(|| malformed("it has no `manifests`"))?;
    let before = entries.len();
    for descriptor in added {
        let digest = descriptor.digest.to_string();
        if entries.iter().any(|entry| entry.get("digest").and_then(Value::as_str) == Some(&digest)) {
            continue;
        }
        entries.push(serde_json::to_value(descriptor).map_err(|error| malformed(&error.to_string()))?);
    }
    if entries.len() == before {
        return Ok(None);
    }
    let bytes = index.to_string().into_bytes();
    limit("the list of what refers to the manifest", bytes.len() as u64, OCI_MANIFEST_BYTES_MAX)?;
    Ok(Some(content(INDEX_MEDIA_TYPE, bytes)))
}

fn read(bytes: &[u8]) -> Result<Value, PublicationError> {
    limit("the list of what refers to the manifest", bytes.len() as u64, OCI_MANIFEST_BYTES_MAX)?;
    json::check(bytes).map_err(|error| malformed(&error.problem.to_string()))?;
    let index: Value = serde_json::from_slice(bytes).map_err(|error| malformed(&error.to_string()))?;
    let media_type = index.get("mediaType").and_then(Value::as_str).unwrap_or_default();
    expect("the list of what refers to the manifest", media_type, INDEX_MEDIA_TYPE)?;
    if !index.get("manifests").is_some_and(Value::is_array) {
        return Err(malformed("it has no `manifests`"));
    }
    Ok(index)
}

fn malformed(problem: &str) -> PublicationError {
    PublicationError::NotAPublication {
        what: "the list of what refers to the manifest".to_owned(),
        found: problem.chars().take(200).collect(),
        expected: "an OCI image index".to_owned(),
    }
}
