//! `mainworker module build`: crate → component → module.
//!
//! The crate is compiled for `wasm32-wasip2` in the profile `job`, asked once for its schemas in an empty sandbox, and
//! gets the manifest from the `job.toml` beside its `Cargo.toml`. The module is written aside and renamed.

use super::crates::{JobCrate, cargo, default_out, find_jobs, same_name};
use super::packing::{Packer, read_manifest, summary, unwritable, write_module};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::modules_folder::read_limited;
use crate::sample::folder;
use crate::terminal;
use clap::Args;
use mainworker_domain::manifest::Manifest;
use mainworker_sandbox::module_file::ModuleFile;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Compiles job crates and writes DIR/NAME.wasm for each, with a copy of its samples in DIR/NAME.samples. A job crate has a
/// `job.toml` beside its `Cargo.toml`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  mainworker module build                    every job of jobs-wasm
  mainworker module build echo edge-logs     these packages
  mainworker module build ./my-job --out modules")]
pub struct BuildArgs {
    /// Packages of the workspace, or folders of crates [default: every job in jobs-wasm]
    #[arg(value_name = "CRATE")]
    crates: Vec<String>,
    /// Where to write the modules [default: modules in Cargo's target directory]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn build(args: &BuildArgs) -> Result<ExitCode, Failure> {
    let jobs = read_jobs(&args.crates)?;
    let out = match &args.out {
        Some(out) => out.clone(),
        // Where the first of them is built; most often all are in one workspace.
        None => default_out(jobs.first().map_or(Path::new("."), |(job, _)| &job.folder))?,
    };
    fs::create_dir_all(&out).map_err(|error| unwritable(&out, &error))?;
    let packer = Packer::start()?;
    for (job, manifest) in jobs {
        let module = make(&packer, &job, manifest)?;
        let path = out.join(format!("{}.wasm", module.revision().manifest().job.name));
        write_module(&path, &module)?;
        let samples = path.with_extension("samples");
        folder::copy(&job.folder.join("samples"), &samples).map_err(|error| unwritable(&samples, &error))?;
        terminal::note(&summary(&path, &module));
    }
    Ok(ExitCode::Completed)
}

/// The job in this folder as a module that is not written anywhere.
pub(super) fn build_one(packer: &Packer, folder: &Path) -> Result<ModuleFile, Failure> {
    let jobs = read_jobs(&[folder.to_string_lossy().into_owned()])?;
    let (job, manifest) =
        jobs.into_iter().next().ok_or_else(|| Failure::host("a job that was found is gone"))?;
    make(packer, &job, manifest)
}

fn make(packer: &Packer, job: &JobCrate, manifest: Manifest) -> Result<ModuleFile, Failure> {
    let component = compile(job)?;
    let name = manifest.job.name.clone();
    packer.pack(&name, &component, manifest)
}

/// The jobs that are asked for. Manifests are read first: a typing error in the last one should not wait for all compilers.
fn read_jobs(wanted: &[String]) -> Result<Vec<(JobCrate, Manifest)>, Failure> {
    let jobs = find_jobs(wanted)?
        .into_iter()
        .map(|job| Ok((read_manifest(&job.folder.join("job.toml"))?, job)).map(|(m, j)| (j, m)))
        .collect::<Result<Vec<_>, Failure>>()?;
    refuse_same_names(&jobs)?;
    Ok(jobs)
}

/// A copied crate whose `job.toml` still has the old name would replace the module of the job it was copied from.
fn refuse_same_names(jobs: &[(JobCrate, Manifest)]) -> Result<(), Failure> {
    for (job, manifest) in jobs {
        let name = &manifest.job.name;
        let other = same_name(job, |other| {
            read_manifest(&other.folder.join("job.toml")).is_ok_and(|manifest| manifest.job.name == *name)
        })?;
        if let Some(other) = other {
            return Err(Failure::usage(
                "job_name_taken",
                format!(
                    "the crates `{}` and `{other}` both call their job `{name}`, expected a name for each",
                    job.package
                ),
                format!("change `name` under `[job]` in `{}`", job.folder.join("job.toml").display()),
            ));
        }
    }
    Ok(())
}

/// Compiles the crate; cargo's own messages go to stderr as they come.
fn compile(job: &JobCrate) -> Result<Vec<u8>, Failure> {
    let failed = |problem: String| {
        Failure::usage(
            "build_failed",
            format!("compiling `{}` for wasm32-wasip2: {problem}", job.package),
            if target_is_missing() {
                "`rustup target add wasm32-wasip2`"
            } else {
                "mend what the compiler says above"
            },
        )
    };
    let output = cargo()
        .args(["build", "--target", "wasm32-wasip2", "--profile", "job", "--package", &job.package])
        // The profile is there even in a workspace that does not define it.
        .args(["--config", "profile.job.inherits=\"release\""])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(&job.folder)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(format!("cargo does not start: {error}")))?;
    if !output.status.success() {
        return Err(failed("cargo says why above".to_owned()));
    }
    let artifact = output
        .stdout
        .split(|&byte| byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter_map(|message| {
            let of_this_crate = message["manifest_path"].as_str().is_some_and(|manifest| {
                Path::new(manifest).parent().is_some_and(|folder| folder == job.folder)
            });
            let files = message["filenames"].as_array()?.clone();
            let wasm =
                files.iter().filter_map(Value::as_str).find(|file| file.ends_with(".wasm"))?.to_owned();
            of_this_crate.then_some(wasm)
        })
        .next_back()
        .ok_or_else(|| {
            let message = format!("compiling `{}` for wasm32-wasip2: it gives no `.wasm`", job.package);
            Failure::usage(
                "build_failed",
                message,
                "in its Cargo.toml:\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]",
            )
        })?;
    read_limited(Path::new(&artifact))
}

/// Whether the standard library for the target is not installed.
fn target_is_missing() -> bool {
    let libraries =
        Command::new("rustc").args(["--print", "target-libdir", "--target", "wasm32-wasip2"]).output();
    libraries.is_ok_and(|output| !Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}
