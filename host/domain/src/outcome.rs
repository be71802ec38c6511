//! How an attempt ends, and what it cost.
//!
//! [`AttemptEnd`] is the fact with its particulars; [`Outcome`] is the one word for it. "The job said no" and "the
//! sandbox stopped it" are never the same variant.

use crate::limits::{Limit, Limits};
use crate::quantity::{approximate_bytes, format_ms};
use std::fmt;

/// How an attempt ended, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The job returned a result.
    Completed,
    /// The envelope was not taken, or the job said that this payload can never work.
    Rejected,
    /// The job said that this attempt did not work.
    Failed,
    /// The job asked to be tried again later.
    RetryAsked,
    /// The guest broke: a panic, an out-of-bounds access, an exhausted stack.
    Trapped,
    /// Over the wall limit.
    TimedOut,
    /// Over the CPU limit.
    OverCpu,
    /// Over the memory limit.
    OutOfMemory,
    /// Over another limit; the code names it.
    OverLimit,
    /// Policy, a grant or the module's own form refused the run at the last check.
    Refused,
    /// The module could not be read.
    ModuleUnavailable,
    /// The host broke, not the job.
    HostError,
    /// Somebody cancelled it.
    Cancelled,
    /// The host was stopping.
    Interrupted,
    /// The host died while it ran.
    Lost,
}

impl Outcome {
    /// Every outcome, in the order of the tables that list them.
    pub const ALL: [Self; 15] = [
        Self::Completed,
        Self::Rejected,
        Self::Failed,
        Self::RetryAsked,
        Self::Trapped,
        Self::TimedOut,
        Self::OverCpu,
        Self::OutOfMemory,
        Self::OverLimit,
        Self::Refused,
        Self::ModuleUnavailable,
        Self::HostError,
        Self::Cancelled,
        Self::Interrupted,
        Self::Lost,
    ];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::RetryAsked => "retry-asked",
            Self::Trapped => "trapped",
            Self::TimedOut => "timed-out",
            Self::OverCpu => "over-cpu",
            Self::OutOfMemory => "out-of-memory",
            Self::OverLimit => "over-limit",
            Self::Refused => "refused",
            Self::ModuleUnavailable => "module-unavailable",
            Self::HostError => "host-error",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
            Self::Lost => "lost",
        }
    }

    /// The outcome that [`Outcome::as_str`] writes so.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A limit that an attempt ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct LimitBreach {
    /// Which limit.
    pub limit: Limit,
    /// What the attempt had or asked for, in the limit's unit. Where counting stops at the limit, the first that is over.
    pub observed: u64,
    /// The limit.
    pub allowed: u64,
}

impl LimitBreach {
    /// Whether `observed`, in the limit's unit, is within `limits`.
    ///
    /// # Errors
    /// The breach, if it is more than allowed.
    pub fn check(limits: &Limits, limit: Limit, observed: u64) -> Result<(), Self> {
        let allowed = limits.get(limit);
        if observed > allowed { Err(Self { limit, observed, allowed }) } else { Ok(()) }
    }

    fn sentence(&self) -> String {
        let observed = self.limit.format(self.observed);
        let allowed = self.limit.format(self.allowed);
        match self.limit {
            Limit::Wall => format!("the attempt ran for {observed}, allowed are {allowed}"),
            Limit::Cpu => format!("the attempt used {observed} of processor time, allowed are {allowed}"),
            Limit::Memory => format!("the attempt asked for {observed} of memory, allowed are {allowed}"),
            Limit::TableElements => {
                format!("the attempt asked for {observed} table elements, allowed are {allowed}")
            }
            Limit::Instances => format!("the attempt asked for {observed} instances, allowed are {allowed}"),
            Limit::ResourceHandles => {
                format!("the attempt asked for {observed} open handles, allowed are {allowed}")
            }
            Limit::HostCall => format!("one call to the host carried more than {allowed}"),
            Limit::Random => format!("one call asked for {observed} of random bytes, allowed are {allowed}"),
            Limit::Output => format!("the result has {observed}, allowed are {allowed}"),
            Limit::Log => format!("the log has {observed}, allowed are {allowed}"),
            Limit::LogLines => format!("the log has {observed} lines, allowed are {allowed}"),
            Limit::Progress => format!("{observed} progress reports in a second, allowed are {allowed}"),
            Limit::HttpCalls => format!("the attempt sent {observed} HTTP requests, allowed are {allowed}"),
            Limit::HttpRequest => {
                let observed = approximate_bytes(self.observed);
                format!("the body of an HTTP request has at least {observed}, allowed are {allowed}")
            }
            Limit::HttpResponse => {
                let observed = approximate_bytes(self.observed);
                format!("the body of an HTTP response has at least {observed}, allowed are {allowed}")
            }
            Limit::HttpUrl => format!("the URL of an HTTP request has {observed}, allowed are {allowed}"),
            Limit::HttpHeaders => {
                format!("the headers of an HTTP request have {observed}, allowed are {allowed}")
            }
            Limit::ScheduledTasks => format!("the attempt asked for {observed} tasks, allowed are {allowed}"),
            Limit::FreeSpace => {
                let left = approximate_bytes(self.observed);
                format!("a writable mount has {left} of free space left, the host keeps {allowed}")
            }
        }
    }
}

