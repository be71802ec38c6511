//! Runs the steps in order, times them, stops at the first that fails, and prints the table.

use crate::console::{Console, Tone};
use crate::steps::{STEPS, Step, StepOption};
use crate::workspace::Workspace;
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What a step has in hand.
#[derive(Debug)]
pub struct Gate {
    /// The project under test.
    pub workspace: Workspace,
    /// Where it reports.
    pub console: Console,
    /// What steps were told, by flag.
    pub told: Told,
}

/// Numbers that options were given with, by flag.
pub type Told = BTreeMap<&'static str, u32>;

impl Gate {
    /// What the option was given with, or its default.
    pub fn number_of(&self, option: &StepOption) -> u32 {
        self.told.get(option.flag).copied().unwrap_or(option.default)
    }
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
    /// Run these, in the order of the table, told these numbers.
    Run(Vec<&'static Step>, Told),
    /// Print the table.
    List,
    /// Print how it is used.
    Help,
}

/// Reads the command line.
pub fn request(args: &[String]) -> Result<Request> {
    let mut wanted = Vec::new();
    let mut told = Told::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--list" => return Ok(Request::List),
            "--help" | "-h" => return Ok(Request::Help),
            name if STEPS.iter().any(|step| step.name == name) => wanted.push(name),
            flag if flag.starts_with('-') => {
                let option = option(flag)?;
                told.insert(option.flag, number(option, args.next())?);
            }
            other => {
                let names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
                bail!("`{other}` is no step of the gate; the steps are {}", names.join(", "));
            }
        }
    }
    let runs =
        |step: &&Step| if wanted.is_empty() { !step.only_if_named } else { wanted.contains(&step.name) };
    for step in STEPS {
        if let Some(option) = &step.option
            && told.contains_key(option.flag)
            && !wanted.contains(&step.name)
        {
            bail!("`{}` is for the step `{name}`: `cargo gate {name} {0} N`", option.flag, name = step.name);
        }
    }
    Ok(Request::Run(STEPS.iter().filter(runs).collect(), told))
}

fn option(flag: &str) -> Result<&'static StepOption> {
    let mut options = STEPS.iter().filter_map(|step| step.option.as_ref());
    let Some(option) = options.find(|option| option.flag == flag) else {
        bail!("`{flag}` is no option of the gate");
    };
    Ok(option)
}

fn number(option: &StepOption, given: Option<&String>) -> Result<u32> {
    let number = given.and_then(|text| text.parse().ok()).filter(|&number| number > 0);
    let found = given.map_or_else(|| "nothing".to_owned(), |text| format!("`{text}`"));
    number.with_context(|| {
        format!("`{}` wants a number from 1 on ({}), found {found}", option.flag, option.means)
    })
}

/// Prints the steps with the reason for each.
pub fn list(console: Console) {
    for (number, step) in STEPS.iter().enumerate() {
        let named = if step.only_if_named { " (only if it is named)" } else { "" };
        console.line(&format!("{:>2} {:<10} {}{named}", number + 1, step.name, step.why));
        if let Some(option) = &step.option {
            let (flag, means, default) = (option.flag, option.means, option.default);
            console.line(&format!("{:13} {flag} N: {means} [default: {default}]", ""));
        }
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
            Request::Run(steps, _) => steps.iter().map(|step| step.name).collect(),
            other => unreachable!("{other:?}"),
        }
    }

    fn refused(args: &[&str]) -> String {
        let args: Vec<_> = args.iter().map(|arg| (*arg).to_owned()).collect();
        request(&args).expect_err("it is refused").to_string()
    }

    #[test]
    fn without_names_every_step_runs_but_those_that_have_to_be_named() {
        let all = selected(&[]);
        assert_eq!(all.len(), STEPS.iter().filter(|step| !step.only_if_named).count());
        assert!(all.contains(&"crash") && !all.contains(&"soak"));
        assert_eq!(selected(&["soak"]), ["soak"]);
    }

    #[test]
    fn an_option_is_for_its_step_alone() {
        let args = ["crash", "--rounds", "7", "soak"].map(str::to_owned);
        let Request::Run(steps, told) = request(&args).expect("known steps") else { unreachable!() };
        let names: Vec<_> = steps.iter().map(|step| step.name).collect();
        assert_eq!((names, told), (vec!["crash", "soak"], Told::from([("--rounds", 7)])));
        assert!(refused(&["--rounds", "7"]).contains("`cargo gate crash --rounds N`"));
        assert!(refused(&["crash", "--minutes", "7"]).contains("is for the step `soak`"));
        assert!(refused(&["crash", "--round", "7"]).contains("`--round` is no option of the gate"));
    }

    #[test]
    fn an_option_wants_a_number() {
        for bad in [&["crash", "--rounds"][..], &["crash", "--rounds", "0"], &["crash", "--rounds", "many"]] {
            assert!(refused(bad).contains("wants a number from 1 on"), "{bad:?}");
        }
    }

    #[test]
    fn what_is_not_told_is_the_default() {
        let steps = STEPS.iter().filter_map(|step| step.option.as_ref());
        let defaults: Vec<_> = steps.map(|option| (option.flag, option.default)).collect();
        assert_eq!(defaults, [("--rounds", 20), ("--minutes", 10)]);
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
