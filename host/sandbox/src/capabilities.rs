//! Everything a guest can reach, on one screen.
//!
//! Each capability is one file with the same three steps: **link** its interfaces once per engine, **check** what the
//! manifest asks against what the settings give, **build** its state for one attempt. To add one: a file here, a field in
//! [`Granted`], a row in [`import_rule`].
//!
//! | capability | file | granted |
//! | --- | --- | --- |
//! | configuration and secrets | [`configuration`] | the keys that the manifest names |
//! | files | [`files`] | the mounts that the manifest asks for and the settings give |
//! | log, stdout, stderr | [`log`] | always; masked and capped |
//! | progress | [`progress`] | always; masked and throttled |
//! | HTTP | [`http`] | requests that the manifest asks for and the settings allow, to addresses of the public internet |
//! | schedule | [`schedule`] | tasks of the jobs that the manifest names |
//! | clock | [`clock`] | always; from a seam |
//! | random | [`random`] | always; from a seam, capped |

pub mod clock;
pub mod configuration;
pub mod files;
pub mod http;
pub mod log;
pub mod masking;
pub mod progress;
pub mod random;
pub mod schedule;

use crate::bindings::mainworker::job::types;
use crate::refusal::GrantRefusal;
use crate::state::State;
use clock::Clock;
use files::{GrantedMount, Mounts};
use http::{GrantedHttp, HttpOffer};
use mainworker_domain::configuration::Granted as Configuration;
use mainworker_domain::egress::{Egress, secret_routes};
use mainworker_domain::limits::{LimitValues, Limits};
use mainworker_domain::manifest::Manifest;
use random::Seed;
use schedule::Intake;
use std::sync::Arc;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi_io::bindings::wasi::io;

/// What the host offers to every job: the settings, as far as capabilities go.
#[derive(Debug, Default)]
pub struct Offer {
    /// The mounts, each a folder that is held open.
    pub mounts: Mounts,
    /// The network.
    pub http: HttpOffer,
    /// Ceilings and the host's own limits.
    pub ceilings: LimitValues,
}

/// What an attempt at a job is given beyond its envelope: the manifest and the settings, intersected.
#[derive(Debug)]
pub struct Granted {
    /// The limits.
    pub limits: Limits,
    /// The mounts.
    pub mounts: Vec<GrantedMount>,
    /// The requests.
    pub http: GrantedHttp,
    /// What takes the tasks that the job asks for; without it there are none.
    pub intake: Option<Arc<dyn Intake>>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub seed: Seed,
}

/// Intersects what `manifest` asks for with what the host offers. Without a `configuration`, which is enough to say
/// whether the host could run the job, grants that name a key are left out.
///
/// # Errors
/// The first required grant that the host does not give. Optional ones are simply absent.
pub fn check(
    manifest: &Manifest,
    configuration: Option<&Configuration>,
    offer: &Offer,
) -> Result<Granted, GrantRefusal> {
    let limits = Limits::effective(&manifest.limits, &offer.ceilings)?;
    let mounts = files::check(manifest, &offer.mounts, &limits)?;
    let egress = Egress::resolve(manifest, configuration, &offer.http.allow)?;
    let routes =
        configuration.map(|configuration| secret_routes(manifest, configuration)).unwrap_or_default();
    Ok(Granted {
        limits,
        mounts,
        http: GrantedHttp::new(egress, routes, Arc::clone(&offer.http.transport)),
        intake: None,
        clock: Arc::new(clock::SystemClock::new()),
        seed: Seed::System,
    })
}

/// Links every capability, once per engine.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    configuration::link(linker)?;
    files::link(linker)?;
    http::link(linker)?;
    schedule::link(linker)?;
    log::link(linker)?;
    progress::link(linker)?;
    clock::link(linker)?;
    random::link(linker)?;
    link_streams(linker)?;
    link_environment(linker)
}

