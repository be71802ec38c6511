//! What talks: the command line of `mainworker`, and with it settings, reports, hints and exit codes.
//!
//! The other crates state facts; this one turns them into words, hints and numbers. A command is one file under [`cli`].
//! All that is printed goes through [`terminal`].

pub mod access;
pub mod api;
pub mod canonical;
pub mod cli;
pub mod clock;
pub mod deployments;
pub mod door;
pub mod events;
pub mod exit_code;
pub mod failure;
pub mod followers;
pub mod hints;
pub mod host;
pub mod host_log;
pub mod intake;
pub mod job_modules;
pub mod metrics;
pub mod modules_folder;
pub mod notify;
pub mod process;
pub mod providers;
pub mod rates;
pub mod readiness;
pub mod report;
pub mod sample;
pub mod sandbox_runner;
pub mod schedules;
pub mod sealing;
pub mod settings;
pub mod small_file;
pub mod socket;
pub mod system_random;
pub mod terminal;
pub mod tls;
pub mod tokens;
pub mod vouched;

use clap::Parser;
use std::process::ExitCode;

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    process::set_limits();
    let _written_out = terminal::start_diagnostics(cli.is_service());
    match cli.run() {
        Ok(code) => code.into(),
        Err(failure) => {
            terminal::print_failure(&failure);
            failure.exit.into()
        }
    }
}
