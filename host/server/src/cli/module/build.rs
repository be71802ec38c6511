//! `mainworker module build`: crate → component → module.
//!
//! The crate is compiled for `wasm32-wasip2` in the profile `job`, asked once for its schemas in an empty sandbox, and
//! gets the manifest from the `job.toml` beside its `Cargo.toml`. The module is written aside and renamed.

use crate::cli::run::start_sandbox;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::hints;
use crate::modules_folder::read_limited;
use crate::settings::default_modules_dir;
use crate::terminal;
use clap::Args;
use mainworker_domain::catalog::ModuleDescription;
use mainworker_domain::limits::LimitValues;
use mainworker_domain::manifest::{Manifest, ManifestError};
use mainworker_domain::quantity::approximate_bytes;
use mainworker_sandbox::module::Sandbox;
use mainworker_sandbox::module_file::ModuleFile;
use serde_json::Value;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tokio::runtime::Runtime;

/// Compiles job crates and writes DIR/NAME.wasm for each. A job crate has a `job.toml` beside its `Cargo.toml`.
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

/// A crate with a manifest beside it.
#[derive(Debug)]
struct JobCrate {
    package: String,
    folder: PathBuf,
}

pub(super) fn build(args: &BuildArgs) -> Result<ExitCode, Failure> {
    let jobs = find_jobs(&args.crates)?;
    // Manifests first: a typing error in the last one should not wait for all compilers.
    let jobs: Vec<(JobCrate, Manifest)> = jobs
        .into_iter()
        .map(|job| Ok((read_manifest(&job)?, job)).map(|(m, j)| (j, m)))
        .collect::<Result<_, Failure>>()?;
    let out = args.out.clone().unwrap_or_else(default_modules_dir);
    fs::create_dir_all(&out).map_err(|error| unwritable(&out, &error))?;
    let runtime = Runtime::new().map_err(|error| Failure::host(format!("starting threads: {error}")))?;
    let sandbox = start_sandbox(&LimitValues::default(), None)?;
    for (job, manifest) in jobs {
        let component = compile(&job)?;
        let module = pack(&runtime, &sandbox, &component, manifest)?;
        let path = out.join(format!("{}.wasm", module.revision().manifest().job.name));
        write(&path, module.bytes())?;
        let job = &module.revision().manifest().job;
        terminal::note(&format!(
            "{} {} · {} · {} · {}",
            job.name,
            job.version,
            approximate_bytes(module.bytes().len() as u64),
            module.revision().digest(),
            path.display()
        ));
    }
    Ok(ExitCode::Completed)
}

fn cargo() -> Command {
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

/// The packages that cargo knows in `folder` which have a manifest.
fn job_crates(folder: &Path) -> Result<Vec<JobCrate>, Failure> {
    let metadata = metadata(folder)?;
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let crates = packages.iter().filter_map(|package| {
        let folder = Path::new(package["manifest_path"].as_str()?).parent()?.to_owned();
        Some(JobCrate { package: package["name"].as_str()?.to_owned(), folder })
    });
    Ok(crates.filter(|job| job.folder.join("job.toml").is_file()).collect())
}

fn find_jobs(wanted: &[String]) -> Result<Vec<JobCrate>, Failure> {
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

fn read_manifest(job: &JobCrate) -> Result<Manifest, Failure> {
    let path = job.folder.join("job.toml");
    let invalid = |problem: String, hint: String| {
        Failure::usage("manifest_invalid", format!("reading `{}`: {problem}", path.display()), hint)
    };
    let text =
        fs::read_to_string(&path).map_err(|error| invalid(error.to_string(), "check the file".to_owned()))?;
    Manifest::parse_toml(&text).map_err(|error| {
        let hint = match &error {
            ManifestError::Table(error) => hints::of_table(error),
            ManifestError::Toml(_) => "mend the TOML at that place".to_owned(),
        };
        invalid(error.to_string(), hint)
    })
}

/// Compiles the crate; cargo's own messages go to stderr as they come.
fn compile(job: &JobCrate) -> Result<Vec<u8>, Failure> {
    let failed = |problem: String| {
        Failure::usage(
            "build_failed",
            format!("compiling `{}` for wasm32-wasip2: {problem}", job.package),
            "if the target is missing: `rustup target add wasm32-wasip2`",
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
            failed(
                "it has no `.wasm`: expected `crate-type = [\"cdylib\"]` under `[lib]` in its Cargo.toml"
                    .to_owned(),
            )
        })?;
    read_limited(Path::new(&artifact))
}

fn pack(
    runtime: &Runtime,
    sandbox: &Sandbox,
    component: &[u8],
    manifest: Manifest,
) -> Result<ModuleFile, Failure> {
    let name = manifest.job.name.to_string();
    let schemas = runtime.block_on(sandbox.schemas(component)).map_err(|error| {
        let hint = "mark the job's function with `#[mainworker::job]`";
        Failure::usage("schemas_unavailable", format!("building `{name}`: {error}"), hint)
    })?;
    let description =
        ModuleDescription { manifest, payload_schema: schemas.payload, result_schema: schemas.result };
    ModuleFile::pack(component, &description).map_err(|refusal| Failure::module(&name, &refusal))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut aside| {
        aside.write_all(bytes)?;
        aside.as_file().sync_all()?;
        // A temporary file is for its owner alone; a module is for whoever runs the host.
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        fs::set_permissions(aside.path(), permissions)?;
        aside.persist(path).map_err(|error| error.error)?;
        Ok(())
    });
    written.map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    let hint = "name another folder with `--out DIR`";
    Failure::usage("out_unwritable", format!("writing `{}`: {error}", path.display()), hint)
}
