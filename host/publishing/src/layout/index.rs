//! `index.json`: where the tags of a layout lead. What other programs wrote into it stays as it is.

use crate::publication::INDEX_MEDIA_TYPE;
use crate::repository::Descriptor;
use mainworker_domain::digest::Digest;
use mainworker_domain::json;
use serde_json::{Map, Value, json};

pub(super) const FILE: &str = "index.json";

/// The annotation that is a tag.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The index, with all that is in it.
#[derive(Clone, Debug)]
pub(super) struct Index {
    rest: Map<String, Value>,
    entries: Vec<Value>,
}

impl Index {
    /// The file of a layout without tags.
    pub(super) const EMPTY: &[u8] =
        br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

    /// Reads the file; what is wrong with it if it is no index.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        json::check(bytes).map_err(|error| format!("`{FILE}`: {}", error.problem))?;
        let value = serde_json::from_slice(bytes).map_err(|error| format!("`{FILE}`: {error}"))?;
        let Value::Object(mut rest) = value else { return Err(format!("`{FILE}` is not an object")) };
        if rest.get("schemaVersion") != Some(&json!(2)) {
            return Err(format!("`{FILE}` has another `schemaVersion` than 2"));
        }
        // Older programs left it out.
        if rest.get("mediaType").is_some_and(|found| found != INDEX_MEDIA_TYPE) {
            return Err(format!("`{FILE}` has another `mediaType` than `{INDEX_MEDIA_TYPE}`"));
        }
        match rest.remove("manifests") {
            Some(Value::Array(entries)) => Ok(Self { rest, entries }),
            _ => Err(format!("`{FILE}` has no list `manifests`")),
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut all = self.rest.clone();
        all.insert("manifests".to_owned(), Value::Array(self.entries.clone()));
        Value::Object(all).to_string().into_bytes()
    }

    /// Where a tag leads. A tag that leads to two places leads nowhere.
    pub(super) fn find(&self, tag: &str) -> Result<Option<Descriptor>, String> {
        let mut found: Option<Descriptor> = None;
        for entry in self.entries.iter().filter(|entry| tag_of(entry) == Some(tag)) {
            let entry = serde_json::from_value::<Descriptor>(entry.clone());
            let entry = entry.map_err(|error| format!("the entry of `{tag}` in `{FILE}`: {error}"))?;
            match &found {
                Some(other) if other.digest != entry.digest => {
                    return Err(format!(
                        "`{FILE}` has two entries of `{tag}`, {} and {}",
                        other.digest, entry.digest
                    ));
                }
                _ => found = Some(entry),
            }
        }
        Ok(found)
    }

    /// All tags, sorted.
    pub(super) fn tags(&self) -> Vec<String> {
        let mut tags: Vec<String> = self.entries.iter().filter_map(tag_of).map(str::to_owned).collect();
        tags.sort();
        tags.dedup();
        tags
    }

    /// Lets a tag lead to a manifest, instead of where it led.
    pub(super) fn set(&mut self, tag: &str, manifest: &Descriptor) {
        self.entries.retain(|entry| tag_of(entry) != Some(tag));
        self.entries.push(json!({
            "mediaType": manifest.media_type,
            "digest": manifest.digest.to_string(),
            "size": manifest.size,
            "annotations": { REF_NAME: tag },
        }));
    }

    /// The manifests that entries lead to, with their tags.
    pub(super) fn manifests(&self) -> impl Iterator<Item = (Option<&str>, Option<Digest>)> {
        self.entries.iter().map(|entry| (tag_of(entry), digest_of(entry)))
    }

    /// Drops the entries of all manifests but some.
    pub(super) fn retain(&mut self, kept: impl Fn(Digest) -> bool) {
        self.entries.retain(|entry| digest_of(entry).is_some_and(&kept));
    }
}

fn tag_of(entry: &Value) -> Option<&str> {
    entry.get("annotations")?.get(REF_NAME)?.as_str()
}

fn digest_of(entry: &Value) -> Option<Digest> {
    entry.get("digest").and_then(Value::as_str).and_then(Digest::parse)
}
