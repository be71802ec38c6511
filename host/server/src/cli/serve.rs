//! `mainworker serve`: the host as a service.

use super::HostArgs;
use crate::api::{self, Entrances};
use crate::clock::{HostClock, Mode};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::hints;
use crate::host::Running;
use crate::job_modules::ModuleSource;
use crate::modules_folder::ModulesFolder;
use crate::process;
use crate::settings::Settings;
use crate::socket::HostSocket;
use crate::terminal;
use crate::tls::Certificate;
use clap::Args;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::quantity::format_ms;
use mainworker_queue::store::Store;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::{Notify, watch};

/// Where it listens unless it is told: reached from this machine alone.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// How long what is said at the end may take.
const SAY_WAIT: Duration = Duration::from_millis(200);

/// Takes tasks over HTTP, keeps them in the data folder and runs them until it is asked to stop (SIGTERM, SIGINT or SIGHUP). Then it
/// begins no more, waits for those that run, hands the rest back to the queue and ends. Asked twice, it ends at once, and the
/// attempts that run are lost: the next start begins them anew.
///
/// Prints `listening on http://ADDR`, or `https://ADDR` with a certificate, when it is ready. Whoever may open `host.sock` in the data folder operates it without a
/// token.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  mainworker serve
  mainworker serve --settings /etc/mainworker.toml --data /var/lib/mainworker --listen 127.0.0.1:8080")]
pub struct ServeArgs {
    #[command(flatten)]
    host: HostArgs,
    /// Address and port [default: `[server] listen` of the settings, or 127.0.0.1:8080]; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Serve for trying things out; says so wherever it can, and cannot be set in a settings file
    #[arg(long)]
    dev: bool,
    /// Begin with this time on the host's wall clock, which goes on evenly from there; jobs see it too
    #[arg(long, value_name = "TIME", requires = "dev", value_parser = moment)]
    clock: Option<Timestamp>,
}

impl ServeArgs {
    /// A folder's modules are for trying things out: nobody vouches for them.
    fn source(&self, settings: &Settings) -> Result<ModuleSource, Failure> {
        let flag = self.host.modules.as_deref();
        match (self.dev, flag) {
            (true, flag) => Ok(ModuleSource::Folder(ModulesFolder::at(settings.modules_dir(flag)))),
            (false, None) => Ok(ModuleSource::Deployed),
            (false, Some(_)) => Err(Failure::usage(
                "modules_without_dev",
                "`--modules` names a folder, and nobody vouches for what is in it; expected `--dev` beside it",
                hints::of_modules_without_dev(),
            )),
        }
    }
}

fn moment(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::parse(text).ok_or("expected a time such as `2031-03-30T00:59:30Z`")
}

impl ServeArgs {
    fn mode(&self) -> Mode {
        if self.dev { Mode::Development { clock: self.clock } } else { Mode::Service }
    }
}

