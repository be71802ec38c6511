//! Step `toolchain`: what a fresh machine lacks is installed here, and said.
//!
//! Presence is asked of the compiler and of cargo, not of rustup, so that a toolchain that came another way will do; and of
//! other programs, not of the system's package manager.

use super::verifiers;
use crate::console::Console;
use crate::process::Invocation;
use crate::runner::Gate;
use anyhow::{Context as _, Result, bail};
use std::path::Path;

/// What jobs are compiled for.
pub const JOB_TARGET: &str = "wasm32-wasip2";

/// Programs that tests start, each named as its package in Debian, and how to ask them for their version. Any will do.
const PROGRAMS: [(&str, &str); 4] =
    [(REGISTRY, "--version"), ("jq", "--version"), ("openssl", "version"), ("skopeo", "--version")];
/// The one of them that is a service too.
const REGISTRY: &str = "docker-registry";
/// There where systemd runs the services.
const SYSTEMD: &str = "/run/systemd/system";

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
    ensure_programs(gate.console, &gate.workspace.root)?;
    verifiers::ensure(gate)
}

/// Sees to it that tests find the programs that they start.
fn ensure_programs(console: Console, root: &Path) -> Result<()> {
    let mut missing = Vec::new();
    for (program, version) in PROGRAMS {
        if Invocation::program(Path::new(program)).args([version]).ask(root).is_ok() {
            console.note(&format!("{program} is installed"));
        } else {
            missing.push(program);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    console.warning(&format!("no {}: tests need to start them", missing.join(" and ")));
    install_packages(console, root, &missing)
}

/// Installs Debian's packages, or says how.
pub(super) fn install_packages(console: Console, root: &Path, names: &[&str]) -> Result<()> {
    let commands = packages(names, Path::new(SYSTEMD).is_dir());
    let ask =
        |program: &str, argument: &str| Invocation::program(Path::new(program)).args([argument]).ask(root);
    let is_root = ask("id", "-u").is_ok_and(|user| user.trim() == "0");
    if !is_root || ask("apt-get", "--version").is_err() {
        let lines: Vec<String> = commands.iter().map(Invocation::line).collect();
        bail!("{} cannot be installed from here; as root, run `{}`", names.join(" and "), lines.join(" && "));
    }
    commands.iter().try_for_each(|command| command.run(console, root))
}

/// The commands that install Debian's packages. Its registry would begin to serve at once, open to the network.
fn packages(packages: &[&str], has_systemd: bool) -> Vec<Invocation> {
    let apt_get = |args: &[&str]| {
        Invocation::program(Path::new("apt-get"))
            .args(args.iter().copied())
            .env("DEBIAN_FRONTEND", "noninteractive")
    };
    let would_serve = has_systemd && packages.contains(&REGISTRY);
    let mask = Invocation::program(Path::new("systemctl")).args(["mask", REGISTRY]);
    let install =
        apt_get(&["install", "-y", "-qq", "--no-install-recommends"]).args(packages.iter().copied());
    would_serve.then_some(mask).into_iter().chain([apt_get(&["update", "-qq"]), install]).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_of_a_machine_with_services_is_not_started() {
        let lines_of = |missing: &[&str], has_systemd| {
            packages(missing, has_systemd).iter().map(Invocation::line).collect::<Vec<_>>()
        };
        let lines = |has_systemd| lines_of(&["docker-registry", "skopeo"], has_systemd);
        let apt_get = [
            "DEBIAN_FRONTEND=noninteractive apt-get update -qq",
            "DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker-registry skopeo",
        ];
        assert_eq!(lines(false), apt_get);
        assert_eq!(lines(true), ["systemctl mask docker-registry", apt_get[0], apt_get[1]]);
        assert_eq!(lines_of(&["skopeo"], true).len(), 2, "one that serves already is left alone");
    }
}
