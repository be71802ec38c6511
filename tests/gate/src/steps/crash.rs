//! Step `crash`: the host is loaded and killed at random moments, restarted on the same data folder, and audited.

use super::StepOption;
use crate::process::Invocation;
use crate::runner::Gate;
use anyhow::Result;

/// Twenty rounds take about a minute; two hundred by hand before a release.
pub(super) const ROUNDS: StepOption =
    StepOption { flag: "--rounds", default: 20, means: "how often the host is killed" };

pub(super) fn step(gate: &Gate) -> Result<()> {
    let workspace = &gate.workspace;
    let crash = workspace.program("crash")?;
    Invocation::program(&crash)
        .shown_as(workspace.shown(&crash))
        .args(["--rounds", &gate.number_of(&ROUNDS).to_string()])
        .args(["--binary", &workspace.shown(&workspace.mainworker()?)])
        .args(["--modules", &workspace.shown(&workspace.modules())])
        .run(gate.console, &workspace.root)
}
