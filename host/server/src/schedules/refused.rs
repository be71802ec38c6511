//! Why something is not done with a schedule.

use crate::failure::Failure;
use mainworker_domain::limits::SCHEDULES_MAX;
use mainworker_domain::rejection::escape_pointer;
use mainworker_domain::schedule::{ScheduleError, ScheduleName};
use mainworker_queue::store::StoreError;

/// Why something is not done with a schedule.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ScheduleRefused {
    /// There is none of that name.
    #[error("there is no schedule `{name}` here")]
    Unknown {
        /// The name as given, shortened.
        name: String,
        /// Names like it.
        nearest: Vec<String>,
    },
    /// What it says cannot be meant.
    #[error("schedule `{name}`: {error}")]
    Invalid {
        /// Which one.
        name: ScheduleName,
        /// Why.
        error: Box<ScheduleError>,
    },
    /// Its tasks would be rejected, or whoever asks may not ask for them.
    #[error("schedule `{name}`: {}", failure.message)]
    NotTaken {
        /// Which one.
        name: ScheduleName,
        /// Why.
        failure: Box<Failure>,
    },
    /// It belongs to somebody else.
    #[error("schedule `{name}` belongs to {}, expected {}", owner(set.as_ref()), owner(expected.as_ref()))]
    AnotherSet {
        /// Which one.
        name: ScheduleName,
        /// To whom; none if it is managed by itself.
        set: Option<ScheduleName>,
        /// Who asks.
        expected: Option<ScheduleName>,
    },
    /// It is another by now.
    #[error("schedule `{name}` is {}, expected {}", revision(*found), revision(*expected))]
    Changed {
        /// Which one, as it was named.
        name: String,
        /// Its revision; none if it is not there.
        found: Option<u64>,
        /// The revision that was expected.
        expected: Option<u64>,
    },
    /// There would be too many.
    #[error("there would be more than {SCHEDULES_MAX} schedules, expected at most that")]
    TooMany,
    /// A time that cannot be made up for.
    #[error("{problem}")]
    Backfill {
        /// Where in the request.
        pointer: &'static str,
        /// What was found and expected.
        problem: String,
    },
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A defect.
    #[error("{0}")]
    Host(&'static str),
}

impl ScheduleRefused {
    /// The stable code.
    pub fn code(&self) -> &str {
        match self {
            Self::Unknown { .. } => "unknown_schedule",
            Self::Invalid { error, .. } => error.code(),
            Self::TooMany => "too_many_schedules",
            Self::NotTaken { failure, .. } => &failure.code,
            Self::AnotherSet { .. } => "schedule_of_another_set",
            Self::Changed { .. } => "schedule_changed",
            Self::Backfill { .. } => "backfill_invalid",
            Self::Store(_) => "store_unavailable",
            Self::Host(_) => "host_error",
        }
    }

    /// Where in a definition, or in another request, as a JSON pointer; with the schedule that it is about.
    pub fn pointer(&self) -> Option<(Option<&ScheduleName>, String)> {
        match self {
            Self::Invalid { name, error } => Some((Some(name), error.pointer()?.to_owned())),
            Self::NotTaken { name, failure } => {
                // What is written of an envelope, where it stands in a definition.
                let pointer = failure.pointer.as_deref()?;
                let pointer = match pointer.strip_prefix("/jobPayload") {
                    Some(rest) => format!("/payload{rest}"),
                    None if pointer.starts_with("/options") => pointer.to_owned(),
                    None => "/job".to_owned(),
                };
                Some((Some(name), pointer))
            }
            Self::Backfill { pointer, .. } => Some((None, (*pointer).to_owned())),
            _ => None,
        }
    }

    /// The same for a request in which definitions stand by name.
    pub fn pointer_among_many(&self) -> Option<String> {
        let (name, pointer) = self.pointer()?;
        Some(match name {
            Some(name) => format!("/schedules/{}{pointer}", escape_pointer(name.as_str())),
            None => pointer,
        })
    }
}

fn owner(set: Option<&ScheduleName>) -> String {
    set.map_or_else(|| "no set".to_owned(), |set| format!("the set `{set}`"))
}

fn revision(revision: Option<u64>) -> String {
    revision.map_or_else(|| "not there".to_owned(), |revision| format!("of revision {revision}"))
}
