//! Step `deps`: what the project is built on, from cargo's metadata (which follows Cargo.lock) and `deps.toml`.
//!
//! It needs no network and no other tool. What it cannot know are security advisories: those are a database that
//! changes daily and would make yesterday's green commit red; `at-least` in `deps.toml` keeps what was learnt from them.

use crate::finding::{Finding, report};
use crate::runner::Gate;
use anyhow::{Context as _, Result};
use cargo_metadata::Metadata;
use cargo_metadata::semver::{Version, VersionReq};
use std::collections::BTreeMap;

pub mod licence;
pub mod policy;
pub mod rules;

/// How many crates may be there in more than one version. Each costs build time and a second thing to review; most
/// come with the component tooling and cannot be helped; two are strum, which croner has older. Raise it knowingly, lower it when you can.
const DUPLICATES_MAX: usize = 32;

/// A crate in the lock file.
#[derive(Clone, Debug)]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// The version that is locked.
    pub version: Version,
    /// The SPDX expression of its manifest.
    pub licence: Option<String>,
    /// The registry; none for a folder.
    pub source: Option<String>,
    /// Whether it is a crate of this workspace.
    pub ours: bool,
}

/// A dependency as one of our manifests states it.
#[derive(Clone, Debug)]
pub struct Requirement {
    /// The crate of ours that states it.
    pub of: String,
    /// The crate it asks for.
    pub name: String,
    /// The versions that will do.
    pub versions: VersionReq,
    /// Whether it names a folder; then the version does not matter.
    pub folder: bool,
}

pub(crate) fn step(gate: &Gate) -> Result<()> {
    let policy =
        policy::parse(&gate.workspace.read("tests/gate/deps.toml")?).context("tests/gate/deps.toml")?;
    let crates = crates(&gate.workspace.metadata);
    let requirements = requirements(&gate.workspace.metadata);

    let mut findings: Vec<Finding> = Vec::new();
    findings.extend(rules::licences(&crates, &policy));
    findings.extend(rules::sources(&crates));
    findings.extend(rules::banned(&crates, &policy));
    findings.extend(rules::at_least(&crates, &policy));
    findings.extend(rules::wildcards(&requirements));

    let duplicates = duplicates(&crates);
    for (name, versions) in &duplicates {
        gate.console.warning(&format!(
            "{name} is there in {} versions: {}",
            versions.len(),
            versions.join(", ")
        ));
    }
    gate.console.note(&format!(
        "{} crates in more than one version; at most {DUPLICATES_MAX} may be",
        duplicates.len()
    ));
    findings.extend(rules::too_many_duplicates(duplicates.len(), DUPLICATES_MAX));
    report(gate.console, &findings, &format!("{} crates", crates.len()))
}

fn crates(metadata: &Metadata) -> Vec<Crate> {
    let ours = |package: &cargo_metadata::Package| metadata.workspace_members.contains(&package.id);
    metadata
        .packages
        .iter()
        .map(|package| Crate {
            name: package.name.to_string(),
            version: package.version.clone(),
            licence: package.license.clone(),
            source: package.source.as_ref().map(|source| source.repr.clone()),
            ours: ours(package),
        })
        .collect()
}

fn requirements(metadata: &Metadata) -> Vec<Requirement> {
    let of_package = |package: &cargo_metadata::Package| {
        let of = package.name.to_string();
        package
            .dependencies
            .iter()
            .map(|dependency| Requirement {
                of: of.clone(),
                name: dependency.name.clone(),
                versions: dependency.req.clone(),
                folder: dependency.path.is_some(),
            })
            .collect::<Vec<_>>()
    };
    metadata.workspace_packages().into_iter().flat_map(of_package).collect()
}

/// Names with more than one version, with the versions.
pub fn duplicates(crates: &[Crate]) -> BTreeMap<&str, Vec<String>> {
    let mut versions: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for one in crates {
        versions.entry(&one.name).or_default().push(one.version.to_string());
    }
    versions.retain(|_, versions| versions.len() > 1);
    versions
}
