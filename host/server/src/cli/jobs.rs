//! `mainworker jobs`: which jobs there are, and what one of them is.

use super::HostArgs;
use super::module::{describe, to_json};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::modules_folder::ModulesFolder;
use crate::settings::Settings;
use crate::terminal;
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use mainworker_domain::job_name::JobName;
use mainworker_domain::nearest::nearest_few;
use mainworker_domain::rejection::Rejection;
use mainworker_sandbox::capabilities;
use mainworker_sandbox::module_file::ModuleFile;
use serde_json::json;

/// Lists the jobs whose modules are in the modules folder.
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  mainworker jobs
  mainworker jobs show edge-logs --settings mainworker.toml"
)]
pub struct JobsArgs {
    #[command(subcommand)]
    command: Option<JobsCommand>,
    #[command(flatten)]
    host: HostArgs,
    /// Print a JSON array
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum JobsCommand {
    /// Show what one job is, asks for and gets from these settings
    #[command(after_help = "Example:
  mainworker jobs show edge-logs --settings mainworker.toml")]
    Show {
        /// The job
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        host: HostArgs,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn jobs(args: &JobsArgs) -> Result<ExitCode, Failure> {
    match &args.command {
        None => list(&args.host, args.json),
        Some(JobsCommand::Show { name, host, json }) => show(name, host, *json),
    }
}

fn list(host: &HostArgs, as_json: bool) -> Result<ExitCode, Failure> {
    let settings = Settings::load(host.settings.as_deref())?;
    let folder = ModulesFolder::at(settings.modules_dir(host.modules.as_deref()));
    let mut modules: Vec<ModuleFile> = Vec::new();
    let mut exit = ExitCode::Completed;
    for name in folder.names()? {
        match folder.read(&name) {
            Ok(module) => modules.extend(module),
            // One broken module should not hide the others.
            Err(failure) => {
                terminal::print_failure(&failure);
                exit = failure.exit;
            }
        }
    }
    if as_json {
        let rows: Vec<_> = modules
            .iter()
            .map(|module| {
                let manifest = module.revision().manifest();
                json!({
                    "name": manifest.job.name.as_str(),
                    "version": manifest.job.version.to_string(),
                    "revision": module.revision().digest().to_string(),
                    "summary": manifest.job.summary,
                    "owner": manifest.job.owner,
                    "sources": manifest.schedulable_by,
                })
            })
            .collect();
        terminal::print_json(&json!(rows).to_string())?;
        return Ok(exit);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["JOB", "VERSION", "REVISION", "SOURCES", "SUMMARY"]);
    for module in &modules {
        let manifest = module.revision().manifest();
        table.add_row([
            manifest.job.name.to_string(),
            manifest.job.version.to_string(),
            module.revision().digest().short(),
            manifest.schedulable_by.join(", "),
            terminal::printable(&manifest.job.summary).into_owned(),
        ]);
    }
    terminal::print(&table.trim_fmt())?;
    Ok(exit)
}

fn show(name: &str, host: &HostArgs, as_json: bool) -> Result<ExitCode, Failure> {
    let settings = Settings::load(host.settings.as_deref())?;
    let folder = ModulesFolder::at(settings.modules_dir(host.modules.as_deref()));
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
