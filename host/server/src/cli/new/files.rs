//! What is in a new crate.

use super::place::Place;
use mainworker_domain::job_name::JobName;
use std::fs;
use std::path::{Path, PathBuf};
use toml::Value;

/// What is written for the job's name in the templates.
const PLACEHOLDER: &str = "JOB_NAME";

/// Names that a crate with these dependencies cannot have: theirs, those of Rust's own crates and its keywords.
#[rustfmt::skip]
pub(super) const RESERVED: [&str; 60] = [
    "abstract", "alloc", "as", "async", "await", "become", "box", "break", "const", "continue", "core", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "mainworker",
    "mainworker-guest-sdk", "match", "mod", "move", "mut", "override", "priv", "proc-macro", "pub", "ref", "return", "schemars",
    "self", "serde", "static", "std", "struct", "super", "test", "trait", "true", "try", "type", "typeof", "unsafe",
    "unsized", "use", "virtual", "where", "while", "yield",
];

/// The keys of `[package]` in their order, and what a crate says that has no workspace to say it.
const PACKAGE: [(&str, Option<&str>); 5] = [
    ("version", Some("\"0.1.0\"")),
    ("edition", Some("\"2024\"")),
    ("rust-version", None),
    ("license", None),
    ("publish", Some("false")),
];

/// As in the workspace of this program, which a test compares.
const SCHEMARS: &str = "\"1.2\"";
const SERDE: &str = "{ version = \"1.0\", features = [\"derive\"] }";

/// How a crate of its own is compiled to a module: as small and as fast as those of the SDK's workspace.
const PROFILE: &str = r#"
# A workspace of its own, wherever it stands.
[workspace]

# For `mainworker module build`.
[profile.job]
inherits = "release"
codegen-units = 1
lto = "fat"
opt-level = 3
panic = "abort"
strip = "debuginfo"
"#;

/// The files of the crate that will be `folder`, by their paths in it.
pub(super) fn of(name: &JobName, place: &Place, folder: &Path) -> Vec<(PathBuf, String)> {
    let filled = |template: &str| template.replace(PLACEHOLDER, name.as_str());
    let mut files = vec![
        ("Cargo.toml", cargo_toml(name, place, folder)),
        ("job.toml", filled(include_str!("template/job.toml"))),
        ("src/lib.rs", filled(include_str!("template/src/lib.rs"))),
        ("samples/greets.json", filled(include_str!("template/samples/greets.json"))),
        ("samples/blank-name.json", filled(include_str!("template/samples/blank-name.json"))),
    ];
    if place.workspace.is_none() {
        files.push((".gitignore", "/target\n".to_owned()));
        // The versions and the compiler that the SDK was tested with; cargo adds and drops packages by itself.
        for file in ["Cargo.lock", "rust-toolchain.toml"] {
            let beside_sdk = place.sdk.parent().map(|root| root.join(file));
            files.extend(beside_sdk.and_then(|path| fs::read_to_string(path).ok()).map(|text| (file, text)));
        }
    }
    files.into_iter().map(|(path, content)| (PathBuf::from(path), content)).collect()
}

/// An envelope that the job takes.
pub(super) fn envelope(name: &JobName) -> String {
    format!(r#"{{"configuration":{{}},"jobName":"{name}","source":"api","jobPayload":{{"name":"Ada"}}}}"#)
}

fn cargo_toml(name: &JobName, place: &Place, folder: &Path) -> String {
    let shared = place.workspace.as_ref().and_then(|workspace| workspace.table.get("workspace")?.as_table());
    let has = |section: &str, key: &str| shared.and_then(|shared| shared.get(section)?.get(key)).is_some();
    let mut text = format!("[package]\nname = \"{name}\"\ndescription = \"Greets somebody\"\n");
    for (key, own) in PACKAGE {
        if has("package", key) {
            text.push_str(&format!("{key}.workspace = true\n"));
        } else if let Some(own) = own {
            text.push_str(&format!("{key} = {own}\n"));
        }
    }
    text.push_str("\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n\n[dependencies]\n");
    let sdk = Value::from(sdk_path(place, folder).to_string_lossy().into_owned());
    let sdk = format!("{{ package = \"mainworker-guest-sdk\", path = {sdk} }}");
    for (key, own) in [("mainworker", sdk.as_str()), ("schemars", SCHEMARS), ("serde", SERDE)] {
        let own = if has("dependencies", key) { "{ workspace = true }" } else { own };
        text.push_str(&format!("{key} = {own}\n"));
    }
    if shared.is_some_and(|shared| shared.contains_key("lints")) {
        text.push_str("\n[lints]\nworkspace = true\n");
    }
    if shared.is_none() {
        text.push_str(PROFILE);
    }
    text
}

/// The SDK as seen from the crate: by a relative path where both are in the SDK's repository, so that it can be moved.
fn sdk_path(place: &Place, folder: &Path) -> PathBuf {
    let relative = || {
        let root = place.sdk.parent()?;
        let parent = if place.parent == Path::new("") { Path::new(".") } else { &place.parent };
        let folder = parent.canonicalize().ok()?.join(folder.file_name()?);
        let levels = folder.strip_prefix(root).ok()?.components().count();
        Some((0..levels).map(|_| "..").collect::<PathBuf>().join(place.sdk.file_name()?))
    };
    relative().unwrap_or_else(|| place.sdk.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml::Table;

    fn root() -> Table {
        include_str!("../../../../../Cargo.toml").parse().unwrap()
    }

    #[test]
    fn versions_are_those_of_the_workspace() {
        let dependencies = &root()["workspace"]["dependencies"];
        for (key, text) in [("schemars", SCHEMARS), ("serde", SERDE)] {
            let own: Table = format!("x = {text}").parse().unwrap();
            assert_eq!(own["x"], dependencies[key], "{key}");
        }
        let own: Table = PROFILE.parse().unwrap();
        let mut shared = root()["profile"]["job"].as_table().unwrap().clone();
        // Says the same as `strip`, for readers of the workspace.
        shared.remove("debug");
        assert_eq!(own["profile"]["job"].as_table(), Some(&shared));
    }

    #[test]
    fn a_member_says_only_what_its_workspace_does_not() {
        let name = JobName::parse("thumbnails").unwrap();
        let table: Table =
            "workspace.package.version = \"1.0.0\"\nworkspace.dependencies.serde = \"1\"".parse().unwrap();
        let workspace =
            super::super::place::Workspace { root: PathBuf::new(), manifest: String::new(), table };
        let place = Place {
            parent: PathBuf::from("/w/jobs-wasm"),
            workspace: Some(workspace),
            sdk: "/w/guest-sdk".into(),
        };
        let manifest: Table =
            cargo_toml(&name, &place, Path::new("/w/jobs-wasm/thumbnails")).parse().unwrap();
        assert_eq!(manifest["package"]["version"]["workspace"], Value::from(true));
        assert_eq!(manifest["package"]["edition"], Value::from("2024"));
        assert_eq!(manifest["dependencies"]["serde"]["workspace"], Value::from(true));
        assert_eq!(manifest["dependencies"]["schemars"], Value::from("1.2"));
        assert_eq!(manifest["dependencies"]["mainworker"]["path"], Value::from("/w/guest-sdk"));
        assert!(!manifest.contains_key("lints") && !manifest.contains_key("workspace"));
    }
}
