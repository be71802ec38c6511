//! Saying what was being done when something went wrong.

use std::fmt::Display;

use crate::Failure;

/// Puts what was being done in front of what went wrong.
///
/// On a `Result` whose error is already a [`Failure`] the kind of failure stays: a rejection with context is a rejection.
///
/// ```
/// use mainworker::{Context, Failure};
///
/// fn read(path: &str) -> Result<String, Failure> {
///     std::fs::read_to_string(path).with_context(|| format!("reading the playlist `{path}`"))
/// }
/// assert!(read("/nowhere").unwrap_err().message().starts_with("reading the playlist `/nowhere`: "));
/// ```
pub trait Context<T> {
    /// Turns an error, or the absence of a value, into a failure that begins with `doing`.
    fn context(self, doing: impl Display) -> Result<T, Failure>;

    /// Like [`context`](Self::context), for a text that is only made when it is needed.
    fn with_context<D: Display>(self, doing: impl FnOnce() -> D) -> Result<T, Failure>;
}

impl<T, E: Into<Failure>> Context<T> for Result<T, E> {
    fn context(self, doing: impl Display) -> Result<T, Failure> {
        self.map_err(|error| error.into().preceded_by(doing))
    }

    fn with_context<D: Display>(self, doing: impl FnOnce() -> D) -> Result<T, Failure> {
        self.map_err(|error| error.into().preceded_by(doing()))
    }
}

/// `None` fails the attempt, with the text as the whole message.
impl<T> Context<T> for Option<T> {
    fn context(self, doing: impl Display) -> Result<T, Failure> {
        self.ok_or_else(|| Failure::failed(doing))
    }

    fn with_context<D: Display>(self, doing: impl FnOnce() -> D) -> Result<T, Failure> {
        self.ok_or_else(|| Failure::failed(doing()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn context_precedes_the_message_of_an_error() {
        let failure = "many".parse::<u32>().context("reading the count");
        assert_eq!(failure, Err(Failure::failed("reading the count: invalid digit found in string")));
    }

    #[test]
    fn context_keeps_the_kind_of_a_failure() {
        let rejected: Result<(), _> = Err(Failure::rejected("no such month"));
        assert_eq!(
            rejected.context("closing the books"),
            Err(Failure::rejected("closing the books: no such month"))
        );

        let minute = Duration::from_secs(60);
        let later: Result<(), _> = Err(Failure::retry_after(minute, "locked"));
        assert_eq!(later.with_context(|| "opening"), Err(Failure::retry_after(minute, "opening: locked")));
    }

    #[test]
    fn an_absent_value_fails_with_the_text_alone() {
        assert_eq!(None::<u32>.context("no line in the file"), Err(Failure::failed("no line in the file")));
        assert_eq!(Some(1).context("no line in the file"), Ok(1));
    }
}
