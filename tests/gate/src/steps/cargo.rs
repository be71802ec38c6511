//! The steps that are calls of cargo. All but `fmt` insist on the lock file: what is checked is what is committed.

use crate::process::Invocation;
use crate::runner::Gate;
use crate::steps::toolchain::JOB_TARGET;
use crate::steps::verifiers;
use anyhow::{Context as _, Result, bail};
use cargo_metadata::TargetKind;

fn cargo(gate: &Gate, args: &[&str]) -> Result<()> {
    Invocation::cargo().args(args.iter().copied()).run(gate.console, &gate.workspace.root)
}

pub(super) fn fmt(gate: &Gate) -> Result<()> {
    cargo(gate, &["fmt", "--all", "--check"]).context("`cargo fmt --all` puts the layout right")
}

/// Twice: code behind `cfg(target_family = "wasm")` is seen by the second run alone.
pub(super) fn clippy(gate: &Gate) -> Result<()> {
    cargo(gate, &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])?;
    let mut args = vec!["clippy", "--target", JOB_TARGET, "--locked"];
    let jobs = gate.workspace.jobs();
    for name in jobs.iter().map(|(package, _)| package.name.as_str()).chain(["guests"]) {
        args.extend(["-p", name]);
    }
    args.extend(["--", "-D", "warnings"]);
    cargo(gate, &args)
}

/// All programs and not the host alone: with other packages beside it, cargo gives some dependencies more features, and
/// the tests would then compile the engine a second time. `cargo demo` builds the same.
pub(super) fn host(gate: &Gate) -> Result<()> {
    cargo(gate, &["build", "--locked", "--workspace", "--bins"])
}

/// The tests find the modules that the step `jobs` built through the environment, and which verifiers there are not.
pub(super) fn test(gate: &Gate) -> Result<()> {
    Invocation::cargo()
        .env(verifiers::WITHOUT, verifiers::missing(gate).join(" "))
        .env("MAINWORKER_TEST_MODULES", gate.workspace.modules())
        .args(["test", "--workspace", "--locked"])
        .run(gate.console, &gate.workspace.root)
}

pub(super) fn docs(gate: &Gate) -> Result<()> {
    Invocation::cargo()
        .env("RUSTDOCFLAGS", "-Dwarnings")
        .args(["doc", "--workspace", "--no-deps", "--locked"])
        .run(gate.console, &gate.workspace.root)
}

/// Every target of the package `fuzz`, each with the folder of its name. A target without seeds fails: it would have
/// been built and never run.
pub(super) fn fuzz(gate: &Gate) -> Result<()> {
    let workspace = &gate.workspace;
    let Some(package) =
        workspace.metadata.workspace_packages().into_iter().find(|package| package.name == "fuzz")
    else {
        bail!("the workspace has no package `fuzz`");
    };
    for target in package.targets.iter().filter(|target| target.kind.contains(&TargetKind::Bin)) {
        let seeds = format!("tests/fuzz/corpus/{}", target.name);
        if !workspace.root.join(&seeds).is_dir() {
            bail!("fuzz target `{}` has no seeds: add some to `{seeds}`", target.name);
        }
        cargo(gate, &["run", "--quiet", "--locked", "-p", "fuzz", "--bin", &target.name, "--", &seeds])?;
    }
    Ok(())
}
