//! What runs: the engine, the module cache, the capabilities and one attempt at a time in each sandbox.
//!
//! A module comes in as bytes ([`module_file::ModuleFile`]), is admitted against its own manifest, compiled once and
//! linked once ([`module::Module`]). Each attempt then gets a fresh store and instance, used for one call and thrown
//! away. Everything a guest can reach comes from a file under [`capabilities`]; nothing is granted by default.
//!
//! This crate knows no queue, no HTTP server and no settings file. It keeps one invariant above all: whatever a guest
//! does ends its own attempt at the most, with an outcome that says why.

pub mod attempt;
pub mod bare;
pub mod capabilities;
pub mod engine;
pub mod listener;
pub mod module;
pub mod module_cache;
pub mod module_file;
pub mod refusal;

mod attempt_threads;
mod bindings;
mod classify;
mod control;
mod cpu_meter;
mod limiter;
mod schema_probe;
mod state;

pub use schema_probe::{SchemaProbeError, Schemas};
