//! Who did what to which task, job, token or schedule: the words of the audit.
//!
//! What the host does by itself is no entry: the audit answers who wanted it.

use crate::access::TokenId;
use crate::job_name::JobName;
use crate::lifecycle::Timestamp;
use crate::schedule::ScheduleName;
use crate::task_id::TaskId;
use std::fmt;

/// Who asked for a change: a credential, never a secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A token, by its id.
    Token(TokenId),
    /// The token of the settings file.
    Settings,
    /// Whoever may open the host's socket, or its files.
    Operator,
}

impl Actor {
    /// The actor that [`Actor`] prints so.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "settings" => Some(Self::Settings),
            "operator" => Some(Self::Operator),
            _ => text.strip_prefix("token:").and_then(TokenId::parse).map(Self::Token),
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(id) => write!(f, "token:{id}"),
            Self::Settings => f.pad("settings"),
            Self::Operator => f.pad("operator"),
        }
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident $word:literal,)*) => {
        /// What was done.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action { $($(#[$doc])* $name,)* }

        impl Action {
            /// Every action.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

actions! {
    /// A task was cancelled, or its attempt told to stop.
    TaskCancelled "task-cancelled",
    /// A task that had ended was given a new life.
    TaskRetried "task-retried",
    /// Claims of a job, or all of them, stopped.
    Paused "paused",
    /// Claims of a job, or all of them, went on.
    Resumed "resumed",
    /// A token was made.
    TokenCreated "token-created",
    /// A token was revoked.
    TokenRevoked "token-revoked",
    /// A schedule was made.
    ScheduleCreated "schedule-created",
    /// A schedule was changed.
    ScheduleChanged "schedule-changed",
    /// A schedule was deleted.
    ScheduleDeleted "schedule-deleted",
    /// A schedule was paused.
    SchedulePaused "schedule-paused",
    /// A schedule was resumed.
    ScheduleResumed "schedule-resumed",
    /// A schedule was run by hand.
    ScheduleTriggered "schedule-triggered",
    /// A schedule was run for times that are over.
    ScheduleBackfilled "schedule-backfilled",
    /// A revision of a job was made current, or what is known of the one that is was replaced.
    JobDeployed "job-deployed",
    /// A revision of a job that had been current was made current again.
    JobRolledBack "job-rolled-back",
    /// A job has no current revision any more.
    JobUndeployed "job-undeployed",
}

impl Action {
    /// The action that [`Action::as_str`] writes so.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.as_str() == word)
    }
}

/// To what it was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// All of the host.
    Host,
    /// A job.
    Job(JobName),
    /// A task.
    Task(TaskId),
    /// A token.
    Token(TokenId),
    /// A schedule.
    Schedule(ScheduleName),
}

impl Object {
    /// What kind of thing it is, in one word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Job(_) => "job",
            Self::Task(_) => "task",
            Self::Token(_) => "token",
            Self::Schedule(_) => "schedule",
        }
    }

    /// Its name or id; empty for the host.
    pub fn name(&self) -> String {
        match self {
            Self::Host => String::new(),
            Self::Job(name) => name.to_string(),
            Self::Schedule(name) => name.to_string(),
            Self::Task(id) => id.to_string(),
            Self::Token(id) => id.to_string(),
        }
    }

    /// The object of these two words.
    pub fn parse(kind: &str, name: &str) -> Option<Self> {
        match kind {
            "host" => name.is_empty().then_some(Self::Host),
            "job" => JobName::parse(name).ok().map(Self::Job),
            "schedule" => ScheduleName::parse(name).ok().map(Self::Schedule),
            "task" => TaskId::parse(name).map(Self::Task),
            "token" => TokenId::parse(name).map(Self::Token),
            _ => None,
        }
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What.
    pub action: Action,
    /// To what.
    pub object: Object,
    /// What else there is to know, such as a token's source and roles. Never a secret, never a payload.
    pub detail: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        let token = TokenId::from_random(7);
        for actor in [Actor::Token(token.clone()), Actor::Settings, Actor::Operator] {
            assert_eq!(Actor::parse(&actor.to_string()), Some(actor));
        }
        assert_eq!(Actor::parse("token:short"), None);
        for action in Action::ALL {
            assert_eq!(Action::parse(action.as_str()), Some(*action));
        }
        let job = JobName::parse("echo").unwrap();
        let schedule = ScheduleName::parse("nightly").unwrap();
        for object in [Object::Host, Object::Job(job), Object::Schedule(schedule), Object::Token(token)] {
            assert_eq!(Object::parse(object.kind(), &object.name()), Some(object));
        }
        assert_eq!(Object::parse("host", "x"), None);
        assert_eq!(Object::parse("table", ""), None);
    }
}
