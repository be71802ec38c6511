//! The one vocabulary for what happens to tasks: logs, metrics, terminals and pages are all fed from it.
//!
//! Texts in an event are already masked: whoever makes one is inside the capability that knows the secrets.

use crate::access::TokenId;
use crate::digest::Digest;
use crate::job_name::JobName;
use crate::lifecycle::{Reason, State};
use crate::outcome::Outcome;
use crate::schedule::ScheduleName;
use crate::task_id::TaskId;

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

    /// The level that [`Level::as_str`] writes so.
    pub fn parse(word: &str) -> Option<Self> {
        let all = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Critical];
        all.into_iter().find(|level| level.as_str() == word)
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

/// What a running attempt says, as it says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It logged a line.
    Line(LogLine),
    /// It reported progress.
    Progress(Progress),
}

/// Something that happened. It holds no payload, no result, no configuration and no credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An envelope was not taken.
    EnvelopeRejected {
        /// The stable code.
        code: String,
        /// What was found and expected.
        detail: String,
        /// The job that it named, if it came so far; shortened.
        job: Option<String>,
        /// Who asked: the source of the credential, or what the envelope claims.
        source: Option<String>,
    },
    /// A task was accepted.
    TaskEnqueued {
        /// The task.
        task_id: TaskId,
        /// The job.
        job: JobName,
        /// Who asked.
        source: String,
    },
    /// A task that a job asked for is not there, though its attempt completed.
    TaskDropped {
        /// The id that the job was told.
        task_id: TaskId,
        /// The job that asked.
        parent_job: JobName,
        /// The task that asked.
        parent: TaskId,
        /// Why.
        problem: String,
    },
    /// An attempt began.
    AttemptStarted {
        /// The task.
        task_id: TaskId,
        /// The job.
        job: JobName,
        /// Counted from 1.
        attempt: u32,
    },
    /// A running attempt said something, which can be read from the store now.
    AttemptSaid {
        /// The task.
        task_id: TaskId,
    },
    /// An attempt ended, and what follows from it is written down.
    AttemptEnded {
        /// The task.
        task_id: TaskId,
        /// The job.
        job: JobName,
        /// Counted from 1.
        attempt: u32,
        /// How.
        outcome: Outcome,
        /// The stable code of what went wrong.
        code: Option<String>,
        /// What went wrong, masked.
        message: Option<String>,
        /// Milliseconds from when it could have begun until it did.
        wait_ms: u64,
        /// Milliseconds that it ran.
        run_ms: u64,
        /// Where the task stands now.
        state: State,
        /// Why it stands there.
        reason: Reason,
    },
    /// A task came to its end, or to a new beginning, without an attempt.
    TaskChanged {
        /// The task.
        task_id: TaskId,
        /// The job.
        job: JobName,
        /// Where it stands now.
        state: State,
        /// Why.
        reason: Reason,
    },
    /// Attempts do not begin, or begin again.
    Paused {
        /// Of which job; none for all of them.
        job: Option<JobName>,
        /// Whether they do not.
        paused: bool,
    },
    /// Runs of a schedule fell due while nobody looked, and are left out.
    RunsMissed {
        /// The schedule.
        schedule: ScheduleName,
        /// How many.
        count: u64,
        /// Whether there are more than were counted.
        at_least: bool,
    },
    /// A schedule is otherwise than before.
    ScheduleChanged {
        /// The schedule.
        schedule: ScheduleName,
        /// `created`, `changed`, `deleted`, `paused` or `resumed`.
        change: &'static str,
    },
    /// A job runs another revision from now on, or none; or one can be used again.
    DeploymentChanged {
        /// The job.
        job: JobName,
        /// `deployed`, `rolled-back`, `undeployed`, or `restored` for what was lost and is here again.
        change: &'static str,
        /// What is current now, or was restored.
        revision: Option<Digest>,
    },
    /// A module is not what somebody vouches for, or nobody whom the settings trust does any more.
    ModuleRefused {
        /// The job, if it came so far.
        job: Option<JobName>,
        /// The revision that was meant.
        revision: Option<Digest>,
        /// The stable code.
        code: String,
        /// What was being done, what was found and expected.
        message: String,
    },
    /// A credential that somebody showed is not good.
    CredentialRefused {
        /// In a word: `closed`, `not-bearer`, `wrong`, `revoked` or `expired`.
        why: &'static str,
        /// From where: an address, or `socket`. Behind a proxy it is the proxy's.
        address: String,
        /// Which token it was; known only of one that was shown as a whole.
        token: Option<TokenId>,
    },
    /// The host could not do its own work.
    HostError {
        /// The stable code.
        code: String,
        /// What was being done and what was found.
        message: String,
    },
}

impl Event {
    /// The word for it, as programs read it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::EnvelopeRejected { .. } => "envelope-rejected",
            Self::TaskEnqueued { .. } => "task-enqueued",
            Self::TaskDropped { .. } => "task-dropped",
            Self::AttemptStarted { .. } => "attempt-started",
            Self::AttemptSaid { .. } => "attempt-said",
            Self::AttemptEnded { .. } => "attempt-ended",
            Self::TaskChanged { .. } => "task-changed",
            Self::Paused { .. } => "paused",
            Self::RunsMissed { .. } => "runs-missed",
            Self::ScheduleChanged { .. } => "schedule-changed",
            Self::DeploymentChanged { .. } => "deployment-changed",
            Self::ModuleRefused { .. } => "module-refused",
            Self::CredentialRefused { .. } => "credential-refused",
            Self::HostError { .. } => "host-error",
        }
    }
}
