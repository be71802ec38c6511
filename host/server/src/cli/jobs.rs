//! `mainworker jobs`: which jobs there are, and what one of them is.

use super::module::{describe, describe_job, to_json};
use super::remote::{RemoteArgs, print_json, short_revision};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::hints;
use crate::modules_folder::ModulesFolder;
use crate::settings::Settings;
use crate::terminal;
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use mainworker_client::wire::{ErrorInfo, Job, JobInfo, JobList};
use mainworker_client::{Client, ClientError};
use mainworker_domain::catalog::ModuleDescription;
use mainworker_domain::job_name::JobName;
use mainworker_domain::manifest::Manifest;
use mainworker_domain::nearest::nearest_few;
use mainworker_domain::rejection::Rejection;
use mainworker_sandbox::capabilities;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Lists the jobs of a running host, or, where none is named and none runs on the user's own data folder, those of a folder of
/// modules.
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  mainworker jobs
  mainworker jobs --data /var/lib/mainworker
  mainworker jobs show edge-logs --modules target/modules --settings mainworker.toml"
)]
pub struct JobsArgs {
    #[command(subcommand)]
    command: Option<JobsCommand>,
    #[command(flatten)]
    whose: Whose,
    /// Print a JSON array
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum JobsCommand {
    /// Show what one job is and asks for; of a module in a folder, also what it gets from these settings
    #[command(after_help = "Examples:
  mainworker jobs show edge-logs
  mainworker jobs show edge-logs --modules target/modules --settings mainworker.toml")]
    Show {
        /// The job
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        whose: Whose,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// Whose jobs.
#[derive(Args, Debug)]
struct Whose {
    /// Folder of job modules, NAME.wasm each, instead of a host [default where no host runs: `[modules] dir` of the settings, or
    /// target/modules]
    #[arg(long, value_name = "DIR", conflicts_with_all = ["host", "data"])]
    modules: Option<PathBuf>,
    /// Settings file, for a folder [default: mainworker.toml, if it is here]
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// A job in the list.
struct Listed {
    name: String,
    version: String,
    revision: String,
    summary: String,
    owner: Option<String>,
    sources: Vec<String>,
}

pub(super) fn jobs(args: &JobsArgs) -> Result<ExitCode, Failure> {
    match &args.command {
        None => list(&args.whose, args.json),
        Some(JobsCommand::Show { name, whose, json }) => show(name, whose, *json),
    }
}

impl Whose {
    /// What the host says; none for the modules of a folder.
    fn ask_host<T>(
        &self,
        ask: impl AsyncFnOnce(&Client) -> Result<T, ClientError>,
    ) -> Result<Option<T>, Failure> {
        if self.modules.is_some() { Ok(None) } else { self.remote.ask_if_named(ask) }
    }
}

fn list(whose: &Whose, as_json: bool) -> Result<ExitCode, Failure> {
    let (jobs, failures) = match whose.ask_host(async |client| client.jobs().await)? {
        Some(list) => of_host(list),
        None => of_folder(whose)?,
    };
    // One broken module should not hide the others.
    for failure in &failures {
        terminal::print_failure(failure);
    }
    let exit = failures.last().map_or(ExitCode::Completed, |failure| failure.exit);
    if as_json {
        let row = |job: &Listed| {
            json!({
                "name": job.name,
                "version": job.version,
                "revision": job.revision,
                "summary": job.summary,
                "owner": job.owner,
                "sources": job.sources,
            })
        };
        terminal::print_json(&Value::Array(jobs.iter().map(row).collect()).to_string())?;
        return Ok(exit);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["JOB", "VERSION", "REVISION", "SOURCES", "SUMMARY"]);
    for job in &jobs {
        let revision = short_revision(&job.revision);
        let cells = [&job.name, &job.version, &revision, &job.sources.join(", "), &job.summary];
        table.add_row(cells.map(|cell| terminal::printable(cell).into_owned()));
    }
    terminal::print(&table.trim_fmt())?;
    Ok(exit)
}

/// Jobs that only ever had tasks have no module to tell of.
fn of_host(list: JobList) -> (Vec<Listed>, Vec<Failure>) {
    let failures = list.jobs.iter().filter_map(unusable).collect();
    let listed = list.jobs.into_iter().filter_map(|job| {
        Some(Listed {
            name: job.name,
            version: job.version?,
            revision: job.revision?,
            summary: job.summary?,
            owner: job.owner,
            sources: job.schedulable_by,
        })
    });
    (listed.collect(), failures)
}

/// Why a job's module cannot be used, if that is so.
fn unusable(job: &JobInfo) -> Option<Failure> {
    let ErrorInfo { code, message, hint } = job.error.clone()?;
    let message = format!("`{}` cannot be used: {message}", job.name);
    Some(Failure { code, hint: hint.map(|hint| hints::of_host(&hint)), ..Failure::unavailable(message, "") })
}

fn of_folder(whose: &Whose) -> Result<(Vec<Listed>, Vec<Failure>), Failure> {
    let settings = Settings::load(whose.settings.as_deref())?;
    let folder = ModulesFolder::at(settings.modules_dir(whose.modules.as_deref()));
    let (mut listed, mut failures) = (Vec::new(), Vec::new());
    for name in folder.names()? {
        match folder.read(&name) {
            Ok(None) => {}
            Ok(Some(module)) => {
                let manifest = module.revision().manifest();
                listed.push(Listed {
                    name: manifest.job.name.to_string(),
                    version: manifest.job.version.to_string(),
                    revision: module.revision().digest().to_string(),
                    summary: manifest.job.summary.clone(),
                    owner: manifest.job.owner.clone(),
                    sources: manifest.schedulable_by.clone(),
                });
            }
            Err(failure) => failures.push(failure),
        }
    }
    Ok((listed, failures))
}

fn show(name: &str, whose: &Whose, as_json: bool) -> Result<ExitCode, Failure> {
    match whose.ask_host(async |client| client.job(name).await)? {
        Some(job) => show_of_host(job, as_json),
        None => show_of_folder(name, whose, as_json),
    }
}

fn show_of_host(job: Job, as_json: bool) -> Result<ExitCode, Failure> {
    if as_json {
        print_json(&job)?;
        return Ok(if job.manifest.is_some() { ExitCode::Completed } else { ExitCode::Refused });
    }
    let Job { job, manifest, payload_schema, result_schema } = job;
    let (Some(manifest), Some(revision)) = (manifest, &job.revision) else {
        let away = format!("`{}` has no module any more", job.name);
        let away = || Failure::unavailable(away, hints::of_job_away(&job.name));
        return Err(unusable(&job).unwrap_or_else(away));
    };
    let manifest = Manifest::from_json(&manifest).map_err(|error| {
        Failure::host(format!("the host describes `{}` in a way that is not known here: {error}", job.name))
    })?;
    let description = ModuleDescription { manifest, payload_schema, result_schema };
    terminal::print(&describe_job(&description, revision, None))?;
    Ok(ExitCode::Completed)
}

fn show_of_folder(name: &str, whose: &Whose, as_json: bool) -> Result<ExitCode, Failure> {
    let settings = Settings::load(whose.settings.as_deref())?;
    let folder = ModulesFolder::at(settings.modules_dir(whose.modules.as_deref()));
    let module = match JobName::parse(name) {
        Ok(name) => folder.read(&name)?,
        Err(_) => None,
    };
    let Some(module) = module else {
        let names = folder.names().unwrap_or_default();
        let nearest = nearest_few(name, names.iter().map(JobName::as_str), 3);
        return Err(folder.unknown(Rejection::UnknownJob {
            name: name.chars().take(80).collect(),
            is_a_name: JobName::parse(name).is_ok(),
            nearest: nearest.into_iter().map(str::to_owned).collect(),
        }));
    };
    let granted = capabilities::check(module.revision().manifest(), None, &settings.offer);
    if as_json {
        let mut shown = to_json(&module);
        shown["granted"] = match &granted {
            Ok(granted) => json!({
                "files": granted.mounts.iter().map(|mount| (mount.name().to_owned(), json!(mount.access().as_str())))
                    .collect::<serde_json::Map<_, _>>(),
                "http": granted.http.destinations(),
                "schedule": module.revision().manifest().grants.schedule.iter().map(JobName::as_str).collect::<Vec<_>>(),
            }),
            Err(refusal) => json!({ "refused": { "code": refusal.code(), "message": refusal.to_string() } }),
        };
        terminal::print_json(&shown.to_string())?;
        return Ok(ExitCode::Completed);
    }
    terminal::print(&describe(&module))?;
    let granted = match granted {
        Ok(granted) => {
            let mounts =
                granted.mounts.iter().map(|mount| format!("/{} ({})", mount.name(), mount.access().as_str()));
            let all: Vec<String> = mounts.chain(granted.http.destinations()).collect();
            if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
        }
        Err(refusal) => format!("refused: {refusal}"),
    };
    terminal::print(&format!("{:<14} {granted}", "granted here"))?;
    Ok(ExitCode::Completed)
}
