//! `expect`: what has to come of a sample.

use super::given::read_mounts;
use super::json::Json;
use super::{MountFiles, SampleError};
use cap_std::fs::Dir;
use mainworker_domain::nearest::nearest;
use mainworker_domain::outcome::Outcome;
use mainworker_domain::table::{Table, TableError, TableProblem};
use serde_json::Value;

/// The ends that a sample can bring about by itself. The others come from outside of an attempt.
pub(super) const OUTCOMES: [Outcome; 10] = [
    Outcome::Completed,
    Outcome::Rejected,
    Outcome::Failed,
    Outcome::RetryAsked,
    Outcome::Trapped,
    Outcome::TimedOut,
    Outcome::OverCpu,
    Outcome::OutOfMemory,
    Outcome::OverLimit,
    Outcome::Refused,
];

/// The keys of `expect`.
pub(super) const KEYS: [&str; 8] =
    ["outcome", "code", "result", "message", "retryAfterMs", "rejection", "files", "scheduled"];

/// What has to come.
#[derive(Debug)]
pub struct Expect {
    /// How it ends.
    pub end: ExpectedEnd,
    /// What is in these mounts afterwards, and nothing else.
    pub files: MountFiles,
    /// The tasks that the job asks for, in their order, and no others.
    pub scheduled: Vec<ExpectedTask>,
}

/// How it ends.
#[derive(Debug)]
pub enum ExpectedEnd {
    /// At the door.
    Rejection {
        /// The rejection's code.
        code: String,
        /// Where in the envelope.
        pointer: Option<String>,
    },
    /// With an attempt, or with the refusal of one. What is none is not looked at.
    Outcome {
        /// The word for it.
        outcome: Outcome,
        /// Its code.
        code: Option<String>,
        /// The result.
        result: Option<Json>,
        /// In the job's words.
        message: Option<String>,
        /// When the job asks to be tried again.
        retry_after_ms: Option<u64>,
    },
}

/// A task that the job asks for.
#[derive(Debug)]
pub struct ExpectedTask {
    /// The job.
    pub job: String,
    /// Its payload, where it matters.
    pub payload: Option<Json>,
    /// All of its options, where they matter.
    pub options: Option<Json>,
}

impl Expect {
    pub(super) fn read(value: &Value, exact: &Json, folder: &Dir) -> Result<Self, SampleError> {
        let table = Table::open(value, "expect", &KEYS)?;
        Ok(Self {
            end: read_end(&table, exact)?,
            files: read_mounts(&table, "expect", exact, folder)?,
            scheduled: read_tasks(&table, exact)?,
        })
    }
}

fn read_end(table: &Table<'_>, exact: &Json) -> Result<ExpectedEnd, TableError> {
    let outcome = match (table.string("outcome")?, table.value("rejection")) {
        (None, None) => return Err(table.error("outcome", TableProblem::MissingKey)),
        (Some(outcome), None) => read_outcome(table, outcome)?,
        (outcome, Some(rejection)) => {
            if let Some(outcome) = outcome {
                let expected =
                    "expected `outcome` or `rejection`: what is rejected at the door has no attempt";
                return Err(table.invalid("outcome", outcome, expected));
            }
            for key in ["code", "result", "message", "retryAfterMs", "files", "scheduled"] {
                only_with(table, key, "an `outcome`", false)?;
            }
            let rejection = Table::open(rejection, &table.path_of("rejection"), &["code", "pointer"])?;
            return Ok(ExpectedEnd::Rejection {
                code: rejection.required_string("code")?.to_owned(),
                pointer: rejection.string("pointer")?.map(str::to_owned),
            });
        }
    };
    only_with(table, "result", "the outcome `completed`", outcome == Outcome::Completed)?;
    only_with(table, "scheduled", "the outcome `completed`", outcome == Outcome::Completed)?;
    only_with(table, "code", "an outcome other than `completed`", outcome != Outcome::Completed)?;
    only_with(table, "retryAfterMs", "the outcome `retry-asked`", outcome == Outcome::RetryAsked)?;
    let in_words = matches!(outcome, Outcome::Rejected | Outcome::Failed | Outcome::RetryAsked);
    only_with(table, "message", "the outcomes `rejected`, `failed` and `retry-asked`", in_words)?;
    Ok(ExpectedEnd::Outcome {
        outcome,
        code: table.string("code")?.map(str::to_owned),
        result: exact.at("/expect/result").cloned(),
        message: table.string("message")?.map(str::to_owned),
        retry_after_ms: table.count("retryAfterMs")?,
    })
}

fn read_outcome(table: &Table<'_>, word: &str) -> Result<Outcome, TableError> {
    let known = OUTCOMES.map(Outcome::as_str);
    OUTCOMES.into_iter().find(|outcome| outcome.as_str() == word).ok_or_else(|| {
        let expected = match nearest(word, known) {
            Some(nearest) => format!("expected `{nearest}`, or another outcome that an attempt can have"),
            None => format!("expected one of `{}`", known.join("`, `")),
        };
        table.invalid("outcome", word, expected)
    })
}

/// A key that means nothing beside another end.
fn only_with(table: &Table<'_>, key: &str, with: &str, fits: bool) -> Result<(), TableError> {
    match table.value(key) {
        Some(value) if !fits => {
            Err(table.invalid(key, &value.to_string(), format!("expected it with {with} alone")))
        }
        _ => Ok(()),
    }
}

fn read_tasks(table: &Table<'_>, exact: &Json) -> Result<Vec<ExpectedTask>, TableError> {
    let list = table.list("scheduled")?.map(Vec::as_slice).unwrap_or_default();
    let read = |(index, value): (usize, &Value)| {
        let path = format!("{}[{index}]", table.path_of("scheduled"));
        let task = Table::open(value, &path, &["job", "payload", "options"])?;
        let exact = |key: &str| exact.at(&format!("/expect/scheduled/{index}/{key}")).cloned();
        let options = ["delayMs", "priority", "label", "tags", "idempotencyKey", "uniqueKey"];
        if let Some(value) = task.value("options") {
            Table::open(value, &task.path_of("options"), &options)?;
        }
        Ok(ExpectedTask {
            job: task.required_string("job")?.to_owned(),
            payload: exact("payload"),
            options: exact("options"),
        })
    };
    list.iter().enumerate().map(read).collect()
}
