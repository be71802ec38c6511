//! Step `soak`, which runs only if it is named: a constant load for as long as it is told.

use super::StepOption;
use crate::process::Invocation;
use crate::runner::Gate;
use anyhow::Result;

/// Each third of the time should see the store emptied several times, which happens once a minute.
pub(super) const MINUTES: StepOption =
    StepOption { flag: "--minutes", default: 10, means: "how long the host is loaded" };

pub(super) fn step(gate: &Gate) -> Result<()> {
    let workspace = &gate.workspace;
    let soak = workspace.program("soak")?;
    Invocation::program(&soak)
        .shown_as(workspace.shown(&soak))
        .args(["--minutes", &gate.number_of(&MINUTES).to_string()])
        .args(["--binary", &workspace.shown(&workspace.mainworker()?)])
        .args(["--modules", &workspace.shown(&workspace.modules())])
        .run(gate.console, &workspace.root)
}