pub(super) fn serve(args: &ServeArgs) -> Result<ExitCode, Failure> {
    let settings = Settings::load(args.host.settings.as_deref())?;
    let data_dir = args.host.data_dir().ok_or_else(|| {
        let hint = "name a folder with `--data DIR`";
        Failure::usage(
            "data_dir_unknown",
            "finding the data folder: no flag and no home folder names one",
            hint,
        )
    })?;
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .thread_name("host")
        .build()
        .map_err(|error| Failure::host(format!("starting threads: {error}")))?;
    let ended = runtime.block_on(run(args, settings, &data_dir));
    // What is left are connections that somebody keeps open, and reads of files that do not answer.
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

async fn run(args: &ServeArgs, settings: Settings, data_dir: &Path) -> Result<ExitCode, Failure> {
    let asked_to_stop = Arc::new(Notify::new());
    let stop = Arc::clone(&asked_to_stop);
    process::on_stop_signal(move || stop.notify_one());
    let certificate = settings.server.tls.clone().map(Certificate::load).transpose()?;
    // First of all: an address that is taken is known before anything is opened.
    let listener = listen(args.listen, settings.server.listen.as_deref()).await?;
    let address = listener.local_addr().map_err(|error| Failure::host(format!("listening: {error}")))?;
    let grace_ms = settings.server.stop_grace_ms;
    let grace = Duration::from_millis(grace_ms);
    let source = args.source(&settings)?;
    let modules_dir = match &source {
        ModuleSource::Folder(folder) => Some(folder.path()),
        ModuleSource::Deployed => None,
    };
    let (unusable, closed) = (settings.unusable(modules_dir), settings.closed());
    if matches!(source, ModuleSource::Deployed) && settings.modules_dir.is_some() {
        tracing::warn!("`[modules] dir` is read only with `--dev`; this host runs what is deployed to it");
    }
    let clock = Arc::new(HostClock::of(args.mode()));
    warn_of_mode(clock.mode());
    let running = Running::start(settings, source, data_dir, clock).await?;
    for Failure { message, hint, .. } in unusable {
        tracing::warn!(problem = message, hint, "what the settings name cannot be used");
    }
    if let Some(closed) = closed {
        tracing::warn!("{closed}");
    }
    if running.host.access.is_closed() {
        let first = hints::of_first_token(data_dir);
        tracing::warn!("there is no token, so nobody is let in over the network; {first}");
    }
    if certificate.is_none() && !address.ip().is_loopback() {
        tracing::warn!(
            %address,
            "tokens and payloads come over the network without TLS: `[server.tls]` names a certificate, or a proxy on this machine has one"
        );
    }
    warn_of_pauses(&running).await;
    // The store is this host's by now, and with it the folder.
    let (host_socket, socket) = HostSocket::bind(data_dir)
        .map_err(|error| Failure::usage("socket_unusable", &error, hints::of_host_socket(&error)))?;
    let (stop_api, api_stops) = watch::channel(false);
    let tls = certificate.as_ref().map(Certificate::config);
    let scheme = if tls.is_some() { "https" } else { "http" };
    let renewing = certificate.map(|certificate| {
        let events = Arc::clone(&running.host.events);
        tokio::spawn(certificate.keep(move |event| events.emit(event)))
    });
    let entrances = Entrances { network: listener, tls, socket: Some(socket) };
    let serving = tokio::spawn(api::serve(entrances, Arc::clone(&running.host), api_stops));
    terminal::print(&format!("listening on {scheme}://{address}"))?;

    asked_to_stop.notified().await;
    say("stopping: no more attempts begin, those that run may end".to_owned());
    let interrupted = running.drain(grace).await;
    if interrupted > 0 {
        let attempts =
            if interrupted == 1 { "1 attempt was" } else { &format!("{interrupted} attempts were") };
        let after = format_ms(grace_ms);
        say(format!("stopping: {attempts} interrupted after {after}; the tasks are queued again"));
    }
    // Nobody waits for the answer any more if the API has ended by itself.
    let _ = stop_api.send(true);
    let served = serving.await;
    drop(host_socket);
    if let Some(renewing) = renewing {
        renewing.abort();
    }
    running.close().await;
    match served {
        Ok(Ok(())) => Ok(ExitCode::Completed),
        Ok(Err(error)) => Err(Failure::host(format!("serving HTTP: {error}"))),
        Err(error) => Err(Failure::host(format!("serving HTTP: {error}"))),
    }
}

/// Says something on stderr, and waits for whoever reads it no longer than they may take: a reader that has stopped must not
/// keep the host from stopping.
fn say(text: String) {
    let (said, wait) = mpsc::channel();
    thread::spawn(move || {
        terminal::note(&text);
        // Nobody waits for it if it took too long.
        let _ = said.send(());
    });
    let _ = wait.recv_timeout(SAY_WAIT);
}

/// A host for development must not be taken for another.
fn warn_of_mode(mode: Mode) {
    let Mode::Development { clock } = mode else { return };
    tracing::warn!("this host is for trying things out (`--dev`): nobody should rely on it");
    if let Some(clock) = clock {
        tracing::warn!(
            %clock,
            "its clock does not show the time: tasks, tokens, events and jobs go by what it shows (`--clock`)"
        );
    }
}

/// A pause outlives the host that was told of it, and whoever paused may have forgotten.
async fn warn_of_pauses(running: &Running) {
    // A store that does not answer says so elsewhere.
    let Ok(overview) = running.host.store.overview().await else { return };
    if overview.paused {
        tracing::warn!("everything is paused: no attempt begins; `mainworker resume` ends it");
    }
    for (job, _) in overview.jobs.iter().filter(|(_, job)| job.paused) {
        tracing::warn!(%job, "the job is paused; `mainworker resume JOB` ends it");
    }
    let schedules = running.host.store.schedules().await.unwrap_or_default();
    for schedule in schedules.iter().filter(|schedule| schedule.paused) {
        let schedule = &schedule.name;
        tracing::warn!(%schedule, "the schedule is paused; `mainworker schedule resume NAME` ends it");
    }
}

async fn listen(flag: Option<SocketAddr>, setting: Option<&str>) -> Result<TcpListener, Failure> {
    let address = flag.or_else(|| setting.and_then(|text| text.parse().ok())).unwrap_or(LISTEN);
    TcpListener::bind(address).await.map_err(|error| {
        Failure::usage(
            "address_unusable",
            format!("listening on {address}: {error}"),
            "name another address with `--listen ADDR`; port 0 takes a free one",
        )
    })
}
