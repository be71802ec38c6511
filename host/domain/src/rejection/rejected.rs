//! A rejection as whoever asked is told it.

use super::{Rejection, RejectionCode};

/// An envelope that was not taken: code, place, what was found and expected, and what to try. A library that finds it before
/// it asks and a host that answers it over HTTP make the same one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Rejected {
    /// Stable, for programs.
    pub code: RejectionCode,
    /// Where, as [`Rejection::pointer`].
    pub pointer: Option<String>,
    /// What was found and what was expected.
    pub detail: String,
    /// What to try.
    pub hint: Option<String>,
    /// Which task of a batch, from 0.
    pub index: Option<usize>,
}

impl Rejected {
    /// What is told of a rejection, with a hint of whoever tells it.
    pub fn of(rejection: &Rejection, hint: String) -> Self {
        Self {
            code: rejection.rejection_code(),
            pointer: rejection.pointer(),
            detail: rejection.to_string(),
            hint: Some(hint),
            index: None,
        }
    }

    /// The same, of one task of a batch.
    #[must_use]
    pub fn of_batch(self, index: usize) -> Self {
        Self { index: Some(index), ..self }
    }
}
