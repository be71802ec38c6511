//! `mainworker module check`: admission, then every sample, with nothing of this machine.

mod verdict;

use super::build;
use super::packing::Packer;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::hints;
use crate::modules_folder::read_module;
use crate::process;
use crate::sample::SampleError;
use crate::sample::contradiction;
use crate::sample::folder::SamplesFolder;
use crate::sample::trial::{self, NotRun, Trial};
use crate::terminal;
use clap::Args;
use mainworker_domain::outcome::Outcome;
use mainworker_sandbox::attempt::{Stop, StopReason};
use mainworker_sandbox::module::Module;
use mainworker_sandbox::module_file::ModuleFile;
use mainworker_sandbox::refusal::ModuleRefusal;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use verdict::{CheckedModule, CheckedSample, Verdict};

/// Admits modules as a host would, compiles them, and runs the samples beside them: envelopes with all that a host gives,
/// and what has to come of them. Nothing of this machine goes in: no settings, no environment, no clock, no network.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, after_long_help = format!("{SAMPLE}\n\n{EXAMPLES}"))]
pub struct CheckArgs {
    /// A module; a job crate (a folder with a job.toml), which is compiled; or a folder of modules
    #[arg(value_name = "FILE|DIR")]
    subject: PathBuf,
    /// Folder of samples, *.json [default: NAME.samples beside NAME.wasm, or samples beside it or in the crate]
    #[arg(long, value_name = "DIR")]
    samples: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "Examples:
  mainworker module check jobs-wasm/echo         a job crate, compiled, with its samples/
  mainworker module check target/modules         every module there, each with its NAME.samples/
  mainworker module check app.wasm --samples s --json

Exit codes: 0 all samples hold · 1 one does not · 2 one cannot be read, or contradicts the manifest · 5 a module is refused. \
Of several the highest counts. `--help` shows what is in a sample.";

const SAMPLE: &str = r#"A sample, with everything that can be in one; only `envelope` and `expect` have to be:
  { "about": "one line",
    "envelope": { "configuration": {}, "jobName": "NAME", "source": "api", "jobPayload": {} },
    "given": {
      "configuration": { "mail.url": "https://mail.example/v1" },     what the host's settings would give
      "files": { "MOUNT": { "a.log": "text", "b.gz": { "base64": "…" }, "c.json": { "json": {} },
                            "d.log": { "copy": "files/d.log" } } },   a file below the samples
      "http": [ { "request": { "method": "GET", "url": "https://…", "headers": {}, "body": {} },
                  "response": { "status": 200, "headers": {}, "body": {} } },
                { "request": { "method": "GET", "url": "https://…" }, "error": "timeout" } ],
      "clock": "2015-06-01T00:00:00Z", "random": 7, "attempt": 1,
      "taskId": "01900000-0000-7000-8000-000000000000" },
    "expect": {
      "outcome": "completed", "result": {},        or rejected, failed, retry-asked with "message",
                                                   "retryAfterMs"; or any other with its "code"
      "files": { "MOUNT": { "x.json": { "json": {} } } },             all that is there afterwards
      "scheduled": [ { "job": "NAME", "payload": {}, "options": { "idempotencyKey": "…" } } ] } }
  Instead of an outcome: "rejection": { "code": "payload_invalid", "pointer": "/jobPayload/to" }, at the door.
  Requests are expected in their order, all of them and no others, with secrets put in; of headers those given
  have to be there, a body is compared as JSON. An error is one of connection-lost, connection-refused,
  name-not-found, protocol, timeout, tls. Tasks that are not expected must not be asked for."#;

/// What is to be checked.
#[derive(Debug)]
struct Subject {
    /// The module file or the crate's folder.
    path: PathBuf,
    kind: Kind,
    /// Its samples, which need not be there.
    samples: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    File,
    /// Named after its job, as a host expects it.
    FileOfFolder,
    Crate,
}

pub(super) fn check(args: &CheckArgs) -> Result<ExitCode, Failure> {
    let subjects = subjects(args)?;
    let packer = Packer::start()?;
    let stop = Arc::new(Stop::default());
    let asked = Arc::clone(&stop);
    process::on_stop_signal(move || asked.request(StopReason::Interrupt));
    let mut checked = Vec::new();
    for subject in &subjects {
        checked.push(check_one(&packer, subject, args, &stop)?);
        if stop.requested().is_some() {
            return Ok(ExitCode::Interrupted);
        }
    }
    if args.json {
        terminal::print_json(&verdict::to_json(&checked).to_string())?;
    } else {
        terminal::print(&verdict::summary(&checked))?;
    }
    Ok(verdict::exit_code(&checked))
}

/// A module file that was checked, with the samples that held.
#[derive(Debug)]
pub(in crate::cli) struct Tested {
    /// The module.
    pub(in crate::cli) module: ModuleFile,
    /// The names of its samples.
    pub(in crate::cli) samples: Vec<String>,
    /// Where they are.
    pub(in crate::cli) folder: PathBuf,
}

/// Checks module files for whoever publishes them: each has samples, and all of them hold.
///
/// # Errors
/// The first module that is refused, has no samples, or has one that does not hold; what that is has been printed.
pub(in crate::cli) fn test(modules: &[PathBuf], samples: Option<&Path>) -> Result<Vec<Tested>, Failure> {
    let packer = Packer::start()?;
    let stop = Arc::new(Stop::default());
    let asked = Arc::clone(&stop);
    process::on_stop_signal(move || asked.request(StopReason::Interrupt));
    let tested = modules.iter().map(|path| {
        let samples = samples.map_or_else(|| SamplesFolder::of_module(path), Path::to_owned);
        let subject = Subject { path: path.clone(), kind: Kind::File, samples };
        test_one(&packer, subject, &stop)
    });
    tested.collect()
}

fn test_one(packer: &Packer, subject: Subject, stop: &Arc<Stop>) -> Result<Tested, Failure> {
    let (file, module) = admit(packer, &subject)?;
    let job = file.revision().manifest().job.name.clone();
    let module = Arc::new(module);
    let folder = open_samples(&subject.samples)?;
    let names = folder.as_ref().map(SamplesFolder::names).unwrap_or_default().to_vec();
    if names.is_empty() {
        let problem =
            format!("`{job}` has no samples in `{}`, expected at least one", subject.samples.display());
        return Err(Failure::usage("samples_missing", problem, hints::of_missing_samples()));
    }
    let (mut failed, mut has_run) = (Vec::new(), false);
    for (folder, name) in folder.iter().flat_map(|folder| names.iter().map(move |name| (folder, name))) {
        let sample = check_sample(packer, folder, name, &module, stop);
        if stop.requested().is_some() {
            return Err(Failure { exit: ExitCode::Interrupted, ..Failure::host("testing was interrupted") });
        }
        match &sample.verdict {
            Verdict::Holds(trial) => {
                has_run |= trial.outcome.is_some_and(|outcome| outcome != Outcome::Refused)
            }
            verdict => {
                terminal::note(&terminal::printable(&sample.to_string()));
                failed.push(verdict.exit_code());
            }
        }
    }
    if failed.is_empty() && !has_run {
        let problem =
            format!("no sample of `{job}` runs it, expected at least one that is not rejected at the door");
        return Err(Failure::usage("samples_missing", problem, hints::of_missing_samples()));
    }
    match failed.iter().max_by_key(|exit| exit.number()) {
        None => Ok(Tested { module: file, samples: names, folder: subject.samples }),
        Some(exit) => {
            let problem = format!(
                "{} of {} samples of `{job}` do not hold, expected all of them to",
                failed.len(),
                names.len()
            );
            Err(Failure {
                exit: *exit,
                ..Failure::usage("samples_failed", problem, hints::of_failed_samples())
            })
        }
    }
}

fn subjects(args: &CheckArgs) -> Result<Vec<Subject>, Failure> {
    let path = &args.subject;
    let one = |kind: Kind, samples: PathBuf| {
        let samples = args.samples.clone().unwrap_or(samples);
        vec![Subject { path: path.clone(), kind, samples }]
    };
    let subjects = if !path.is_dir() {
        one(Kind::File, SamplesFolder::of_module(path))
    } else if path.join("job.toml").is_file() {
        one(Kind::Crate, path.join("samples"))
    } else {
        if args.samples.is_some() {
            let problem = format!(
                "`{}` is a folder of modules, expected one module beside `--samples`",
                path.display()
            );
            return Err(Failure::usage("samples_of_many", problem, hints::of_samples_of_many()));
        }
        let subject = |file: PathBuf| Subject {
            samples: file.with_extension("samples"),
            path: file,
            kind: Kind::FileOfFolder,
        };
        module_files(path)?.into_iter().map(subject).collect()
    };
    if subjects.is_empty() {
        let problem = format!("`{}` has neither a `job.toml` nor a module `NAME.wasm`", path.display());
        return Err(Failure::usage("nothing_to_check", problem, hints::of_nothing_to_check()));
    }
    if let Some(samples) = &args.samples
        && open_samples(samples)?.is_none_or(|folder| folder.names().is_empty())
    {
        let problem = format!("there are no samples in `{}`, expected files `*.json`", samples.display());
        return Err(Failure::usage("samples_missing", problem, hints::of_missing_samples()));
    }
    Ok(subjects)
}

/// Admits, compiles and links a module, then runs its samples.
///
/// # Errors
/// A crate that does not build, or output that cannot be written. What is wrong with a module is a part of the verdict.
fn check_one(
    packer: &Packer,
    subject: &Subject,
    args: &CheckArgs,
    stop: &Arc<Stop>,
) -> Result<CheckedModule, Failure> {
    let admitted = match admit(packer, subject) {
        Err(failure) if failure.exit != ExitCode::Refused => return Err(failure),
        other => other,
    };
    let (file, module) = match admitted {
        Ok(admitted) => admitted,
        Err(failure) => {
            terminal::print_failure(&failure);
            return Ok(CheckedModule::refused(&subject.path, failure));
        }
    };
    if !args.json {
        let job = &file.revision().manifest().job;
        terminal::print(&format!("{} {} in `{}`", job.name, job.version, subject.path.display()))?;
    }
    let mut checked = CheckedModule::admitted(&subject.path, file.revision());
    let module = Arc::new(module);
    let folder = open_samples(&subject.samples)?;
    for (folder, name) in
        folder.iter().flat_map(|folder| folder.names().iter().map(move |name| (folder, name)))
    {
        let sample = check_sample(packer, folder, name, &module, stop);
        if stop.requested().is_some() {
            break;
        }
        if let Verdict::NotRun(failure) = &sample.verdict {
            terminal::print_failure(failure);
        }
        if !args.json {
            terminal::print(&sample.to_string())?;
        }
        checked.samples.push(sample);
    }
    if checked.samples.is_empty() && !args.json && stop.requested().is_none() {
        terminal::print(&format!("  no samples in `{}`: admitted, not run", subject.samples.display()))?;
    }
    Ok(checked)
}

/// The samples, or none where there is no such folder.
fn open_samples(path: &Path) -> Result<Option<SamplesFolder>, Failure> {
    match SamplesFolder::open(path) {
        Ok(folder) => Ok(Some(folder)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let problem = format!("listing the samples in `{}`: {error}", path.display());
            Err(Failure::usage("samples_unreadable", problem, hints::of_unreadable_samples()))
        }
    }
}

fn admit(packer: &Packer, subject: &Subject) -> Result<(ModuleFile, Module), Failure> {
    let file = match subject.kind {
        Kind::Crate => build::build_one(packer, &subject.path)?,
        Kind::File => read_module(&subject.path)?,
        Kind::FileOfFolder => read_named(&subject.path)?,
    };
    let module =
        packer.sandbox.prepare(&file).map_err(|refusal| Failure::module(subject.path.display(), &refusal))?;
    Ok((file, module))
}

/// The files of a folder that are modules by their names, sorted.
fn module_files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unavailable = |error: io::Error| {
        let message = format!("listing the modules in `{}`: {error}", folder.display());
        Failure::unavailable(message, hints::of_nothing_to_check())
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unavailable)? {
        let path = entry.map_err(unavailable)?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// A module of a folder: a host finds it only under its job's name.
fn read_named(path: &Path) -> Result<ModuleFile, Failure> {
    let module = read_module(path)?;
    let found = module.revision().manifest().job.name.as_str();
    let expected = path.file_stem().unwrap_or_default().to_string_lossy();
    if found == expected {
        return Ok(module);
    }
    let refusal = ModuleRefusal::OtherName { expected: expected.into_owned(), found: found.to_owned() };
    Err(Failure::module(path.display(), &refusal))
}

fn check_sample(
    packer: &Packer,
    folder: &SamplesFolder,
    name: &str,
    module: &Arc<Module>,
    stop: &Arc<Stop>,
) -> CheckedSample {
    let not_run = |about: Option<String>, failure: Failure| CheckedSample {
        name: name.to_owned(),
        about,
        verdict: Verdict::NotRun(failure),
    };
    let path = folder.path_of(name);
    let sample = match folder.read(name) {
        Ok(sample) => sample,
        Err(error) => return not_run(None, error.into_failure(&path)),
    };
    if let Err(contradiction) = contradiction::check(&sample, module.revision().manifest()) {
        return not_run(sample.about, SampleError::from(contradiction).into_failure(&path));
    }
    let run = trial::run(&sample, module, &packer.sandbox, Arc::clone(stop));
    match packer.runtime.block_on(run) {
        Ok(trial) => CheckedSample { name: name.to_owned(), about: sample.about, verdict: of(trial) },
        Err(NotRun::Contradiction(contradiction)) => {
            not_run(sample.about, SampleError::from(contradiction).into_failure(&path))
        }
        Err(NotRun::Mounts(error)) => not_run(
            sample.about,
            Failure::host(format!("making the mounts of `{}`: {error}", path.display())),
        ),
    }
}

fn of(trial: Trial) -> Verdict {
    if trial.differences.is_empty() { Verdict::Holds(trial) } else { Verdict::Differs(trial) }
}
