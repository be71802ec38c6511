//! A sandbox with the probes in it, shared by all tests.

use super::case::{self, Case};
use super::component;
use super::run::Run;
use mainworker_domain::catalog::ModuleDescription;
use mainworker_domain::limits::LimitValues;
use mainworker_domain::manifest::Manifest;
use mainworker_sandbox::module::{Module, Sandbox};
use mainworker_sandbox::module_file::ModuleFile;
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Tests that measure have the machine for themselves.
static MACHINE: RwLock<()> = RwLock::const_new(());

static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| start(None));

static PROBES: LazyLock<Arc<Module>> = LazyLock::new(|| {
    let file =
        ModuleFile::pack(component::probes(), &describe(manifest_json())).expect("the probes are admitted");
    Arc::new(SANDBOX.prepare(&file).expect("the probes compile"))
});

/// A sandbox with the default ceilings.
pub(crate) fn start(cache: Option<mainworker_sandbox::module_cache::ModuleCache>) -> Sandbox {
    Sandbox::start(&LimitValues::default(), cache).expect("a sandbox starts")
}

/// The manifest of the probes, to be added to. It asks for a key, a request and a job because the probes import what
/// these are for; none of it is given.
pub(crate) fn manifest_json() -> Value {
    json!({
        "job": { "name": "probes", "version": "0.1.0", "summary": "Tries what it should not" },
        "schedulable-by": { "sources": ["api"] },
        "configuration": { "granted": {}, "secret": { "secret": true } },
        "grants": {
            "http": [{ "to": "https://nobody.invalid", "methods": ["GET"], "optional": true }],
            "schedule": ["echo"],
        },
    })
}

/// A description with this manifest and without schemas.
pub(crate) fn describe(manifest: Value) -> ModuleDescription {
    let manifest = Manifest::from_json(&manifest).expect("the manifest is valid");
    ModuleDescription { manifest, payload_schema: None, result_schema: None }
}

/// What a test runs probes with.
pub(crate) struct Harness {
    _shared: Option<RwLockReadGuard<'static, ()>>,
    _alone: Option<RwLockWriteGuard<'static, ()>>,
}

impl Harness {
    /// The shared sandbox.
    pub(crate) async fn shared() -> Self {
        // Before the lock is taken: nobody has to wait for a compiler to be alone.
        LazyLock::force(&PROBES);
        Self { _shared: Some(MACHINE.read().await), _alone: None }
    }

    /// The shared sandbox, without any other test running.
    pub(crate) async fn alone() -> Self {
        LazyLock::force(&PROBES);
        Self { _shared: None, _alone: Some(MACHINE.write().await) }
    }

    pub(crate) fn sandbox(&self) -> &'static Sandbox {
        &SANDBOX
    }

    /// A run of the probe that `payload` names.
    pub(crate) fn probe(&self, payload: Value) -> Run {
        Run::of(&SANDBOX, Arc::clone(&PROBES), payload)
    }

    /// A run of a row of the table, with the row.
    pub(crate) fn case(&self, name: &str) -> (Run, Case) {
        let case = case::named(name);
        (self.probe(case.payload.clone()).limits(&case.limits), case)
    }

    /// A run of a component written by hand.
    pub(crate) fn component(&self, text: &str) -> Run {
        let bytes = wat::parse_str(text).expect("the text is a component");
        let file = ModuleFile::pack(&bytes, &describe(manifest_json())).expect("it is admitted");
        let module = SANDBOX.prepare(&file).expect("it compiles");
        Run::of(&SANDBOX, Arc::new(module), json!({}))
    }
}
