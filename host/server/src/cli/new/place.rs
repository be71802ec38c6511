//! Where a new crate goes, and which SDK it is built against.

use super::problem::NewProblem;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use toml::Table;

/// The SDK's package.
const SDK_PACKAGE: &str = "mainworker-guest-sdk";

/// Where it goes.
#[derive(Debug)]
pub(super) struct Place {
    /// The folder that gets the crate's folder.
    pub(super) parent: PathBuf,
    /// The workspace that it becomes a part of.
    pub(super) workspace: Option<Workspace>,
    /// The SDK.
    pub(super) sdk: PathBuf,
}

/// A workspace with jobs and an SDK of its own.
#[derive(Debug)]
pub(super) struct Workspace {
    pub(super) root: PathBuf,
    /// The text of its `Cargo.toml`.
    pub(super) manifest: String,
    /// The same, read.
    pub(super) table: Table,
}

impl Place {
    /// The workspace around here, unless `dir` or `sdk` say something else.
    pub(super) fn find(dir: Option<&Path>, sdk: Option<&Path>) -> Result<Self, NewProblem> {
        let here = env::current_dir().map_err(|error| NewProblem::unwritable(Path::new("."), &error))?;
        if sdk.is_none()
            && let Some(workspace) = Workspace::around(dir.unwrap_or(&here))
        {
            let jobs = workspace.root.join("jobs-wasm");
            let is_jobs = |dir: &Path| dir.canonicalize().ok() == jobs.canonicalize().ok();
            if dir.is_none_or(is_jobs) {
                let sdk = workspace.root.join("guest-sdk");
                let parent = jobs.strip_prefix(&here).map_or(jobs.clone(), Path::to_owned);
                return Ok(Self { parent, workspace: Some(workspace), sdk });
            }
        }
        let sdk = match sdk {
            Some(sdk) => given_sdk(sdk)?,
            None => nearest_sdk(&here)?,
        };
        Ok(Self { parent: dir.unwrap_or(Path::new("")).to_owned(), workspace: None, sdk })
    }
}

impl Workspace {
    fn around(folder: &Path) -> Option<Self> {
        let folder = folder.canonicalize().ok()?;
        folder.ancestors().find_map(|root| {
            let manifest = fs::read_to_string(root.join("Cargo.toml")).ok()?;
            let table: Table = manifest.parse().ok()?;
            let is_ours = table.contains_key("workspace")
                && root.join("jobs-wasm").is_dir()
                && is_sdk(&root.join("guest-sdk")).is_ok();
            is_ours.then(|| Self { root: root.to_owned(), manifest, table })
        })
    }
}

fn given_sdk(path: &Path) -> Result<PathBuf, NewProblem> {
    is_sdk(path).map_err(|found| NewProblem::NotTheSdk { path: path.to_owned(), found })?;
    path.canonicalize().map_err(|error| NewProblem::unwritable(path, &error))
}

fn nearest_sdk(here: &Path) -> Result<PathBuf, NewProblem> {
    let program = env::current_exe().and_then(|program| program.canonicalize()).unwrap_or_default();
    let mut candidates = here.ancestors().chain(program.ancestors()).map(|folder| folder.join("guest-sdk"));
    candidates
        .find(|folder| is_sdk(folder).is_ok())
        .ok_or_else(|| NewProblem::SdkMissing { from: here.to_owned() })
}

/// Whether the folder is the SDK; what is there if it is not.
fn is_sdk(folder: &Path) -> Result<(), String> {
    let text = fs::read_to_string(folder.join("Cargo.toml"))
        .map_err(|error| format!("no `Cargo.toml` ({error})"))?;
    let table: Table = text.parse().map_err(|_| "a `Cargo.toml` that is not TOML".to_owned())?;
    match table.get("package").and_then(|package| package.get("name")?.as_str()) {
        Some(SDK_PACKAGE) => Ok(()),
        Some(other) => Err(format!("the package `{}`", other.chars().take(80).collect::<String>())),
        None => Err("no package".to_owned()),
    }
}
