//! The one vocabulary for what happens to tasks: logs, metrics, terminals and pages are all fed from it.
//!
//! Texts in an event are already masked: whoever makes one is inside the capability that knows the secrets.

use crate::outcome::Outcome;

/// How much a log line matters, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every step.
    Trace,
    /// For whoever writes the job.
    Debug,
    /// What happened.
    Info,
    /// Not as it should be; the job goes on.
    Warn,
    /// Something did not work.
    Error,
    /// Somebody must look now.
    Critical,
}

impl Level {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}

/// One line of an attempt's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Milliseconds since the attempt began.
    pub at_ms: u64,
    /// How much it matters.
    pub level: Level,
    /// Which part of the job speaks; `stdout` and `stderr` for what it printed.
    pub context: String,
    /// The text, one line, masked.
    pub message: String,
}

/// How far an attempt has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// 0 to 100.
    pub percent: u8,
    /// What is being done, masked.
    pub message: String,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An envelope was not taken.
    EnvelopeRejected {
        /// The stable code.
        code: &'static str,
        /// The detail.
        detail: String,
    },
    /// An attempt began.
    AttemptStarted {
        /// The task.
        task_id: String,
        /// The job.
        job: String,
        /// Counted from 1.
        attempt: u32,
    },
    /// The job logged a line.
    LogLine {
        /// The task.
        task_id: String,
        /// The line.
        line: LogLine,
    },
    /// The job reported progress.
    Progress {
        /// The task.
        task_id: String,
        /// How far.
        progress: Progress,
    },
    /// An attempt ended.
    AttemptEnded {
        /// The task.
        task_id: String,
        /// The job.
        job: String,
        /// Counted from 1.
        attempt: u32,
        /// How.
        outcome: Outcome,
    },
}
