//! One component with everything that a hostile or a broken job may try.
//!
//! The payload names a probe, `{"probe": "spins"}`, and gives its parameters. Each probe is a file under `src/probes` and
//! has at least one row in `probes.toml`, which says how its attempt must end. The suite that runs the rows is
//! `host/sandbox/tests/probes`; a probe without a row, or a row that nobody runs, fails it.

#[cfg(target_arch = "wasm32")]
mod asked;
#[cfg(target_arch = "wasm32")]
mod job;
#[cfg(target_arch = "wasm32")]
mod probes;
