//! `mainworker diff`: what a new revision of a job may do that the old one could not.

use super::difference::{self, AllowArgs};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::hints;
use crate::modules_folder::read_module;
use crate::terminal;
use clap::Args;
use mainworker_domain::capability::Difference;
use mainworker_domain::catalog::Revision;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Shows what a new revision of a job may do that the old one could not: sources, configuration keys, mounts, requests, jobs
/// that it asks for, limits, and payloads that it refuses. What it may do no more, and what else differs, is shown too. Nothing
/// of a module is run.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  mainworker diff old/edge-logs.wasm target/modules/edge-logs.wasm
  mainworker diff old.wasm new.wasm --allow-widening schedule:send-email
  mainworker diff old.wasm new.wasm --json | jq -r '.widenings[].name'

Exit codes: 0 it may do nothing more, or all of it is allowed · 2 the modules are of two jobs · 5 a widening is not allowed, or a module is refused.")]
pub struct DiffArgs {
    /// The old module
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The new module
    #[arg(value_name = "NEW")]
    new: PathBuf,
    #[command(flatten)]
    allow: AllowArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn diff(args: &DiffArgs) -> Result<ExitCode, Failure> {
    let (old, new) = (revision(&args.old)?, revision(&args.new)?);
    let (job, other) = (&old.manifest().job.name, &new.manifest().job.name);
    if job != other {
        let message = format!(
            "`{}` is a module of the job `{job}`, `{}` one of `{other}`, expected two of one job",
            args.old.display(),
            args.new.display()
        );
        return Err(Failure::usage("other_job", message, hints::of_two_jobs()));
    }
    let difference = Difference::between(Some(old.description()), new.description());
    if args.json {
        let mut told = difference::to_json(&difference, &args.allow.allowed);
        told["job"] = json!(job.as_str());
        told["old"] = of_revision(&old);
        told["new"] = of_revision(&new);
        terminal::print_json(&told.to_string())?;
    } else if difference.is_empty() {
        let job = &new.manifest().job;
        terminal::note(&format!(
            "{} {} may do what it could do before, and nothing else",
            job.name, job.version
        ));
    } else {
        terminal::print_styled(&difference::shown(&difference, &args.allow.allowed))?;
    }
    args.allow.check(job, &difference)?;
    Ok(ExitCode::Completed)
}

/// The revision that an argument names: a module file.
fn revision(named: &Path) -> Result<Arc<Revision>, Failure> {
    Ok(Arc::clone(read_module(named)?.revision()))
}

fn of_revision(revision: &Revision) -> Value {
    json!({
        "version": revision.manifest().job.version.to_string(),
        "revision": revision.digest().to_string(),
    })
}
