//! Step `bench`: the benchmarks of the sandbox and of the queue run and print all their figures.
//!
//! The values are not judged. CI machines differ and are shared; a threshold there fails for no reason or never.

use crate::process::Invocation;
use crate::runner::Gate;
use anyhow::{Context as _, Result, bail};
use serde_json::Value;

const SANDBOX: &[&str] = &[
    "bareAttemptsPerSecond",
    "attemptsPerSecond",
    "attemptP50Us",
    "attemptP99Us",
    "compileMs",
    "warmLoadMs",
    "idleRssBytes",
    "runningAttemptBytes",
    "edgeLogsMiBPerSecond",
];

const QUEUE: &[&str] = &[
    "enqueueSinglePerSecond",
    "enqueueConcurrentPerSecond",
    "enqueueBulkPerSecond",
    "storeBytesPerTask",
    "drainPerSecond",
    "bareAttemptsPerSecond",
    "queueOnlyPerSecond",
    "startP50Ms",
    "startP99Ms",
    "startP99MsWhileDeploying",
    "deploymentsMs",
    "startupMs",
    "idleRssBytes",
    "peakRssBytes",
];

pub(super) fn step(gate: &Gate) -> Result<()> {
    measure(gate, "sandbox", SANDBOX)?;
    measure(gate, "queue", QUEUE)
}

fn measure(gate: &Gate, what: &str, names: &[&str]) -> Result<()> {
    let workspace = &gate.workspace;
    let mainworker = workspace.mainworker()?;
    let report = Invocation::program(&mainworker)
        .shown_as(workspace.shown(&mainworker))
        .args(["bench", what, "--modules", &workspace.shown(&workspace.modules()), "--json"])
        .capture(gate.console, &workspace.root)?;
    let report: Value = serde_json::from_str(&report).context("the benchmark printed no JSON")?;
    for (name, figure) in figures(&report, names)? {
        gate.console.note(&format!("{name:<26} {figure}"));
    }
    Ok(())
}

fn figures<'a>(report: &Value, names: &[&'a str]) -> Result<Vec<(&'a str, f64)>> {
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for &name in names {
        match report.get(name).and_then(Value::as_f64) {
            Some(figure) => found.push((name, figure)),
            None => missing.push(format!("`{name}`")),
        }
    }
    if !missing.is_empty() {
        bail!("the benchmark's report has no number for {}", missing.join(", "));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Value {
        SANDBOX.iter().map(|name| ((*name).to_owned(), Value::from(1.5))).collect()
    }

    #[test]
    fn all_figures_are_wanted() {
        assert_eq!(figures(&full(), SANDBOX).expect("complete").len(), SANDBOX.len());
    }

    #[test]
    fn a_missing_figure_and_one_that_is_no_number_are_named() {
        let mut report = full();
        report["compileMs"] = Value::from("12");
        report["idleRssBytes"] = Value::Null;
        let error = figures(&report, SANDBOX).expect_err("two are bad").to_string();
        assert!(error.contains("`compileMs`, `idleRssBytes`"), "{error}");
    }
}
