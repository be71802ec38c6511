//! Runs the steps in order, times them, stops at the first that fails, and prints the table.

use crate::console::{Console, Tone};
use crate::steps::{STEPS, Step};
use crate::workspace::Workspace;
use anyhow::{Result, bail};
use std::time::{Duration, Instant};

/// What a step has in hand.
#[derive(Debug)]
pub struct Gate {
    /// The project under test.
    pub workspace: Workspace,
    /// Where it reports.
    pub console: Console,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Passed,
    Failed,
    NotRun,
}

/// What `cargo gate` was asked to do.
#[derive(Debug)]
pub enum Request {
    /// Run these, in the order of the table.
    Run(Vec<&'static Step>),
    /// Print the table.
    List,
    /// Print how it is used.
    Help,
}

/// Reads the command line.
pub fn request(args: &[String]) -> Result<Request> {
    let mut wanted = Vec::new();
    for arg in args {
        match arg.as_str() {
            "--list" => return Ok(Request::List),
            "--help" | "-h" => return Ok(Request::Help),
            name if STEPS.iter().any(|step| step.name == name) => wanted.push(name),
            other => {
                let names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
                bail!("`{other}` is no step of the gate; the steps are {}", names.join(", "));
            }
        }
    }
    let selected = STEPS.iter().filter(|step| wanted.is_empty() || wanted.contains(&step.name));
    Ok(Request::Run(selected.collect()))
}

/// Prints the steps with the reason for each.
pub fn list(console: Console) {
    for (number, step) in STEPS.iter().enumerate() {
        console.line(&format!("{:>2} {:<10} {}", number + 1, step.name, step.why));
    }
}

/// Runs the steps. `false` if one of them failed.
pub fn run(gate: &Gate, steps: &[&'static Step]) -> bool {
    let console = gate.console;
    let mut rows = Vec::new();
    let mut failed = false;
    for (index, step) in steps.iter().enumerate() {
        if failed {
            rows.push((step.name, Duration::ZERO, Ending::NotRun));
            continue;
        }
        let heading = format!("[{}/{}] {}", index + 1, steps.len(), step.name);
        console.line(&format!("{}  {}", console.paint(Tone::Strong, &heading), step.why));
        let start = Instant::now();
        let ending = match (step.run)(gate) {
            Ok(()) => Ending::Passed,
            Err(error) => {
                failed = true;
                console.failure(&error.context(format!("step `{}`", step.name)));
                console.hint(&format!("`cargo gate {}` runs this step alone", step.name));
                Ending::Failed
            }
        };
        rows.push((step.name, start.elapsed(), ending));
        console.line("");
    }
    table(console, &rows);
    console.line(&closing_line(&rows));
    !failed
}

fn table(console: Console, rows: &[(&str, Duration, Ending)]) {
    console.line(&format!("{:<10} {:>9}", "step", "seconds"));
    for (name, time, ending) in rows {
        let (seconds, word) = match ending {
            Ending::Passed => (format!("{:.1}", time.as_secs_f64()), console.paint(Tone::Good, "ok")),
            Ending::Failed => (format!("{:.1}", time.as_secs_f64()), console.paint(Tone::Bad, "failed")),
            Ending::NotRun => ("-".to_owned(), console.paint(Tone::Faint, "not run")),
        };
        console.line(&format!("{name:<10} {seconds:>9}  {word}"));
    }
}

fn closing_line(rows: &[(&str, Duration, Ending)]) -> String {
    let count = |ending| rows.iter().filter(|row| row.2 == ending).count();
    let mut line = format!("{} passed, {} failed", count(Ending::Passed), count(Ending::Failed));
    if count(Ending::NotRun) > 0 {
        line.push_str(&format!(", {} not run", count(Ending::NotRun)));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(args: &[&str]) -> Vec<&'static str> {
        let args: Vec<_> = args.iter().map(|arg| (*arg).to_owned()).collect();
        match request(&args).expect("known steps") {
            Request::Run(steps) => steps.iter().map(|step| step.name).collect(),
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn without_names_every_step_runs() {
        assert_eq!(selected(&[]).len(), STEPS.len());
    }

    #[test]
    fn named_steps_run_in_the_order_of_the_table() {
        assert_eq!(selected(&["tidy", "fmt"]), ["fmt", "tidy"]);
    }

    #[test]
    fn an_unknown_step_is_refused_with_the_known_ones() {
        let error = request(&["tidi".to_owned()]).expect_err("unknown").to_string();
        assert!(error.contains("`tidi`") && error.contains("tidy"), "{error}");
    }

    #[test]
    fn the_names_of_the_steps_are_unique() {
        let mut names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), STEPS.len());
    }

    #[test]
    fn the_closing_line_counts() {
        let none = Duration::ZERO;
        assert_eq!(closing_line(&[("a", none, Ending::Passed)]), "1 passed, 0 failed");
        let rows = [("a", none, Ending::Passed), ("b", none, Ending::Failed), ("c", none, Ending::NotRun)];
        assert_eq!(closing_line(&rows), "1 passed, 1 failed, 1 not run");
    }
}
