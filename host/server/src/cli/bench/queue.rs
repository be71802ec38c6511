//! `mainworker bench queue`.

mod clients;
mod deploying;
mod latency;
mod million;
mod rates;
mod startup;

use super::figures::Figures;
use crate::cli::HostArgs;
use crate::cli::run::start_sandbox;
use crate::clock::{HostClock, Mode};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::host::Running;
use crate::job_modules::ModuleSource;
use crate::modules_folder::ModulesFolder;
use crate::settings::{QueueSettings, ServerSettings, Settings, module_cache};
use clap::Args;
use mainworker_domain::job_name::JobName;
use mainworker_domain::limits::LimitValues;
use mainworker_sandbox::module_file::ModuleFile;
use secrecy::SecretString;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::Runtime;

/// The token of the benchmark's own host, which nobody else reaches.
const TOKEN: &str = "bench";
/// The source that the benchmark asks as; `echo` lets it.
const SOURCE: &str = "api";
/// Turns of draining and of bare attempts; the median of each is the figure.
const TURNS: usize = 3;

/// Measures the queue around the sandbox: how many tasks a second come in, one by one, over HTTP and in batches; how many a
/// second are run to their end; and how soon one begins, also while revisions of its job are deployed. Tasks are `echo` with a
/// payload of 200 bytes, on stores of the benchmark's own, written through to the disk at each commit. Fails if a task is lost or
/// runs with another revision than it was accepted with. Takes about a minute and a half.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  mainworker bench queue --modules target/modules
  mainworker bench queue --modules target/modules --json | jq '.drainPerSecond / .bareAttemptsPerSecond'")]
pub struct QueueArgs {
    #[command(flatten)]
    host: HostArgs,
    /// Also list tasks in a store with a million of them; takes a minute more
    #[arg(long)]
    million: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn queue(args: &QueueArgs) -> Result<ExitCode, Failure> {
    let settings = Settings::load(args.host.settings.as_deref())?;
    let folder = ModulesFolder::at(settings.modules_dir(args.host.modules.as_deref()));
    // Beside the data folder that is named, so that its disk is the one that is measured.
    let scratch = match &args.host.data {
        Some(data) => {
            fs::create_dir_all(data).map_err(Failure::host)?;
            tempfile::tempdir_in(data)
        }
        None => tempfile::tempdir(),
    };
    let scratch = scratch.map_err(|error| Failure::host(format!("making a folder: {error}")))?;
    let runtime = Runtime::new().map_err(|error| Failure::host(format!("starting threads: {error}")))?;
    let mut figures = Figures::default();
    let path = |name: &str| scratch.path().join(name);

    let folder = echo_alone(&folder, &path("modules"), &path("compiled"))?;
    let warm = |name: &str| warmed(&path("compiled"), path(name));
    runtime.block_on(async {
        rates::intake(&folder, &warm("intake")?, &mut figures).await?;
        rates::drain(&folder, &warm("drain")?, &mut figures).await?;
        rates::queue_only(&path("queue-only"), &mut figures).await?;
        latency::start(&folder, &warm("start")?, &mut figures).await?;
        deploying::start(&echo(&folder)?, &path("deploying"), &mut figures).await
    })?;
    startup::serving(&folder, &warm("startup")?, &mut figures)?;
    if args.million {
        runtime.block_on(million::listing(&path("million"), &mut figures))?;
    }
    figures.add(
        "peakRssBytes",
        startup::peak_resident_bytes(),
        "the most memory that this process had, all of the above together",
    );
    figures.print(args.json, ("drained ÷ bare attempts", "drainPerSecond", "bareAttemptsPerSecond"))?;
    Ok(ExitCode::Completed)
}

/// A folder with the one module that the benchmark runs, compiled into a data folder: a host compiles what it has not compiled
/// yet beside everything else, and that would be measured with it.
fn echo_alone(folder: &ModulesFolder, alone: &Path, data: &Path) -> Result<ModulesFolder, Failure> {
    let file = echo(folder)?;
    let copy = || -> io::Result<()> {
        fs::create_dir(alone)?;
        fs::write(alone.join("echo.wasm"), file.bytes())
    };
    copy().map_err(|error| Failure::host(format!("copying the module: {error}")))?;
    let sandbox = start_sandbox(&LimitValues::default(), Some(data.to_owned()))?;
    sandbox.prepare(&file).map_err(|refusal| Failure::module("echo", &refusal))?;
    Ok(ModulesFolder::at(alone.to_owned()))
}

fn echo(folder: &ModulesFolder) -> Result<ModuleFile, Failure> {
    let missing = || Failure::unavailable("there is no module of `echo`", "`mainworker module build echo`");
    folder.read(&JobName::parse("echo").map_err(Failure::host)?)?.ok_or_else(missing)
}

/// A data folder with nothing in it but the modules that an earlier host compiled.
fn warmed(earlier: &Path, data: PathBuf) -> Result<PathBuf, Failure> {
    let (from, to) = (module_cache(earlier), module_cache(&data));
    let copy = || -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&to)?;
        for file in fs::read_dir(from)? {
            let file = file?;
            fs::copy(file.path(), to.join(file.file_name()))?;
        }
        Ok(())
    };
    copy().map_err(|error| Failure::host(format!("copying compiled modules: {error}")))?;
    Ok(data)
}

/// A host of the benchmark's own on a new store.
async fn host(folder: &ModulesFolder, data_dir: &Path) -> Result<Running, Failure> {
    let clock = Arc::new(HostClock::of(Mode::Service));
    // It gives its job nothing, so nobody need vouch for it.
    let source = ModuleSource::Folder(folder.clone());
    Running::start(own_settings(), source, data_dir, clock).await
}

fn own_settings() -> Settings {
    let server = ServerSettings {
        token: Some(SecretString::from(TOKEN)),
        source: Some(SOURCE.to_owned()),
        roles: vec!["enqueue".to_owned(), "read".to_owned(), "operate".to_owned()],
        ..ServerSettings::default()
    };
    // Room for all that the fastest machine can put in.
    let queue = QueueSettings { tasks_max: u64::MAX, ..QueueSettings::default() };
    Settings { server, queue, ..Settings::default() }
}

/// A payload of 200 bytes.
fn payload() -> String {
    let filler = "x".repeat(200 - r#"{"n":1,"text":""}"#.len());
    format!(r#"{{"n":1,"text":"{filler}"}}"#)
}

/// An envelope for `echo`.
fn envelope() -> String {
    format!(r#"{{"configuration":{{}},"jobName":"echo","source":"{SOURCE}","jobPayload":{}}}"#, payload())
}
