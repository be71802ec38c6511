//! Making room: what no kept release needs goes.

use super::{Layout, blocking, unavailable};
use crate::publication::{INDEX_MEDIA_TYPE, MANIFEST_MEDIA_TYPE, referrers_tag};
use crate::repository::RepositoryError;
use mainworker_domain::digest::Digest;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

impl Layout {
    /// Removes everything but these manifests with all that they name and the statements about them; how many contents went.
    ///
    /// Nobody may be putting something in meanwhile: what has no tag yet is not needed by anything.
    ///
    /// A kept manifest that is missing or damaged keeps nothing but itself: whoever needs it finds out, and room is made all the same.
    ///
    /// # Errors
    /// An index without the list of what was signed about a kept manifest: whoever lost it may bring it back, and then needs what it
    /// lists. What the operating system says. Nothing was removed then.
    pub async fn retain(&self, manifests: BTreeSet<Digest>) -> Result<usize, RepositoryError> {
        let layout = self.clone();
        blocking(move || layout.retain_now(&manifests)).await
    }

    fn retain_now(&self, manifests: &BTreeSet<Digest>) -> Result<usize, RepositoryError> {
        let doing = self.doing("making room in");
        let writer = self.folder.lock(&doing)?;
        let mut index = self.read_index(&doing)?;
        let mut tagged: BTreeMap<&str, Vec<Digest>> = BTreeMap::new();
        for (tag, digest) in index.manifests() {
            tagged.entry(tag.unwrap_or_default()).or_default().extend(digest);
        }
        let mut open: Vec<Digest> = manifests.iter().copied().collect();
        for &manifest in manifests {
            let list = referrers_tag(manifest);
            match tagged.get(list.as_str()) {
                Some(listed) => open.extend(listed),
                // What was signed about it may be there and only not be found.
                None if self.read_manifest(manifest).is_ok() => {
                    let problem =
                        format!("`{}` has no entry of `{list}`, so nothing is removed", super::index::FILE);
                    return Err(RepositoryError::Malformed { doing, problem });
                }
                None => {}
            }
        }
        let mut needed = BTreeSet::new();
        while let Some(digest) = open.pop() {
            if !needed.insert(digest) {
                continue;
            }
            let manifest = match self.read_manifest(digest) {
                Err(
                    RepositoryError::Missing { .. }
                    | RepositoryError::OtherContent { .. }
                    | RepositoryError::TooLarge { .. }
                    | RepositoryError::Malformed { .. },
                ) => continue,
                manifest => manifest?,
            };
            for (named, has_parts) in named_by(&manifest.bytes) {
                if has_parts {
                    open.push(named);
                } else {
                    needed.insert(named);
                }
            }
        }
        index.retain(|digest| needed.contains(&digest));
        // First nothing leads there, then it goes.
        self.write_index(&writer, &doing, &index)?;
        let needed: BTreeSet<String> = needed.iter().map(Digest::hex).collect();
        writer
            .remove_blobs_but(|name| needed.contains(name))
            .map_err(|error| unavailable(&doing, &error.to_string()))
    }
}

/// What a manifest or an index names, and whether that is itself one.
fn named_by(manifest: &[u8]) -> Vec<(Digest, bool)> {
    let Ok(manifest) = serde_json::from_slice::<Value>(manifest) else { return Vec::new() };
    let lists = ["layers", "manifests"].into_iter().filter_map(|list| manifest.get(list)?.as_array());
    let descriptors = manifest.get("config").into_iter().chain(lists.flatten());
    let named = descriptors.filter_map(|descriptor| {
        let digest = Digest::parse(descriptor.get("digest")?.as_str()?)?;
        let media_type = descriptor.get("mediaType")?.as_str()?;
        Some((digest, matches!(media_type, MANIFEST_MEDIA_TYPE | INDEX_MEDIA_TYPE)))
    });
    named.collect()
}
