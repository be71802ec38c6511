//! `mainworker module build`: crate → component → module.
//!
//! The crate is compiled for `wasm32-wasip2` in the profile `job`, asked once for its schemas in an empty sandbox, and
//! gets the manifest from the `job.toml` beside its `Cargo.toml`. The module is written aside and renamed.

mod crates;

use crate::cli::run::start_sandbox;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::hints;
use crate::modules_folder::read_limited;
use crate::terminal;
use clap::Args;
use crates::{JobCrate, cargo, default_out, find_jobs, same_name};
use mainworker_domain::catalog::ModuleDescription;
use mainworker_domain::limits::LimitValues;
use mainworker_domain::manifest::{Manifest, ManifestError};
use mainworker_domain::quantity::approximate_bytes;
use mainworker_sandbox::module::Sandbox;
use mainworker_sandbox::module_file::ModuleFile;
use mainworker_sandbox::refusal::ModuleRefusal;
use serde_json::Value;
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

pub(super) fn build(args: &BuildArgs) -> Result<ExitCode, Failure> {
    let jobs = find_jobs(&args.crates)?;
    // Manifests first: a typing error in the last one should not wait for all compilers.
    let jobs: Vec<(JobCrate, Manifest)> = jobs
        .into_iter()
        .map(|job| Ok((read_manifest(&job)?, job)).map(|(m, j)| (j, m)))
        .collect::<Result<_, Failure>>()?;
    refuse_same_names(&jobs)?;
    let out = match &args.out {
        Some(out) => out.clone(),
        None => default_out()?,
    };
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

/// A copied crate whose `job.toml` still has the old name would replace the module of the job it was copied from.
fn refuse_same_names(jobs: &[(JobCrate, Manifest)]) -> Result<(), Failure> {
    for (job, manifest) in jobs {
        let name = &manifest.job.name;
        let other =
            same_name(job, |other| read_manifest(other).is_ok_and(|manifest| manifest.job.name == *name))?;
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

fn pack(
    runtime: &Runtime,
    sandbox: &Sandbox,
    component: &[u8],
    manifest: Manifest,
) -> Result<ModuleFile, Failure> {
    let name = manifest.job.name.to_string();
    let refused = |refusal: ModuleRefusal| Failure::module(&name, &refusal);
    // Its exports and imports first: what cannot be linked cannot answer either, and says so less clearly.
    let undescribed = ModuleDescription { manifest, payload_schema: None, result_schema: None };
    ModuleFile::pack(component, &undescribed).map_err(refused)?;
    let schemas = runtime.block_on(sandbox.schemas(component)).map_err(|error| {
        let hint = "mark the job's function with `#[mainworker::job]`";
        Failure::usage("schemas_unavailable", format!("building `{name}`: {error}"), hint)
    })?;
    let description =
        ModuleDescription { payload_schema: schemas.payload, result_schema: schemas.result, ..undescribed };
    ModuleFile::pack(component, &description).map_err(refused)
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
