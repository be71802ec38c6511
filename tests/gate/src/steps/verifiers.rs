//! Programs of others that verify what is published: `securesystemslib` for Python and `@sigstore/verify` for Node, in
//! `verifiers` beside what cargo builds. openssl, which verifies it too, is on every machine.
//!
//! Where one of them cannot be had the gate goes on, says so in the step `toolchain` and again in the step `test`, and names it
//! to the tests, which want all of them otherwise.

use crate::console::Console;
use crate::process::Invocation;
use crate::runner::Gate;
use crate::workspace::Workspace;
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};

/// For the tests: which of the verifiers are not here, with spaces between them.
pub(super) const WITHOUT: &str = "MAINWORKER_TEST_WITHOUT";

/// What pip installs, at the versions that were tried.
const PYTHON: [&str; 2] = ["securesystemslib[crypto]==1.6.0", "cryptography==50.0.2"];
/// What npm installs: all of it, as it names no other packages.
const NODE: [&str; 4] = [
    "@sigstore/verify@4.1.3",
    "@sigstore/bundle@5.0.1",
    "@sigstore/core@4.0.1",
    "@sigstore/protobuf-specs@0.5.2",
];
/// What `@sigstore/verify` 3 asks for. Version 4 asks for Node 22, and was seen to work with 20.20.
const NODE_MIN: (u32, u32) = (20, 17);

/// One of them.
struct Verifier {
    /// As tests know it.
    name: &'static str,
    /// Whether it is installed in that folder, in the version that is wanted.
    is_there: fn(&Path) -> bool,
    install: fn(Console, &Path) -> Result<()>,
}

const VERIFIERS: [Verifier; 2] = [
    Verifier { name: "securesystemslib", is_there: has_securesystemslib, install: install_securesystemslib },
    Verifier { name: "sigstore", is_there: has_sigstore, install: install_sigstore },
];

/// Installs what is not here, as far as it can be had.
pub(super) fn ensure(gate: &Gate) -> Result<()> {
    let folder = folder(&gate.workspace);
    std::fs::create_dir_all(&folder).with_context(|| format!("making `{}`", folder.display()))?;
    for Verifier { name, is_there, install } in VERIFIERS {
        if is_there(&folder) {
            gate.console.note(&format!("{name} is installed"));
            continue;
        }
        gate.console.warning(&format!("{name} is missing; it is installed now"));
        let installed = install(gate.console, &folder);
        if let Err(problem) = installed {
            gate.console.warning(&format!("{name} cannot be had: {problem:#}"));
        } else if !is_there(&folder) {
            bail!("{name} was installed in `{}` and cannot be used", folder.display());
        }
    }
    Ok(())
}

/// Those that are not here, said loudly: their tests do nothing.
pub(super) fn missing(gate: &Gate) -> Vec<&'static str> {
    let folder = folder(&gate.workspace);
    let missing =
        VERIFIERS.iter().filter(|verifier| !(verifier.is_there)(&folder)).map(|verifier| verifier.name);
    missing
        .inspect(|name| {
            gate.console.warning(&format!(
                "NOT VERIFIED by {name}: it is not here, see the step `toolchain`; what is published is verified without it"
            ));
        })
        .collect()
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("verifiers")
}

fn has_securesystemslib(folder: &Path) -> bool {
    let ask = "import cryptography, importlib.metadata as m, securesystemslib.dsse; print(m.version('securesystemslib'))";
    let python = Invocation::program(&folder.join("python/bin/python"));
    is_version(PYTHON[0], python.args(["-c", ask]).ask(folder))
}

fn install_securesystemslib(console: Console, folder: &Path) -> Result<()> {
    let make = Invocation::program(Path::new("python3")).args(["-m", "venv", "--clear", "python"]);
    if make.ask(folder).is_err() {
        // Debian has it apart from Python.
        super::toolchain::install_packages(console, folder, &["python3", "python3-venv"])?;
        make.run(console, folder)?;
    }
    let pip = Invocation::program(&folder.join("python/bin/pip")).shown_as("python/bin/pip");
    pip.args(["install", "--quiet"]).args(PYTHON).run(console, folder)
}

