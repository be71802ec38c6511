//! The stable code of a rejection, and the HTTP status that belongs to it.

use std::fmt;

/// Why an envelope is not taken, in one word that never changes. One for each thing that a program may want to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectionCode {
    /// More bytes than allowed, or more tasks.
    TooLarge,
    /// Not JSON, or JSON that two readers could understand differently.
    MalformedJson,
    /// One of the four fields is not there.
    MissingField,
    /// A field or an option that there is not.
    UnknownField,
    /// A field or an option of another type.
    WrongType,
    /// No such job.
    UnknownJob,
    /// This source may not schedule this job, or its credential is for others.
    SourceNotAllowed,
    /// The payload does not fit the job's schema.
    PayloadInvalid,
    /// A configuration key that the job requires is not given.
    MissingConfiguration,
    /// An option beside the envelope that cannot be meant.
    OptionsInvalid,
    /// The source in the envelope is not the one that the credential stands for.
    SourceMismatch,
    /// The idempotency key belongs to a task with other content.
    IdempotencyConflict,
    /// The unique key is held.
    UniqueConflict,
    /// More tasks in a time than the job or the source may ask for.
    RateLimited,
    /// More tasks than the host keeps open.
    QueueFull,
}

impl RejectionCode {
    /// Every code.
    pub const ALL: [Self; 15] = [
        Self::TooLarge,
        Self::MalformedJson,
        Self::MissingField,
        Self::UnknownField,
        Self::WrongType,
        Self::UnknownJob,
        Self::SourceNotAllowed,
        Self::PayloadInvalid,
        Self::MissingConfiguration,
        Self::OptionsInvalid,
        Self::SourceMismatch,
        Self::IdempotencyConflict,
        Self::UniqueConflict,
        Self::RateLimited,
        Self::QueueFull,
    ];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::MalformedJson => "malformed_json",
            Self::MissingField => "missing_field",
            Self::UnknownField => "unknown_field",
            Self::WrongType => "wrong_type",
            Self::UnknownJob => "unknown_job",
            Self::SourceNotAllowed => "source_not_allowed",
            Self::PayloadInvalid => "payload_invalid",
            Self::MissingConfiguration => "missing_configuration",
            Self::OptionsInvalid => "options_invalid",
            Self::SourceMismatch => "source_mismatch",
            Self::IdempotencyConflict => "idempotency_conflict",
            Self::UniqueConflict => "unique_conflict",
            Self::RateLimited => "rate_limited",
            Self::QueueFull => "queue_full",
        }
    }

    /// The code that [`RejectionCode::as_str`] writes so.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == word)
    }

    /// The HTTP status that belongs to it.
    pub fn http_status(self) -> u16 {
        match self {
            Self::MalformedJson | Self::MissingField | Self::UnknownField | Self::WrongType => 400,
            Self::SourceMismatch | Self::SourceNotAllowed => 403,
            Self::UnknownJob => 404,
            Self::IdempotencyConflict | Self::UniqueConflict => 409,
            Self::TooLarge => 413,
            Self::PayloadInvalid | Self::MissingConfiguration | Self::OptionsInvalid => 422,
            Self::RateLimited | Self::QueueFull => 429,
        }
    }
}

impl fmt::Display for RejectionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::RejectionCode;
    use std::collections::BTreeSet;

    #[test]
    fn each_code_is_read_as_it_is_written() {
        let words: BTreeSet<&str> = RejectionCode::ALL.into_iter().map(RejectionCode::as_str).collect();
        assert_eq!(words.len(), RejectionCode::ALL.len());
        for code in RejectionCode::ALL {
            assert_eq!(RejectionCode::parse(code.as_str()), Some(code));
        }
        assert_eq!(RejectionCode::parse("host_error"), None);
    }
}
