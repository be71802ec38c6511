//! Why a schedule is not taken.

use crate::table::type_name;
use serde_json::Value;
use std::fmt;

/// Where in a definition something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the JSON of one definition, as a JSON pointer (RFC 6901); empty for all of it.
    Pointer(String),
    /// In a file of schedules.
    File {
        /// The keys that lead to it, such as `schedule.ping.run-every`; empty for all of it.
        path: String,
        /// Counted from 1, if it has a line.
        line: Option<usize>,
    },
}

/// Why a schedule is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}found {found}, expected {expected}")]
pub struct ScheduleError {
    /// Where.
    pub place: Place,
    /// What was found there, shortened.
    pub found: String,
    /// What was expected.
    pub expected: String,
    /// Names like the one that was found, the most alike first.
    pub nearest: Vec<String>,
}

impl fmt::Display for Place {
    /// With a colon after it, or nothing for the whole.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pointer(pointer) if pointer.is_empty() => Ok(()),
            Self::Pointer(pointer) => write!(f, "`{pointer}`: "),
            Self::File { path, line: None } if path.is_empty() => Ok(()),
            Self::File { path, line: None } => write!(f, "`{path}`: "),
            Self::File { path, line: Some(line) } if path.is_empty() => write!(f, "line {line}: "),
            Self::File { path, line: Some(line) } => write!(f, "`{path}` (line {line}): "),
        }
    }
}

impl ScheduleError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        "schedule_invalid"
    }

    /// Where in the JSON of a definition, if it was read from JSON.
    pub fn pointer(&self) -> Option<&str> {
        match &self.place {
            Place::Pointer(pointer) => Some(pointer),
            Place::File { .. } => None,
        }
    }

    /// About the whole, until [`ScheduleError::at`] says where.
    pub(super) fn new(found: impl Into<String>, expected: impl Into<String>) -> Self {
        let place = Place::Pointer(String::new());
        Self { place, found: found.into(), expected: expected.into(), nearest: Vec::new() }
    }

    /// About a text.
    pub(super) fn of(found: &str, expected: impl Into<String>) -> Self {
        Self::new(format!("`{}`", found.chars().take(80).collect::<String>()), expected)
    }

    /// About a value of another type.
    pub(super) fn wrong_type(found: &Value, expected: &str) -> Self {
        Self::new(type_name(found), expected)
    }

    /// The same below `prefix`.
    pub(super) fn at(mut self, prefix: &str) -> Self {
        if let Place::Pointer(pointer) = &mut self.place {
            pointer.insert_str(0, prefix);
        }
        self
    }

    pub(super) fn with_nearest<'a>(mut self, nearest: impl IntoIterator<Item = &'a str>) -> Self {
        self.nearest = nearest.into_iter().map(str::to_owned).collect();
        self
    }
}
