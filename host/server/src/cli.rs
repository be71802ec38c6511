//! The commands. One file each; this one lists them and what they take.

pub mod audit;
pub mod bench;
pub mod cancel;
pub mod deploy;
pub mod diff;
pub mod difference;
pub mod jobs;
pub mod key;
pub mod list;
pub mod log;
pub mod module;
pub mod new;
pub mod pause;
pub mod publish;
pub mod queue;
pub mod remote;
pub mod retry;
pub mod revisions;
pub mod run;
pub mod schedule;
pub mod serve;
pub mod settings;
pub mod stats;
pub mod status;
pub mod token;

use crate::exit_code::ExitCode;
use crate::failure::Failure;
use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand};
use std::env;
use std::path::PathBuf;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Runs background jobs, each in a WebAssembly sandbox of its own.
#[derive(Debug, Parser)]
#[command(name = "mainworker", version, styles = STYLES, arg_required_else_help = true, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 completed · 1 the job ended otherwise · 2 usage or settings · 3 envelope rejected · \
4 stopped by a limit · 5 module or grant refused · 6 host unreachable · 130 interrupted";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run one envelope to its end and print the job's result
    Run(run::RunArgs),
    /// Take tasks over HTTP, keep them, run them, until asked to stop
    Serve(serve::ServeArgs),
    /// Hand a task to a running host, and wait for it if asked to
    Queue(queue::QueueArgs),
    /// Show a task of a running host
    Status(status::StatusArgs),
    /// List the tasks of a running host
    List(list::ListArgs),
    /// Show what a task said, or follow it
    Log(log::LogArgs),
    /// Cancel tasks
    Cancel(cancel::CancelArgs),
    /// Give tasks that ended without a result a new life
    Retry(retry::RetryArgs),
    /// Let no attempt of a job begin, or none at all
    Pause(pause::PauseArgs),
    /// Let attempts begin again
    Resume(pause::ResumeArgs),
    /// Make and show keys with which modules are signed
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Test modules, sign what they are, and publish them
    Publish(publish::PublishArgs),
    /// Let a running host take a published module and run it from now on
    Deploy(deploy::DeployArgs),
    /// List the revisions of a job that a running host keeps
    Revisions(revisions::RevisionsArgs),
    /// Let a former revision of a job run again
    Rollback(revisions::RollbackArgs),
    /// Take a job away from a running host
    Undeploy(revisions::UndeployArgs),
    /// See, change and trigger what a running host runs by itself
    #[command(subcommand)]
    Schedule(schedule::ScheduleCommand),
    /// Make, list and revoke the tokens of a host
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// List who wanted what of a running host
    Audit(audit::AuditArgs),
    /// Show how a running host is and what it does
    Stats(stats::StatsArgs),
    /// List the jobs, or show one
    Jobs(jobs::JobsArgs),
    /// Make, inspect and check job modules
    #[command(subcommand)]
    Module(module::ModuleCommand),
    /// Show what a new revision of a job may do that the old one could not
    Diff(diff::DiffArgs),
    /// Make a crate for a new job
    New(new::NewArgs),
    /// Check or show the host's settings
    #[command(subcommand)]
    Settings(settings::SettingsCommand),
    /// Measure this host on this machine
    #[command(subcommand)]
    Bench(bench::BenchCommand),
}

impl Cli {
    /// Whether it goes on until it is stopped, with nobody who looks.
    pub fn is_service(&self) -> bool {
        matches!(self.command, Command::Serve(_))
    }

    /// Runs the command.
    ///
    /// # Errors
    /// Why it did not do what it was asked.
    pub fn run(self) -> Result<ExitCode, Failure> {
        match self.command {
            Command::Run(args) => run::run(&args),
            Command::Serve(args) => serve::serve(&args),
            Command::Queue(args) => queue::queue(&args),
            Command::Status(args) => status::status(&args),
            Command::List(args) => list::list(&args),
            Command::Log(args) => log::log(&args),
            Command::Cancel(args) => cancel::cancel(&args),
            Command::Retry(args) => retry::retry(&args),
            Command::Key(command) => key::key(&command),
            Command::Publish(args) => publish::publish(&args),
            Command::Deploy(args) => deploy::deploy(&args),
            Command::Revisions(args) => revisions::revisions(&args),
            Command::Rollback(args) => revisions::rollback(&args),
            Command::Undeploy(args) => revisions::undeploy(&args),
            Command::Schedule(command) => schedule::schedule(&command),
            Command::Token(command) => token::token(&command),
            Command::Audit(args) => audit::audit(&args),
            Command::Pause(args) => pause::pause(&args),
            Command::Resume(args) => pause::resume(&args),
            Command::Stats(args) => stats::stats(&args),
            Command::Jobs(args) => jobs::jobs(&args),
            Command::Module(command) => module::module(&command),
            Command::Diff(args) => diff::diff(&args),
            Command::New(args) => new::new(&args),
            Command::Settings(command) => settings::settings(&command),
            Command::Bench(command) => bench::bench(&command),
        }
    }
}

/// Where a command finds modules and settings.
#[derive(Args, Clone, Debug, Default)]
pub struct HostArgs {
    /// Folder of job modules, NAME.wasm each [default: `[modules] dir` of the settings, or target/modules]
    #[arg(long, value_name = "DIR")]
    modules: Option<PathBuf>,
    /// Settings file [default: mainworker.toml, if it is here]
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Folder that the host writes to: compiled modules and, for `serve`, the store of tasks and its sealing key [default: mainworker in the user's state folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl HostArgs {
    /// The data folder; none where neither a flag nor the user's environment names one.
    fn data_dir(&self) -> Option<PathBuf> {
        self.data.clone().or_else(default_data_dir)
    }
}

/// The data folder of this user; none where the environment names none.
fn default_data_dir() -> Option<PathBuf> {
    // An empty variable is no folder, least of all the current one.
    let folder = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let in_home = || folder("HOME").map(|home| home.join(".local/state"));
    let state = folder("XDG_STATE_HOME").or_else(in_home);
    state.map(|state| state.join("mainworker"))
}
