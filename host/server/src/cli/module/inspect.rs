//! `mainworker module inspect`: what a module is and what it asks for, without running any of it.

use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::modules_folder::read_module;
use crate::terminal;
use clap::Args;
use mainworker_domain::catalog::{CONTRACT, ModuleDescription};
use mainworker_domain::limits::LIMITS;
use mainworker_domain::manifest::{KeyRule, RevisionChoice, Run};
use mainworker_domain::quantity::{approximate_bytes, format_ms};
use mainworker_sandbox::module_file::ModuleFile;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Shows a module's manifest, digest, imports and schemas. Nothing of the module is run.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  mainworker module inspect target/modules/echo.wasm
  mainworker module inspect target/modules/echo.wasm --json | jq .payloadSchema")]
pub struct InspectArgs {
    /// The module file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn inspect(args: &InspectArgs) -> Result<ExitCode, Failure> {
    let module = read_module(&args.file)?;
    if args.json {
        terminal::print_json(&to_json(&module).to_string())?;
    } else {
        terminal::print(&describe(&module))?;
    }
    Ok(ExitCode::Completed)
}

/// A module as one JSON object.
pub(in crate::cli) fn to_json(module: &ModuleFile) -> Value {
    let description = module.revision().description();
    json!({
        "revision": module.revision().digest().to_string(),
        "bytes": module.bytes().len(),
        "contract": CONTRACT,
        "manifest": description.manifest.to_json(),
        "payloadSchema": description.payload_schema,
        "resultSchema": description.result_schema,
        "imports": module.imports(),
    })
}

/// What a manifest says about how its tasks are run, beside what holds for all.
fn run(run: &Run) -> Vec<String> {
    let together = run.max_concurrency.map(|most| format!("{most} at a time"));
    let of_a_key = run.concurrency_key.as_ref().map(|KeyRule { pointer, running_max }| {
        format!("{running_max} at a time of those with the same `{pointer}` in their payload")
    });
    let rate = run.rate_limit.map(|rate| format!("takes {rate}"));
    let newest = (run.revision == RevisionChoice::Newest).then(|| "with the newest revision".to_owned());
    [together, of_a_key, rate, newest].into_iter().flatten().collect()
}

/// A module in words.
pub(in crate::cli) fn describe(module: &ModuleFile) -> String {
    let revision = module.revision();
    describe_job(revision.description(), &revision.digest().to_string(), Some(module))
}

/// A job in words, by what its module says; with more about the module where it is at hand.
pub(in crate::cli) fn describe_job(
    description: &ModuleDescription,
    revision: &str,
    module: Option<&ModuleFile>,
) -> String {
    let manifest = &description.manifest;
    let mut rows: Vec<(&str, String)> = vec![
        ("job", format!("{} {}", manifest.job.name, manifest.job.version)),
        ("summary", manifest.job.summary.clone()),
    ];
    let optional = [("owner", &manifest.job.owner), ("runbook", &manifest.job.runbook)];
    rows.extend(optional.into_iter().filter_map(|(key, value)| Some((key, value.clone()?))));
    rows.push(("revision", revision.to_owned()));
    if let Some(module) = module {
        rows.push(("size", approximate_bytes(module.bytes().len() as u64)));
        rows.push(("contract", CONTRACT.to_owned()));
    }
    rows.push(("sources", manifest.schedulable_by.join(", ")));
    for (key, grant) in &manifest.configuration {
        let mut words = vec![if grant.required { "required" } else { "optional" }.to_owned()];
        words.push(format!("from {}", grant.from.as_str()));
        if grant.secret {
            words.push("secret".to_owned());
        }
        if !grant.only_to.is_empty() {
            let origins: Vec<String> = grant.only_to.iter().map(ToString::to_string).collect();
            let places: Vec<&str> = grant.places.iter().map(|place| place.as_str()).collect();
            words.push(format!("only to {} in {}", origins.join(", "), places.join(", ")));
        }
        rows.push(("configuration", format!("{key} ({})", words.join(", "))));
    }
    let suffix = |optional: bool| if optional { ", optional" } else { "" };
    for grant in &manifest.grants.files {
        rows.push((
            "files",
            format!("{} ({}{})", grant.mount, grant.access.as_str(), suffix(grant.optional)),
        ));
    }
    for grant in &manifest.grants.http {
        let methods = grant.methods.join(" ");
        rows.push((
            "http",
            format!("{methods} {}{} {}", grant.to, suffix(grant.optional), grant.paths.join(" ")),
        ));
    }
    rows.extend(manifest.grants.schedule.iter().map(|job| ("schedule", job.to_string())));
    for spec in LIMITS.iter().filter(|spec| spec.in_manifest) {
        if let Some(value) = manifest.limits.get(spec.limit) {
            rows.push(("limit", format!("{} = {}", spec.key, spec.limit.format(value))));
        }
    }
    let retry = &manifest.retry;
    rows.push((
        "retry",
        format!(
            "{} attempts, {} to {} apart",
            retry.max_attempts,
            format_ms(retry.base_ms),
            format_ms(retry.cap_ms)
        ),
    ));
    rows.extend(run(&manifest.run).into_iter().map(|said| ("run", said)));
    let schema = |schema: &Option<Value>| match schema {
        None => "any object".to_owned(),
        Some(schema) => {
            serde_json::to_string_pretty(schema).unwrap_or_default().replace('\n', "\n               ")
        }
    };
    rows.push(("payload", schema(&description.payload_schema)));
    rows.push(("result", schema(&description.result_schema)));
    rows.extend(module.map(|module| ("imports", module.imports().join("\n               "))));
    let lines: Vec<String> =
        rows.into_iter().map(|(key, value)| format!("{key:<14} {}", terminal::printable(&value))).collect();
    lines.join("\n")
}
