//! Finding job crates: packages that cargo knows and that have a `job.toml`.

use super::packing::read_manifest;
use crate::failure::Failure;
use mainworker_domain::manifest::Manifest;
use serde_json::Value;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A crate with a manifest beside it.
#[derive(Debug)]
pub(super) struct JobCrate {
    pub(super) package: String,
    pub(super) folder: PathBuf,
}

/// A command of the cargo that runs this, or of the one in the `PATH`.
pub(super) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

fn metadata(folder: &Path) -> Result<Value, Failure> {
    let failed = |problem: String| {
        Failure::usage(
            "cargo_failed",
            format!("asking cargo for the crates in `{}`: {problem}", folder.display()),
            "run it in a cargo workspace, or name the folder of a crate",
        )
    };
    let output = cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(folder)
        .output()
        .map_err(|error| failed(format!("cargo does not start: {error}")))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))
}

/// The packages that cargo knows in `folder`.
fn packages(folder: &Path) -> Result<Vec<JobCrate>, Failure> {
    let metadata = metadata(folder)?;
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let crates = packages.iter().filter_map(|package| {
        let folder = Path::new(package["manifest_path"].as_str()?).parent()?.to_owned();
        Some(JobCrate { package: package["name"].as_str()?.to_owned(), folder })
    });
    Ok(crates.collect())
}

/// Those which have a manifest.
fn job_crates(folder: &Path) -> Result<Vec<JobCrate>, Failure> {
    let packages = packages(folder)?.into_iter();
    Ok(packages.filter(|job| job.folder.join("job.toml").is_file()).collect())
}

/// The crates that `wanted` names, or every job of `jobs-wasm`.
pub(super) fn find_jobs(wanted: &[String]) -> Result<Vec<JobCrate>, Failure> {
    let here = Path::new(".");
    if wanted.is_empty() {
        let jobs: Vec<JobCrate> = job_crates(here)?
            .into_iter()
            .filter(|job| job.folder.parent().is_some_and(|parent| parent.ends_with("jobs-wasm")))
            .collect();
        if jobs.is_empty() {
            return Err(no_job("no crate in `jobs-wasm` has a `job.toml`".to_owned()));
        }
        return Ok(jobs);
    }
    let mut jobs = Vec::new();
    for name in wanted {
        let folder = Path::new(name);
        let found = if folder.is_dir() {
            let folder = folder.canonicalize().map_err(|error| no_job(format!("`{name}`: {error}")))?;
            job_crates(&folder)?
                .into_iter()
                .find(|job| job.folder.canonicalize().is_ok_and(|path| path == folder))
        } else {
            job_crates(here)?.into_iter().find(|job| job.package == *name)
        };
        jobs.push(
            found.ok_or_else(|| no_job(format!("`{name}` is no package or folder with a `job.toml`")))?,
        );
    }
    Ok(jobs)
}

fn no_job(message: String) -> Failure {
    Failure::usage("no_job_crate", message, "a job crate has a `job.toml` beside its `Cargo.toml`")
}

/// The package, if any, of the workspace around `folder` that is called `name`, or whose job is.
pub(in crate::cli) fn name_taken(folder: &Path, name: &str) -> Result<Option<String>, Failure> {
    let has_name = |manifest: Manifest| manifest.job.name.as_str() == name;
    let taken = packages(folder)?.into_iter().find(|found| {
        found.package == name || read_manifest(&found.folder.join("job.toml")).is_ok_and(has_name)
    });
    Ok(taken.map(|found| found.package))
}

/// The package, if any, of the same workspace as `job` whose manifest `has_name`.
pub(super) fn same_name(
    job: &JobCrate,
    has_name: impl Fn(&JobCrate) -> bool,
) -> Result<Option<String>, Failure> {
    let others = job_crates(&job.folder)?.into_iter().filter(|other| other.package != job.package);
    Ok(others.into_iter().find(|other| has_name(other)).map(|other| other.package))
}

/// Where modules go when nobody says: `modules` in cargo's target directory.
pub(super) fn default_out(folder: &Path) -> Result<PathBuf, Failure> {
    let target = metadata(folder)?["target_directory"].as_str().map(PathBuf::from);
    Ok(target.unwrap_or_else(|| PathBuf::from("target")).join("modules"))
}
