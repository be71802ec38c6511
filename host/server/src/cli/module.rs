//! `mainworker module`: making job modules, looking into them, checking them.

mod build;
mod check;
mod crates;
mod inspect;
mod pack;
mod packing;

use crate::exit_code::ExitCode;
use crate::failure::Failure;
use clap::Subcommand;

/// Make, inspect and check job modules.
#[derive(Debug, Subcommand)]
pub enum ModuleCommand {
    /// Compile job crates to modules with their manifests
    Build(build::BuildArgs),
    /// Make a module of a component that another toolchain built
    Pack(pack::PackArgs),
    /// Show what a module is and what it asks for
    Inspect(inspect::InspectArgs),
    /// Admit modules and run their samples
    Check(check::CheckArgs),
}

pub(super) fn module(command: &ModuleCommand) -> Result<ExitCode, Failure> {
    match command {
        ModuleCommand::Build(args) => build::build(args),
        ModuleCommand::Pack(args) => pack::pack(args),
        ModuleCommand::Inspect(args) => inspect::inspect(args),
        ModuleCommand::Check(args) => check::check(args),
    }
}

pub(super) use check::{Tested, test};
pub(super) use crates::name_taken;
pub(super) use inspect::{describe, describe_job, to_json};
