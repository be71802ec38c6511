//! What a rule has to say: where, what, and how to put it right.

use crate::console::{Console, Tone};
use anyhow::{Result, bail};

/// One violation of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule, as it is named in the code: `arrows`, `length`, …
    pub rule: &'static str,
    /// A path, a path with a line, or the name of a crate.
    pub place: String,
    /// What was found and what was expected.
    pub problem: String,
    /// What to do about it.
    pub hint: String,
}

impl Finding {
    /// Puts the four parts together.
    pub fn new(
        rule: &'static str,
        place: impl Into<String>,
        problem: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { rule, place: place.into(), problem: problem.into(), hint: hint.into() }
    }
}

/// Prints every finding, then fails if there was one: whoever cleans up wants to see all of them at once.
pub fn report(console: Console, findings: &[Finding], checked: &str) -> Result<()> {
    for finding in findings {
        let rule = console.paint(Tone::Bad, finding.rule);
        console.line(&format!("    {rule} {}: {}", finding.place, finding.problem));
        console.line(&format!("        hint: {}", finding.hint));
    }
    match findings.len() {
        0 => console.note(&format!("{checked}: nothing found")),
        count => bail!("{count} finding(s), listed above"),
    }
    Ok(())
}