/// Streams and waiting, which files, printing and clocks are made of. They reach only what a capability put in the table.
fn link_streams(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    io::error::add_to_linker::<State, OfErrors>(linker, |state| Errors(&mut state.table))?;
    io::poll::add_to_linker::<State, OfTable>(linker, |state| &mut state.table)?;
    io::streams::add_to_linker::<State, OfTable>(linker, |state| &mut state.table)
}

/// Errors of streams, as guests see them: what happened, without where in the host.
struct Errors<'a>(&'a mut ResourceTable);

struct OfErrors;

impl HasData for OfErrors {
    type Data<'a> = Errors<'a>;
}

impl io::error::Host for Errors<'_> {}

impl io::error::HostError for Errors<'_> {
    fn drop(&mut self, error: Resource<io::error::Error>) -> wasmtime::Result<()> {
        self.0.delete(error)?;
        Ok(())
    }

    fn to_debug_string(&mut self, error: Resource<io::error::Error>) -> wasmtime::Result<String> {
        Ok(format!("{:#}", self.0.get(&error)?))
    }
}

struct OfTable;

impl HasData for OfTable {
    type Data<'a> = &'a mut ResourceTable;
}

/// What Rust's standard library always imports and nobody grants: an empty environment, no arguments, `exit`.
fn link_environment(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    use wasmtime_wasi::cli::{WasiCli, WasiCliView};
    use wasmtime_wasi::p2::bindings::cli;
    cli::environment::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::exit::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::stdin::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_input::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_output::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_stdin::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_stdout::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_stderr::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    types::add_to_linker::<State, OfState>(linker, |state| state)
}

/// Host calls of ours get the whole state of the attempt.
pub(crate) struct OfState;

impl HasData for OfState {
    type Data<'a> = &'a mut State;
}

impl types::Host for State {}

/// Whether a module may import an interface.
#[derive(Clone, Copy, Debug)]
pub enum Import {
    /// Whatever the manifest says.
    Always,
    /// Only if the manifest asks.
    Asked {
        /// Whether it does.
        asks: fn(&Manifest) -> bool,
        /// The line of `job.toml` that would.
        line: &'static str,
    },
}

/// The rule for an import by its full name; none for what this host does not offer.
pub fn import_rule(import: &str) -> Option<Import> {
    let (interface, version) = import.split_once('@').unwrap_or((import, ""));
    let rule = match interface {
        // Rust's standard library imports these whether they are used or not. Without a mount there are no folders.
        "wasi:cli/environment"
        | "wasi:cli/exit"
        | "wasi:cli/stdin"
        | "wasi:cli/stdout"
        | "wasi:cli/stderr"
        | "wasi:cli/terminal-input"
        | "wasi:cli/terminal-output"
        | "wasi:cli/terminal-stdin"
        | "wasi:cli/terminal-stdout"
        | "wasi:cli/terminal-stderr"
        | "wasi:io/error"
        | "wasi:io/poll"
        | "wasi:io/streams"
        | "wasi:filesystem/types"
        | "wasi:filesystem/preopens"
        | "wasi:clocks/monotonic-clock"
        | "wasi:clocks/wall-clock"
        | "wasi:random/random"
        | "wasi:random/insecure"
        | "wasi:random/insecure-seed" => {
            return version.starts_with("0.2.").then_some(Import::Always);
        }
        "wasi:logging/logging" | "mainworker:job/types" | "mainworker:job/progress" => Import::Always,
        "wasi:config/store" => Import::Asked {
            asks: |manifest| !manifest.configuration.is_empty(),
            line: "[configuration]\n\"some.key\" = { required = true }",
        },
        "wasi:http/types" | "wasi:http/outgoing-handler" if version.starts_with("0.2.") => Import::Asked {
            asks: |manifest| !manifest.grants.http.is_empty(),
            line: "[grants]\nhttp = [{ to = \"https://api.example.com\", methods = [\"GET\"] }]",
        },
        "mainworker:job/schedule" => Import::Asked {
            asks: |manifest| !manifest.grants.schedule.is_empty(),
            line: "[grants]\nschedule = [\"some-job\"]",
        },
        _ => return None,
    };
    Some(rule)
}
