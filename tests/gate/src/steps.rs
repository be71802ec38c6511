//! The steps of the gate, one row each: its name, why it is there, and what it does.
//!
//! The order is that of cost: what takes a second comes before what takes minutes, and what builds the host comes
//! before what runs it.

use crate::runner::Gate;
use anyhow::Result;

mod bench;
mod cargo;
mod jobs;
mod readme;
pub mod toolchain;

/// One row of the table.
#[derive(Debug)]
pub struct Step {
    /// As it is given on the command line.
    pub name: &'static str,
    /// What would go unnoticed without it.
    pub why: &'static str,
    /// Does it.
    pub run: fn(&Gate) -> Result<()>,
}

/// Everything that CI runs.
pub const STEPS: &[Step] = &[
    Step {
        name: "toolchain",
        why: "the wasm target, clippy and rustfmt are here, or are installed now",
        run: toolchain::step,
    },
    Step { name: "fmt", why: "a diff shows what changed and not how it was laid out", run: cargo::fmt },
    Step {
        name: "tidy",
        why: "rules of this project that no compiler knows: arrows, names, length",
        run: crate::tidy::step,
    },
    Step {
        name: "deps",
        why: "licences, sources, banned and outdated crates among what we build on",
        run: crate::deps::step,
    },
    Step {
        name: "clippy",
        why: "the lints of the workspace, for the host and for the jobs",
        run: cargo::clippy,
    },
    Step { name: "host", why: "the program that the following steps run", run: cargo::host },
    Step {
        name: "jobs",
        why: "every job becomes a module that the host admits, and its samples hold",
        run: jobs::step,
    },
    Step { name: "test", why: "all tests of all crates", run: cargo::test },
    Step { name: "docs", why: "documentation builds and its links lead somewhere", run: cargo::docs },
    Step { name: "fuzz", why: "the parsers survive every input that was kept for them", run: cargo::fuzz },
    Step { name: "readme", why: "the commands of README.md do what README.md says", run: readme::step },
    Step {
        name: "bench",
        why: "the benchmark runs and prints every figure (values are not judged)",
        run: bench::step,
    },
];
