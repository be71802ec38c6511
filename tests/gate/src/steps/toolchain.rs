//! Step `toolchain`: what a fresh machine lacks is installed here, and said.
//!
//! Presence is asked of the compiler and of cargo, not of rustup, so that a toolchain that came another way will do.

use crate::console::Console;
use crate::process::Invocation;
use crate::runner::Gate;
use anyhow::{Context as _, Result};
use std::path::Path;

/// What jobs are compiled for.
pub const JOB_TARGET: &str = "wasm32-wasip2";

pub(super) fn step(gate: &Gate) -> Result<()> {
    let version = rustc().args(["--version"]).ask(&gate.workspace.root)?;
    gate.console.note(version.trim());
    ensure_target(gate.console, &gate.workspace.root)?;
    for (component, command) in [("clippy", "clippy"), ("rustfmt", "fmt")] {
        let present = Invocation::cargo().args([command, "--version"]).ask(&gate.workspace.root).is_ok();
        if present {
            gate.console.note(&format!("{component} is installed"));
        } else {
            install(gate.console, &gate.workspace.root, "component", component)?;
        }
    }
    Ok(())
}

/// Sees to it that job modules can be compiled. `cargo demo` needs this much and no more.
pub fn ensure_target(console: Console, root: &Path) -> Result<()> {
    let libraries = rustc().args(["--print", "target-libdir", "--target", JOB_TARGET]).ask(root);
    if libraries.is_ok_and(|folder| Path::new(folder.trim()).is_dir()) {
        console.note(&format!("target {JOB_TARGET} is installed"));
        return Ok(());
    }
    install(console, root, "target", JOB_TARGET)
}

fn install(console: Console, root: &Path, kind: &str, name: &str) -> Result<()> {
    console.warning(&format!("{kind} {name} is missing; it is installed now with rustup"));
    Invocation::program(Path::new("rustup")).args([kind, "add", name]).run(console, root).with_context(|| {
        format!("{kind} `{name}` is missing and could not be added; without rustup, install it with your toolchain")
    })
}

fn rustc() -> Invocation {
    Invocation::program(Path::new("rustc"))
}
