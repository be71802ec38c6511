//! Every crate takes the lints of the workspace and none is published: one list, without a forgotten crate.

use crate::finding::Finding;
use toml::{Table, Value};

/// `manifest` is the Cargo.toml at `path`, `root` that of the workspace.
pub fn check(path: &str, manifest: &Table, root: &Table) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lints = manifest.get("lints").and_then(|lints| lints.get("workspace"));
    if lints != Some(&Value::Boolean(true)) {
        findings.push(Finding::new(
            "lints",
            path,
            "does not take the lints of the workspace",
            "add `[lints]` with `workspace = true`",
        ));
    }
    if publish(manifest, root) != Some(&Value::Boolean(false)) {
        findings.push(Finding::new(
            "lints",
            path,
            "could be published to a registry",
            "add `publish.workspace = true` to `[package]`",
        ));
    }
    findings
}

fn publish<'a>(manifest: &'a Table, root: &'a Table) -> Option<&'a Value> {
    let own = manifest.get("package")?.get("publish")?;
    if own.get("workspace") == Some(&Value::Boolean(true)) {
        root.get("workspace")?.get("package")?.get("publish")
    } else {
        Some(own)
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    fn count(manifest: &str, root: &str) -> usize {
        check("x/Cargo.toml", &manifest.parse().expect("toml"), &root.parse().expect("toml")).len()
    }

    const ROOT: &str = "[workspace.package]\npublish = false\n";

    #[test]
    fn both_ways_to_say_it_pass() {
        assert_eq!(count("package.publish.workspace = true\nlints.workspace = true", ROOT), 0);
        assert_eq!(count("package.publish = false\nlints.workspace = true", ""), 0);
    }

    #[test]
    fn each_omission_is_found() {
        assert_eq!(count("package.publish.workspace = true", ROOT), 1);
        assert_eq!(count("package.publish = false\nlints.rust.unused = \"allow\"", ROOT), 1);
        assert_eq!(count("package.name = \"x\"\nlints.workspace = true", ROOT), 1);
        assert_eq!(count("package.publish = true\nlints.workspace = true", ROOT), 1);
        let published = "[workspace.package]\npublish = true\n";
        assert_eq!(count("package.publish.workspace = true\nlints.workspace = true", published), 1);
    }
}
