//! Why an envelope is not taken, one variant per stable code.
//!
//! A rejection is a fact without advice: the program's edge adds the hint. Values from `configuration` never appear in
//! one, nor does more of a payload than its type or a short scalar. [`Rejected`] is what whoever asked is told: the same
//! whether a library found it before it asked, or a host.

mod code;
mod rejected;

pub use code::RejectionCode;
pub use rejected::Rejected;

use crate::lifecycle::State;
use crate::limits::JSON_DEPTH_MAX;
use crate::quantity::approximate_bytes;
use crate::rate::{OverRate, RateProblem};
use crate::task_id::TaskId;
use crate::task_options::OptionError;

/// Why an envelope is not taken. `Display` gives the detail: what was found and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// More bytes than allowed.
    #[error(
        "{what} has {}{}, expected at most {}",
        if *observed_is_least { "more than " } else { "" }, bytes(*observed_bytes), bytes(*allowed_bytes)
    )]
    TooLarge {
        /// What is too large, in words.
        what: &'static str,
        /// Where it stands in the envelope.
        pointer: &'static str,
        /// Its size.
        observed_bytes: u64,
        /// Whether reading stopped there, so that it may be larger still.
        observed_is_least: bool,
        /// The limit.
        allowed_bytes: u64,
    },
    /// More in one batch than allowed.
    #[error(
        "the batch has {}{observed} {unit}, expected at most {allowed}",
        if *observed_is_least { "more than " } else { "" }
    )]
    BatchTooLarge {
        /// What is counted: `tasks` or `bytes`.
        unit: &'static str,
        /// How many there are.
        observed: u64,
        /// Whether counting stopped there, so that it may be larger still.
        observed_is_least: bool,
        /// The limit.
        allowed: u64,
    },
    /// Not JSON, or JSON that two readers could understand differently.
    #[error("the envelope is not valid JSON at line {line}, column {column}: {problem}")]
    MalformedJson {
        /// What is wrong.
        problem: JsonProblem,
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes.
        column: usize,
    },
    /// One of the four fields is not there.
    #[error(
        "the envelope has no field `{field}`, expected `configuration`, `jobName`, `source` and `jobPayload`"
    )]
    MissingField {
        /// Which one.
        field: &'static str,
    },
    /// A fifth field.
    #[error(
        "the envelope has an unknown field `{field}`, expected only `configuration`, `jobName`, `source` and `jobPayload`"
    )]
    UnknownField {
        /// Its name, shortened.
        field: String,
        /// The field most like it.
        nearest: Option<&'static str>,
    },
    /// A field of another type.
    #[error("`{}` is {found}, expected {expected}", shown_pointer(pointer))]
    WrongType {
        /// Where.
        pointer: String,
        /// The type that was expected.
        expected: &'static str,
        /// The type that was found.
        found: &'static str,
    },
    /// No such job.
    #[error("there is no job `{name}` here")]
    UnknownJob {
        /// The name as given, shortened.
        name: String,
        /// Whether the text could be a job name at all.
        is_a_name: bool,
        /// Names of jobs like it, the most alike first.
        nearest: Vec<String>,
    },
    /// This source may not schedule this job.
    #[error("source `{source_name}` may not schedule `{job}`, expected {}", one_of(allowed))]
    SourceNotAllowed {
        /// The job.
        job: String,
        /// The source as given, shortened.
        source_name: String,
        /// The sources of the job's manifest.
        allowed: Vec<String>,
    },
    /// The payload does not fit the job's schema.
    #[error(
        "the payload of `{job}` is not what it accepts: at `{}` found {found}, expected {expected}",
        shown_pointer(pointer)
    )]
    PayloadInvalid {
        /// The job.
        job: String,
        /// Where, counted from the envelope's top: `/jobPayload/files/0`.
        pointer: String,
        /// What was expected there.
        expected: String,
        /// What was found there.
        found: String,
    },
    /// A configuration key that the job requires is not given by the place it must come from.
    #[error("`{job}` requires the configuration key `{key}`, {}", from.missing())]
    MissingConfiguration {
        /// The job.
        job: String,
        /// The key; never its value.
        key: String,
        /// Where it may come from.
        from: crate::configuration::From,
        /// Whether it is a secret.
        secret: bool,
    },
    /// The source in the envelope is not the one that the credential stands for.
    #[error("the envelope says source `{claimed}`, the credential is that of `{source_name}`")]
    SourceMismatch {
        /// The source as given, shortened.
        claimed: String,
        /// The source of the credential.
        source_name: String,
    },
    /// The credential is for other jobs.
    #[error("the credential of `{source_name}` is for the jobs `{}`, the envelope is for `{job}`", jobs.join("`, `"))]
    NotOfCredential {
        /// The job.
        job: String,
        /// The source of the credential.
        source_name: String,
        /// The jobs that it is for.
        jobs: Vec<String>,
    },
    /// Options beside the envelope that are not taken.
    #[error(transparent)]
    Options(#[from] OptionError),
    /// More tasks than the job takes, or the source may ask for, in a time.
    #[error(transparent)]
    OverRate(#[from] OverRate),
    /// The idempotency key belongs to a task with other content.
    #[error(
        "the idempotency key `{key}` belongs to the task {task_id}, which has another content, expected the same"
    )]
    IdempotencyConflict {
        /// The key.
        key: String,
        /// The task that has it.
        task_id: TaskId,
    },
    /// The unique key is held.
    #[error(
        "the unique key `{key}` is held by the task {task_id}, which is {state}, expected no such task of `{job}`"
    )]
    UniqueConflict {
        /// The job.
        job: String,
        /// The key.
        key: String,
        /// The task that holds it.
        task_id: TaskId,
        /// Whether that one waits or runs.
        state: State,
    },
    /// There is no room.
    #[error(
        "{open} tasks are queued or running and {asked} more were asked for, expected at most {allowed} in all"
    )]
    QueueFull {
        /// How many there are.
        open: u64,
        /// How many would come.
        asked: u64,
        /// How many there may be.
        allowed: u64,
    },
}