fn has_sigstore(folder: &Path) -> bool {
    let ask = "require('@sigstore/verify'); require('./node_modules/@sigstore/verify/package.json').version";
    let node = Invocation::program(Path::new("node"));
    is_version(NODE[0], node.args(["-p", ask]).ask(folder))
}

fn install_sigstore(console: Console, folder: &Path) -> Result<()> {
    ensure_node(console, folder)?;
    let npm = || Invocation::program(Path::new("npm"));
    if npm().args(["--version"]).ask(folder).is_err() {
        super::toolchain::install_packages(console, folder, &["npm"])?;
    }
    // Without scripts: nothing of these packages runs before a test runs it. They ask for a newer Node than they need, which
    // is no more than a warning.
    let install = npm().args([
        "install",
        "--no-save",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
        "--prefix",
        ".",
    ]);
    install.args(NODE).run(console, folder)
}

fn ensure_node(console: Console, folder: &Path) -> Result<()> {
    let (major, minor) = NODE_MIN;
    let node = Invocation::program(Path::new("node"));
    let here = node.args(["--version"]).ask(folder);
    if here.as_ref().is_ok_and(|version| is_new_enough(version)) {
        return Ok(());
    }
    let here = here.map_or_else(|_| "no Node".to_owned(), |version| format!("Node {}", version.trim()));
    let offered = Invocation::program(Path::new("apt-cache")).args(["policy", "nodejs"]).ask(folder);
    let offered = offered.ok().and_then(|policy| candidate(&policy)).unwrap_or_else(|| "none".to_owned());
    if !is_new_enough(&offered) {
        bail!(
            "it needs Node {major}.{minor} or newer; here is {here}, and the system's packages have {offered}"
        );
    }
    super::toolchain::install_packages(console, folder, &["nodejs"])
}

/// The version that apt would install, from what `apt-cache policy` says.
fn candidate(policy: &str) -> Option<String> {
    let line = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "));
    line.filter(|version| *version != "(none)").map(str::to_owned)
}

fn is_new_enough(version: &str) -> bool {
    let mut parts = version.trim().trim_start_matches('v').split('.').map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) >= NODE_MIN,
        _ => false,
    }
}

/// Whether the version that was answered is the pinned one.
fn is_version(pinned: &str, answered: Result<String>) -> bool {
    let wanted = pinned.rsplit(['@', '=']).next();
    answered.is_ok_and(|version| Some(version.trim()) == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_compared_by_its_numbers() {
        for new in ["v20.17.0", "20.19.2+dfsg-1", "v22.1.0\n", "100.0.0"] {
            assert!(is_new_enough(new), "{new}");
        }
        for old in ["v20.9.0", "18.20.4+dfsg-1~deb12u1", "none", "", "v20"] {
            assert!(!is_new_enough(old), "{old}");
        }
    }

    #[test]
    fn what_apt_would_install_is_read() {
        let policy = "nodejs:\n  Installed: (none)\n  Candidate: 18.20.4+dfsg-1\n  Version table:\n";
        assert_eq!(candidate(policy).as_deref(), Some("18.20.4+dfsg-1"));
        assert_eq!(candidate("nodejs:\n  Candidate: (none)\n"), None);
        assert_eq!(candidate(""), None);
    }

    #[test]
    fn only_the_pinned_version_is_taken() {
        assert!(
            is_version(NODE[0], Ok("4.1.3\n".to_owned())) && is_version(PYTHON[0], Ok("1.6.0\n".to_owned()))
        );
        assert!(!is_version(NODE[0], Ok("4.1.4\n".to_owned())) && !is_version(PYTHON[0], bail_with()));
    }

    fn bail_with() -> Result<String> {
        bail!("it is not there")
    }
}
