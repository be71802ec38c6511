//! What is said of modules and samples that were checked: for people, for programs, as an exit code.

use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::sample::trial::Trial;
use mainworker_domain::catalog::Revision;
use serde_json::{Value, json};
use std::fmt;
use std::path::Path;

/// Lines of the log that are shown of a sample that does not hold: the last ones.
const LOG_LINES: usize = 10;

/// A module and its samples.
#[derive(Debug)]
pub(super) struct CheckedModule {
    path: String,
    job: Option<String>,
    revision: Option<String>,
    error: Option<Failure>,
    pub(super) samples: Vec<CheckedSample>,
}

/// A sample.
#[derive(Debug)]
pub(super) struct CheckedSample {
    pub(super) name: String,
    pub(super) about: Option<String>,
    pub(super) verdict: Verdict,
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Verdict {
    /// What it expects.
    Holds(Trial),
    /// Something else.
    Differs(Trial),
    /// It was not run, or not to its end.
    NotRun(Failure),
}

impl CheckedModule {
    pub(super) fn admitted(path: &Path, revision: &Revision) -> Self {
        Self {
            path: path.display().to_string(),
            job: Some(revision.manifest().job.name.to_string()),
            revision: Some(revision.digest().to_string()),
            error: None,
            samples: Vec::new(),
        }
    }

    pub(super) fn refused(path: &Path, failure: Failure) -> Self {
        let path = path.display().to_string();
        Self { path, job: None, revision: None, error: Some(failure), samples: Vec::new() }
    }

    fn exit_code(&self) -> ExitCode {
        let of_samples = self.samples.iter().map(|sample| sample.verdict.exit_code());
        let of_module = self.error.iter().map(|failure| failure.exit);
        worst(of_samples.chain(of_module))
    }
}

impl Verdict {
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Holds(_) => ExitCode::Completed,
            Self::Differs(_) => ExitCode::NotCompleted,
            Self::NotRun(failure) => failure.exit,
        }
    }
}

/// The exit code of all together: of several the highest counts.
pub(super) fn exit_code(checked: &[CheckedModule]) -> ExitCode {
    worst(checked.iter().map(CheckedModule::exit_code))
}

fn worst(codes: impl Iterator<Item = ExitCode>) -> ExitCode {
    codes.max_by_key(|code| code.number()).unwrap_or(ExitCode::Completed)
}

/// For people: the sample's line, and below it what is not as expected.
impl fmt::Display for CheckedSample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if matches!(self.verdict, Verdict::Holds(_)) { '✓' } else { '✗' };
        write!(f, "  {mark} {}", self.name)?;
        if let Some(about) = &self.about {
            write!(f, ": {about}")?;
        }
        match &self.verdict {
            Verdict::Holds(_) => Ok(()),
            Verdict::NotRun(failure) => write!(f, "\n      not run: {}", failure.code),
            Verdict::Differs(trial) => {
                for difference in &trial.differences {
                    write!(f, "\n      at {}", difference.pointer)?;
                    write!(f, "\n        expected {}", difference.expected)?;
                    write!(f, "\n        found    {}", difference.found)?;
                }
                let skipped = trial.log.len().saturating_sub(LOG_LINES);
                for line in &trial.log[skipped..] {
                    let message = line.message.replace('\n', "\\n");
                    write!(f, "\n      log {:>5} {message}", line.level.as_str())?;
                }
                Ok(())
            }
        }
    }
}

/// For people: how many of what.
pub(super) fn summary(checked: &[CheckedModule]) -> String {
    let counted = |count: usize, what: &str| {
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {what}{plural}")
    };
    let samples = || checked.iter().flat_map(|module| &module.samples);
    let count = |fits: fn(&Verdict) -> bool| samples().filter(|sample| fits(&sample.verdict)).count();
    let mut parts =
        vec![format!("{}, {}", counted(checked.len(), "module"), counted(samples().count(), "sample"))];
    let refused = checked.iter().filter(|module| module.error.is_some()).count();
    let groups = [
        (refused, "refused"),
        (count(|verdict| matches!(verdict, Verdict::Holds(_))), "passed"),
        (count(|verdict| matches!(verdict, Verdict::Differs(_))), "failed"),
        (count(|verdict| matches!(verdict, Verdict::NotRun(_))), "not run"),
    ];
    parts
        .extend(groups.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")));
    parts.join(" · ")
}

/// For programs: everything as one object.
pub(super) fn to_json(checked: &[CheckedModule]) -> Value {
    let modules: Vec<Value> = checked
        .iter()
        .map(|module| {
            json!({
                "module": module.path,
                "job": module.job,
                "revision": module.revision,
                "error": module.error.as_ref().map(error_to_json),
                "samples": module.samples.iter().map(sample_to_json).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({ "passed": exit_code(checked) == ExitCode::Completed, "modules": modules })
}

fn sample_to_json(sample: &CheckedSample) -> Value {
    let (trial, failure) = match &sample.verdict {
        Verdict::Holds(trial) | Verdict::Differs(trial) => (Some(trial), None),
        Verdict::NotRun(failure) => (None, Some(failure)),
    };
    let differences = trial.iter().flat_map(|trial| &trial.differences).map(|difference| {
        json!({ "pointer": difference.pointer, "expected": difference.expected, "found": difference.found })
    });
    json!({
        "sample": sample.name,
        "about": sample.about,
        "passed": matches!(sample.verdict, Verdict::Holds(_)),
        "outcome": trial.and_then(|trial| trial.outcome).map(|outcome| outcome.as_str()),
        "result": trial.and_then(|trial| serde_json::from_str::<Value>(trial.result.as_deref()?).ok()),
        "error": failure.map(error_to_json),
        "differences": differences.collect::<Vec<_>>(),
    })
}

fn error_to_json(failure: &Failure) -> Value {
    json!({
        "code": failure.code,
        "message": failure.message,
        "hint": failure.hint,
        "pointer": failure.pointer,
    })
}
