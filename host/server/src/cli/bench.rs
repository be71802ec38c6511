//! `mainworker bench`: what this host costs on this machine.
//!
//! Figures that are compared with each other are measured in turns in one run, since machines differ and their speed
//! drifts. Jobs are given nothing of the host's.

mod bare;
mod figures;
mod queue;
mod sandbox;

use crate::exit_code::ExitCode;
use crate::failure::Failure;
use clap::Subcommand;

/// Measure this host on this machine.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// What an attempt costs, beside the least that a fresh instance and a call can cost
    Sandbox(sandbox::SandboxArgs),
    /// What the queue costs around the sandbox: tasks in, through, and how soon they begin
    Queue(queue::QueueArgs),
}

pub(super) fn bench(command: &BenchCommand) -> Result<ExitCode, Failure> {
    match command {
        BenchCommand::Sandbox(args) => sandbox::sandbox(args),
        BenchCommand::Queue(args) => queue::queue(args),
    }
}
