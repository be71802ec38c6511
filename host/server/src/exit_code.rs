//! The exit codes of the program. They are an interface: scripts decide by them.

use mainworker_domain::outcome::Outcome;
use std::process;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// 0: the command did what it was asked; an attempt completed.
    Completed,
    /// 1: the job ended otherwise: rejected by the job, failed, retry-asked, trapped, cancelled, lost, host-error.
    NotCompleted,
    /// 2: arguments or settings that cannot be used.
    Usage,
    /// 3: the envelope was rejected.
    EnvelopeRejected,
    /// 4: stopped by a limit: timed-out, over-cpu, out-of-memory, over-limit.
    OverLimit,
    /// 5: a module or a grant was refused.
    Refused,
    /// 6: the host cannot be reached, or refuses the credential.
    Unreachable,
    /// 130: interrupted.
    Interrupted,
}

impl ExitCode {
    /// The number.
    pub fn number(self) -> u8 {
        match self {
            Self::Completed => 0,
            Self::NotCompleted => 1,
            Self::Usage => 2,
            Self::EnvelopeRejected => 3,
            Self::OverLimit => 4,
            Self::Refused => 5,
            Self::Unreachable => 6,
            Self::Interrupted => 130,
        }
    }

    /// The code of an attempt that ended like this.
    pub fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Completed => Self::Completed,
            Outcome::Rejected
            | Outcome::Failed
            | Outcome::RetryAsked
            | Outcome::Trapped
            | Outcome::Cancelled
            | Outcome::Lost
            | Outcome::HostError => Self::NotCompleted,
            Outcome::TimedOut | Outcome::OverCpu | Outcome::OutOfMemory | Outcome::OverLimit => {
                Self::OverLimit
            }
            Outcome::Refused | Outcome::ModuleUnavailable => Self::Refused,
            Outcome::Interrupted => Self::Interrupted,
        }
    }
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}