/// A trap as its author wants to read it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Trap {
    /// What the engine says, such as `wasm 'unreachable' instruction executed`.
    pub cause: String,
    /// What the guest's panic said, if it was one.
    pub panic: Option<String>,
    /// Function names, innermost first, demangled.
    pub backtrace: Vec<String>,
    /// The last lines of the log.
    pub last_lines: Vec<String>,
}

/// How an attempt ended, with its particulars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptEnd {
    /// The job's result: JSON text.
    Completed {
        /// As the job wrote it.
        result: String,
    },
    /// The job rejected its payload.
    Rejected {
        /// In the job's words.
        message: String,
    },
    /// The job failed.
    Failed {
        /// In the job's words.
        message: String,
    },
    /// The job asked to be tried again.
    RetryAsked {
        /// Not before so many milliseconds have passed.
        after_ms: u64,
        /// In the job's words.
        message: String,
    },
    /// The job returned something that is not JSON.
    ResultNotJson {
        /// What the JSON reader found, without the text itself.
        problem: String,
    },
    /// The guest broke.
    Trapped(Box<Trap>),
    /// The sandbox stopped it at a limit.
    OverLimit(LimitBreach),
    /// The host broke.
    HostError {
        /// For the operator.
        message: String,
    },
    /// Somebody cancelled it.
    Cancelled,
    /// The host was stopping.
    Interrupted,
}

impl AttemptEnd {
    /// The word for it.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Completed { .. } => Outcome::Completed,
            Self::Rejected { .. } => Outcome::Rejected,
            Self::Failed { .. } | Self::ResultNotJson { .. } => Outcome::Failed,
            Self::RetryAsked { .. } => Outcome::RetryAsked,
            Self::Trapped(_) => Outcome::Trapped,
            Self::OverLimit(breach) => match breach.limit {
                Limit::Wall => Outcome::TimedOut,
                Limit::Cpu => Outcome::OverCpu,
                Limit::Memory => Outcome::OutOfMemory,
                _ => Outcome::OverLimit,
            },
            Self::HostError { .. } => Outcome::HostError,
            Self::Cancelled => Outcome::Cancelled,
            Self::Interrupted => Outcome::Interrupted,
        }
    }

    /// The stable code of an end that is not a result.
    pub fn code(&self) -> Option<&'static str> {
        Some(match self {
            Self::Completed { .. } => return None,
            Self::Rejected { .. } => "job_rejected",
            Self::Failed { .. } => "job_failed",
            Self::RetryAsked { .. } => "job_retry_asked",
            Self::ResultNotJson { .. } => "result_not_json",
            Self::Trapped(trap) if trap.panic.is_some() => "guest_panicked",
            Self::Trapped(_) => "guest_trapped",
            Self::OverLimit(breach) => breach.limit.spec().code,
            Self::HostError { .. } => "host_error",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        })
    }

    /// What happened, for a person; empty for a result.
    pub fn message(&self) -> String {
        match self {
            Self::Completed { .. } => String::new(),
            Self::Rejected { message } | Self::Failed { message } => message.clone(),
            Self::RetryAsked { after_ms, message } => {
                format!("{message} (asked to be tried again after {})", format_ms(*after_ms))
            }
            Self::ResultNotJson { problem } => {
                format!("the job returned a result that is not JSON: {problem}, expected one JSON value")
            }
            Self::Trapped(trap) => trap.message(),
            Self::OverLimit(breach) => breach.to_string(),
            Self::HostError { message } => format!("the host failed while it ran the attempt: {message}"),
            Self::Cancelled => "the attempt was cancelled".to_owned(),
            Self::Interrupted => "the attempt was interrupted because the host is stopping".to_owned(),
        }
    }
}

impl Trap {
    fn message(&self) -> String {
        let mut text = match &self.panic {
            Some(panic) => format!("the job panicked: {panic}"),
            None => format!("the job trapped: {}", self.cause),
        };
        if !self.backtrace.is_empty() {
            text.push_str("\nguest backtrace, innermost first:");
            for (index, frame) in self.backtrace.iter().enumerate() {
                text.push_str(&format!("\n  {index}: {frame}"));
            }
        }
        if !self.last_lines.is_empty() {
            text.push_str("\nlast log lines:");
            for line in &self.last_lines {
                text.push_str(&format!("\n  {line}"));
            }
        }
        text
    }
}

/// What one attempt cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// From start to end, in microseconds.
    pub wall_us: u64,
    /// On a processor inside the sandbox, in microseconds.
    pub cpu_us: u64,
    /// The most linear memory at a time, in bytes.
    pub peak_memory_bytes: u64,
    /// HTTP calls made.
    pub http_calls: u64,
    /// Bytes of the bodies of HTTP responses.
    pub http_bytes_in: u64,
    /// Bytes of the bodies of HTTP requests.
    pub http_bytes_out: u64,
    /// Bytes of log kept.
    pub log_bytes: u64,
    /// Log lines and bytes beyond the limit were counted, not kept: how many lines.
    pub log_lines_dropped: u64,
    /// Bytes of the result.
    pub output_bytes: u64,
}
