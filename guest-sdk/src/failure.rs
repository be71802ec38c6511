//! How an attempt ends when it does not complete.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// How an attempt ends when it does not complete. The messages are for people; secrets in them are masked by the host.
///
/// Any error becomes [`Failure::Failed`] through `?`, with the errors behind it in the message. For that to be possible
/// `Failure` is not an error itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The payload can never work. The task is not tried again.
    Rejected {
        /// What is wrong with the payload.
        message: String,
    },
    /// This attempt did not work. The retry policy of the manifest decides what follows.
    Failed {
        /// What went wrong.
        message: String,
    },
    /// Try again, but not before `after` has passed.
    RetryAfter {
        /// How long to wait at least. The host counts whole milliseconds; a part of one is rounded up.
        after: Duration,
        /// What the job is waiting for.
        message: String,
    },
}

impl Failure {
    /// The payload can never work: the task is not tried again.
    pub fn rejected(message: impl fmt::Display) -> Self {
        Self::Rejected { message: message.to_string() }
    }

    /// This attempt did not work: the retry policy of the manifest decides what follows.
    pub fn failed(message: impl fmt::Display) -> Self {
        Self::Failed { message: message.to_string() }
    }

    /// Try again, but not before `after` has passed.
    ///
    /// ```
    /// # use mainworker::Failure;
    /// # use std::time::Duration;
    /// let busy = Failure::retry_after(Duration::from_secs(30), "the archive is being rotated");
    /// ```
    pub fn retry_after(after: Duration, message: impl fmt::Display) -> Self {
        Self::RetryAfter { after, message: message.to_string() }
    }

    /// What went wrong, whatever the kind.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::Rejected { message } | Self::Failed { message } | Self::RetryAfter { message, .. } => {
                message
            }
        }
    }

    /// The same failure, with what was being done in front of its message.
    pub(crate) fn preceded_by(mut self, doing: impl fmt::Display) -> Self {
        let (Self::Rejected { message } | Self::Failed { message } | Self::RetryAfter { message, .. }) =
            &mut self;
        *message = format!("{doing}: {message}");
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.message())
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_message = cause.to_string();
            // Many errors already end with the text of their source: said once is enough.
            if !message.ends_with(&cause_message) {
                message.push_str(": ");
                message.push_str(&cause_message);
            }
            source = cause.source();
        }
        Self::Failed { message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Layer {
        text: &'static str,
        below: Option<Box<Layer>>,
    }

    impl fmt::Display for Layer {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str(self.text)
        }
    }

    impl Error for Layer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.below.as_deref().map(|layer| layer as _)
        }
    }

    fn layers(texts: &[&'static str]) -> Layer {
        let below = (texts.len() > 1).then(|| Box::new(layers(&texts[1..])));
        Layer { text: texts[0], below }
    }

    #[test]
    fn an_error_brings_the_chain_of_its_sources() {
        assert_eq!(Failure::from(layers(&["a", "b", "c"])), Failure::failed("a: b: c"));
    }

    #[test]
    fn a_source_that_the_error_already_quotes_is_said_once() {
        assert_eq!(Failure::from(layers(&["a: b", "b", "c"])), Failure::failed("a: b: c"));
    }

    #[test]
    fn question_mark_fails_the_attempt() {
        fn parse() -> Result<u32, Failure> {
            Ok("many".parse::<u32>()?)
        }
        assert_eq!(parse(), Err(Failure::failed("invalid digit found in string")));
    }
}
