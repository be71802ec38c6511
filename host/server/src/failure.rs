//! Why a command did not do what it was asked, ready to be shown: code, message, place, hint, exit code.

use crate::exit_code::ExitCode;
use crate::hints;
use mainworker_client::hints::told;
use mainworker_domain::capability::NotAllowed;
use mainworker_domain::outcome::Outcome;
use mainworker_domain::rejection::{Rejected, Rejection};
use mainworker_sandbox::refusal::{GrantRefusal, ModuleRefusal};
use std::fmt::Display;

/// A failed command.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Stable, snake_case.
    pub code: String,
    /// What was being done, what was found, what was expected.
    pub message: String,
    /// A JSON pointer into the envelope, if it is about a place in it.
    pub pointer: Option<String>,
    /// The command or key to try.
    pub hint: Option<String>,
    /// Seconds after which the same would pass, where that is known.
    pub retry_after_seconds: Option<u64>,
    /// How the program ends.
    pub exit: ExitCode,
    /// The outcome in a report.
    pub outcome: Outcome,
}

impl Failure {
    /// Arguments or settings that cannot be used.
    pub fn usage(code: &str, message: impl Display, hint: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.to_string(),
            pointer: None,
            hint: Some(hint.into()),
            retry_after_seconds: None,
            exit: ExitCode::Usage,
            outcome: Outcome::Refused,
        }
    }

    /// A failure of the host itself.
    pub fn host(message: impl Display) -> Self {
        Self {
            code: "host_error".to_owned(),
            message: message.to_string(),
            pointer: None,
            hint: None,
            retry_after_seconds: None,
            exit: ExitCode::NotCompleted,
            outcome: Outcome::HostError,
        }
    }

    /// What was to be printed and could not be.
    pub fn output(error: impl Display) -> Self {
        Self {
            code: "output_unwritable".to_owned(),
            message: format!("writing to standard output: {error}"),
            hint: Some("free some space there, or send the output elsewhere".to_owned()),
            ..Self::host("")
        }
    }

    /// A module file that cannot be read.
    pub fn unavailable(message: impl Display, hint: impl Into<String>) -> Self {
        Self {
            code: "module_unavailable".to_owned(),
            message: message.to_string(),
            pointer: None,
            hint: Some(hint.into()),
            retry_after_seconds: None,
            exit: ExitCode::Refused,
            outcome: Outcome::ModuleUnavailable,
        }
    }

    /// A module that is not taken, with the file that it is in.
    pub fn module(file: impl Display, refusal: &ModuleRefusal) -> Self {
        Self {
            code: refusal.code().to_owned(),
            message: format!("`{file}` is refused: {refusal}"),
            pointer: None,
            hint: Some(hints::of_module(refusal)),
            retry_after_seconds: None,
            exit: ExitCode::Refused,
            outcome: Outcome::Refused,
        }
    }
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        let Rejected { code, pointer, detail, hint, .. } = told(&rejection);
        Self {
            code: code.as_str().to_owned(),
            message: detail,
            pointer,
            hint,
            retry_after_seconds: rejection.retry_after_seconds(),
            exit: ExitCode::EnvelopeRejected,
            outcome: Outcome::Rejected,
        }
    }
}

impl From<GrantRefusal> for Failure {
    fn from(refusal: GrantRefusal) -> Self {
        Self {
            code: refusal.code().to_owned(),
            message: refusal.to_string(),
            pointer: None,
            hint: Some(hints::of_grant(&refusal)),
            retry_after_seconds: None,
            exit: ExitCode::Refused,
            outcome: Outcome::Refused,
        }
    }
}

impl From<NotAllowed> for Failure {
    fn from(not_allowed: NotAllowed) -> Self {
        Self {
            code: "widening_not_allowed".to_owned(),
            message: not_allowed.to_string(),
            pointer: None,
            hint: Some(hints::of_not_allowed(&not_allowed)),
            retry_after_seconds: None,
            exit: ExitCode::Refused,
            outcome: Outcome::Refused,
        }
    }
}
