//! Step `tidy`: rules of this project, as code. One file a rule; each rule is a function from what was read to
//! findings, with tests that show it catching something.

use crate::finding::{Finding, report};
use crate::runner::Gate;
use anyhow::{Context as _, Result};

pub mod arrows;
pub mod length;
pub mod lints;
pub mod names;
pub mod proofs;
pub mod reach;
pub mod shared_versions;
pub mod shown_files;
pub mod source_text;
pub mod top_level;
pub mod unfinished;

pub(crate) fn step(gate: &Gate) -> Result<()> {
    let workspace = &gate.workspace;
    let mut findings: Vec<Finding> = Vec::new();

    let files = workspace.files()?;
    findings.extend(top_level::check(&files));
    for file in files.iter().filter(|file| file.ends_with(".rs")) {
        let text = workspace.read(file)?;
        let split = source_text::split(&text);
        findings.extend(length::check(file, &text));
        findings.extend(names::check(file, &split));
        findings.extend(unfinished::check(file, &split));
    }

    let readme = workspace.read("README.md")?;
    for path in shown_files::SHOWN {
        findings.extend(shown_files::check(&readme, path, &workspace.read(path)?));
    }

    let page = workspace.read(proofs::PAGE)?;
    findings.extend(proofs::check(&page, &|file| {
        proofs::TESTS.iter().find_map(|folder| workspace.read(&format!("{folder}{file}.rs")).ok())
    }));

    let root: toml::Table = workspace.read("Cargo.toml")?.parse().context("Cargo.toml")?;
    let mut members = Vec::new();
    for package in workspace.metadata.workspace_packages() {
        let path = format!("{}/Cargo.toml", workspace.folder_of(package));
        let manifest: toml::Table = workspace.read(&path)?.parse().with_context(|| path.clone())?;
        findings.extend(lints::check(&path, &manifest, &root));
        findings.extend(shared_versions::check(&path, &manifest));
        members.push(arrows::Member::from_metadata(package, workspace));
    }
    findings.extend(arrows::check(&members));

    let graph = reach::Graph::from_metadata(&workspace.metadata_of_this_platform()?);
    findings.extend(reach::check(&graph));

    report(gate.console, &findings, &format!("{} files, {} crates", files.len(), members.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Workspace;

    /// The rules have tests over inputs that are made up. This one shows that real inputs reach them: an empty graph would
    /// pass every rule.
    #[test]
    fn the_rules_see_the_real_workspace() {
        let workspace = Workspace::load().expect("cargo metadata");
        let packages = workspace.metadata.workspace_packages();
        let sandbox = packages.iter().find(|package| package.name == "mainworker-sandbox").expect("a member");
        assert!(
            arrows::Member::from_metadata(sandbox, &workspace).depends_on.contains(&"host/domain".to_owned())
        );
        let graph =
            reach::Graph::from_metadata(&workspace.metadata_of_this_platform().expect("cargo metadata"));
        assert!(graph.way("mainworker-sandbox", "wasmtime-environ").is_some());
        assert!(workspace.files().expect("files").contains(&"tests/gate/src/tidy.rs".to_owned()));
        assert!(workspace.jobs().len() >= 2);
    }
}
