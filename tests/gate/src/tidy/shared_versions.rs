//! Versions and features of dependencies are in the root manifest alone: two crates cannot drift apart, and what the
//! product stands on is read in one place.

use crate::finding::Finding;
use toml::{Table, Value};

const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// `manifest` is the Cargo.toml of a member, at `path`.
pub fn check(path: &str, manifest: &Table) -> Vec<Finding> {
    let own = KINDS.iter().filter_map(|kind| manifest.get(*kind)?.as_table());
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let per_target = targets.flat_map(|target| KINDS.iter().filter_map(|kind| target.get(*kind)?.as_table()));
    own.chain(per_target)
        .flatten()
        .filter(|(_, dependency)| dependency.get("workspace") != Some(&Value::Boolean(true)))
        .map(|(name, _)| {
            Finding::new(
                "shared-versions",
                path,
                format!("dependency `{name}` states its own version"),
                format!("move it to `[workspace.dependencies]` and write `{name} = {{ workspace = true }}`"),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::check;

    fn problems(manifest: &str) -> Vec<String> {
        let manifest = manifest.parse().expect("toml");
        check("x/Cargo.toml", &manifest).into_iter().map(|finding| finding.problem).collect()
    }

    #[test]
    fn versions_of_the_workspace_pass() {
        assert!(problems("[dependencies]\na = { workspace = true }\nb.workspace = true\n").is_empty());
    }

    #[test]
    fn own_versions_are_found_in_every_table() {
        for table in
            ["dependencies", "dev-dependencies", "build-dependencies", "target.'cfg(unix)'.dependencies"]
        {
            for dependency in ["a = \"1\"", "a = { version = \"1\" }", "a = { path = \"../a\" }"] {
                assert_eq!(problems(&format!("[{table}]\n{dependency}\n")).len(), 1, "{table} {dependency}");
            }
        }
    }
}
