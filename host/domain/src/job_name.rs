//! The name of a job: `[a-z][a-z0-9-]{0,62}`.
//!
//! The same rule as for a DNS label that starts with a letter, so that a name is safe as a file name, a metric label
//! and a part of a URL without escaping.

use std::fmt;

/// A name that keeps to the rule. There is no other way to hold one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobName(String);

/// Said of a text that is not a job name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not a job name: expected 1 to 63 of a-z, 0-9 and `-`, starting with a letter")]
pub struct NotAJobName {
    /// What was given, shortened to 80 characters.
    pub found: String,
}

impl JobName {
    /// Takes `text` if it is a job name.
    ///
    /// # Errors
    /// [`NotAJobName`] with the text, shortened.
    pub fn parse(text: &str) -> Result<Self, NotAJobName> {
        let mut bytes = text.bytes();
        let starts_with_letter = bytes.next().is_some_and(|b| b.is_ascii_lowercase());
        let rest_fits = bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if starts_with_letter && rest_fits && text.len() <= 63 {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAJobName { found: text.chars().take(80).collect() })
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_a_folder_or_a_label_are_refused() {
        let longest = "a".repeat(63);
        for good in ["a", "edge-logs", "x1", longest.as_str()] {
            assert_eq!(JobName::parse(good).map(|n| n.as_str().to_owned()), Ok(good.to_owned()));
        }
        let too_long = "a".repeat(64);
        for bad in ["", "../x", "Edge", "1a", "-a", "a_b", "a.b", "a/b", "ä", "a ", "a\0", too_long.as_str()]
        {
            assert!(JobName::parse(bad).is_err(), "{bad:?} was taken");
        }
    }
}