/// What can be wrong with the syntax.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonProblem {
    /// The same key twice in one object, at any depth.
    #[error("the key `{key}` appears twice in one object")]
    DuplicateKey {
        /// The key, shortened.
        key: String,
    },
    /// A key that a reader of JSON here takes for its own: it would see another value than was written.
    #[error("the key `{key}` is reserved")]
    ReservedKey {
        /// The key, shortened.
        key: String,
    },
    /// Nested deeper than readers of JSON should be asked to follow.
    #[error("more than {JSON_DEPTH_MAX} levels of nesting")]
    TooDeep,
    /// Anything else, as the JSON reader says it. It quotes no value.
    #[error("{0}")]
    Syntax(String),
}

/// A size, exact and as people say it.
fn bytes(count: u64) -> String {
    if count < 10_240 {
        format!("{count} bytes")
    } else {
        format!("{count} bytes ({})", approximate_bytes(count))
    }
}

/// The pointer of the whole document is the empty text; people read it better as `/`.
fn shown_pointer(pointer: &str) -> &str {
    if pointer.is_empty() { "/" } else { pointer }
}

fn one_of(names: &[String]) -> String {
    match names {
        [] => "no source at all".to_owned(),
        [one] => format!("`{one}`"),
        many => format!("one of `{}`", many.join("`, `")),
    }
}

impl Rejection {
    /// The stable code, for programs.
    pub fn code(&self) -> &'static str {
        self.rejection_code().as_str()
    }

    /// The same as a type.
    pub fn rejection_code(&self) -> RejectionCode {
        match self {
            Self::TooLarge { .. } | Self::BatchTooLarge { .. } => RejectionCode::TooLarge,
            Self::MalformedJson { .. } => RejectionCode::MalformedJson,
            Self::MissingField { .. } => RejectionCode::MissingField,
            Self::UnknownField { .. } | Self::Options(OptionError::Unknown { .. }) => {
                RejectionCode::UnknownField
            }
            Self::WrongType { .. } | Self::Options(OptionError::WrongType { .. }) => RejectionCode::WrongType,
            Self::UnknownJob { .. } => RejectionCode::UnknownJob,
            Self::SourceNotAllowed { .. } | Self::NotOfCredential { .. } => RejectionCode::SourceNotAllowed,
            Self::PayloadInvalid { .. } => RejectionCode::PayloadInvalid,
            Self::MissingConfiguration { .. } => RejectionCode::MissingConfiguration,
            Self::Options(OptionError::Invalid { .. }) => RejectionCode::OptionsInvalid,
            Self::SourceMismatch { .. } => RejectionCode::SourceMismatch,
            Self::IdempotencyConflict { .. } => RejectionCode::IdempotencyConflict,
            Self::UniqueConflict { .. } => RejectionCode::UniqueConflict,
            Self::QueueFull { .. } => RejectionCode::QueueFull,
            // Whoever is told `rate_limited` comes again later, and would for ever with what never passes.
            Self::OverRate(OverRate { problem: RateProblem::Ever { .. }, .. }) => RejectionCode::TooLarge,
            Self::OverRate(_) => RejectionCode::RateLimited,
        }
    }

    /// The HTTP status that belongs to the code.
    pub fn http_status(&self) -> u16 {
        self.rejection_code().http_status()
    }

    /// Seconds after which the same would pass, where that is known.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::OverRate(over) => over.problem.wait_seconds(),
            _ => None,
        }
    }

    /// Where in the envelope, or in the request that carries it for what stands beside it, as a JSON pointer (RFC 6901), if
    /// anywhere in particular.
    pub fn pointer(&self) -> Option<String> {
        match self {
            Self::TooLarge { pointer, .. } => Some((*pointer).to_owned()),
            Self::BatchTooLarge { .. } | Self::MalformedJson { .. } | Self::MissingField { .. } => None,
            Self::UnknownField { field, .. } => Some(format!("/{}", escape_pointer(field))),
            Self::WrongType { pointer, .. } | Self::PayloadInvalid { pointer, .. } => Some(pointer.clone()),
            Self::UnknownJob { .. } | Self::NotOfCredential { .. } => Some("/jobName".to_owned()),
            Self::SourceMismatch { .. } | Self::SourceNotAllowed { .. } => Some("/source".to_owned()),
            Self::Options(error) if error.option().is_empty() => Some("/options".to_owned()),
            Self::Options(error) => Some(format!("/options/{}", escape_pointer(error.option()))),
            Self::IdempotencyConflict { .. } => Some("/options/idempotencyKey".to_owned()),
            Self::UniqueConflict { .. } => Some("/options/uniqueKey".to_owned()),
            Self::OverRate(_) | Self::QueueFull { .. } => None,
            Self::MissingConfiguration { .. } => Some("/configuration".to_owned()),
        }
    }
}

/// One key as a segment of a JSON pointer.
pub fn escape_pointer(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
