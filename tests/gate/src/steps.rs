//! The steps of the gate, one row each: its name, why it is there, and what it does.
//!
//! The order is that of cost: what takes a second comes before what takes minutes, and what builds the host comes
//! before what runs it.

use crate::runner::Gate;
use anyhow::Result;

mod bench;
mod cargo;
mod crash;
mod jobs;
mod readme;
mod soak;
pub mod toolchain;
mod verifiers;

/// One row of the table.
#[derive(Debug)]
pub struct Step {
    /// As it is given on the command line.
    pub name: &'static str,
    /// What would go unnoticed without it.
    pub why: &'static str,
    /// Does it.
    pub run: fn(&Gate) -> Result<()>,
    /// Whether it runs only if it is named.
    pub only_if_named: bool,
    /// What it can be told, if it can be told anything.
    pub option: Option<StepOption>,
}

/// An option of one step: a number.
#[derive(Debug)]
pub struct StepOption {
    /// As it is given on the command line, `--rounds`.
    pub flag: &'static str,
    /// What the number is if it is not given.
    pub default: u32,
    /// What the number is.
    pub means: &'static str,
}

impl Step {
    const fn new(name: &'static str, why: &'static str, run: fn(&Gate) -> Result<()>) -> Self {
        Self { name, why, run, only_if_named: false, option: None }
    }
}

/// Everything that CI runs, and what runs only by name.
pub const STEPS: &[Step] = &[
    Step::new(
        "toolchain",
        "the wasm target, clippy, rustfmt, and the programs that tests start are here, or are installed now",
        toolchain::step,
    ),
    Step::new("fmt", "a diff shows what changed and not how it was laid out", cargo::fmt),
    Step::new(
        "tidy",
        "rules of this project that no compiler knows: arrows, names, length",
        crate::tidy::step,
    ),
    Step::new(
        "deps",
        "licences, sources, banned and outdated crates among what we build on",
        crate::deps::step,
    ),
    Step::new("clippy", "the lints of the workspace, for the host and for the jobs", cargo::clippy),
    Step::new("host", "the programs that the following steps run", cargo::host),
    Step::new("jobs", "every job becomes a module that the host admits, and its samples hold", jobs::step),
    Step::new("test", "all tests of all crates", cargo::test),
    Step::new("docs", "documentation builds and its links lead somewhere", cargo::docs),
    Step::new("fuzz", "the parsers survive every input that was kept for them", cargo::fuzz),
    Step::new("readme", "the commands of README.md do what README.md says", readme::step),
    Step::new("bench", "the benchmark runs and prints every figure (values are not judged)", bench::step),
    Step {
        option: Some(crash::ROUNDS),
        ..Step::new(
            "crash",
            "a host that is killed at any moment loses nothing and settles nothing twice",
            crash::step,
        )
    },
    Step {
        only_if_named: true,
        option: Some(soak::MINUTES),
        ..Step::new("soak", "memory, file size and latency stay flat under a constant load", soak::step)
    },
];
