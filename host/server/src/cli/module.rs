//! `mainworker module`: building job modules and looking into them.

mod build;
mod inspect;

use crate::exit_code::ExitCode;
use crate::failure::Failure;
use clap::Subcommand;

/// Build and look into job modules.
#[derive(Debug, Subcommand)]
pub enum ModuleCommand {
    /// Compile job crates to modules with their manifests
    Build(build::BuildArgs),
    /// Show what a module is and what it asks for
    Inspect(inspect::InspectArgs),
}

pub(super) fn module(command: &ModuleCommand) -> Result<ExitCode, Failure> {
    match command {
        ModuleCommand::Build(args) => build::build(args),
        ModuleCommand::Inspect(args) => inspect::inspect(args),
    }
}

pub(super) use inspect::{describe, to_json};
