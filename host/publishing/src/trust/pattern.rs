//! For which jobs a key is trusted: one name, all that begin so, or all.

use mainworker_domain::job_name::JobName;
use std::fmt;

/// A job's name, with `*` at its end for all that begin so, or `*` alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobPattern {
    /// This job.
    Exactly(JobName),
    /// All jobs whose names begin so.
    BeginningWith(JobName),
    /// All jobs.
    Any,
}

/// Said of a text that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no pattern for jobs: expected a job's name, one with `*` at its end, or `*`")]
pub struct NotAJobPattern {
    /// What was given, shortened.
    pub found: String,
}

impl JobPattern {
    /// Reads `NAME`, `BEGINNING*` or `*`.
    ///
    /// # Errors
    /// A text that is none of them.
    pub fn parse(text: &str) -> Result<Self, NotAJobPattern> {
        let wrong = |_| NotAJobPattern { found: text.chars().take(80).collect() };
        match text.strip_suffix('*') {
            Some("") => Ok(Self::Any),
            // The beginning of a name is itself one.
            Some(beginning) => JobName::parse(beginning).map(Self::BeginningWith).map_err(wrong),
            None => JobName::parse(text).map(Self::Exactly).map_err(wrong),
        }
    }

    /// Whether it is for this job.
    pub fn matches(&self, job: &JobName) -> bool {
        match self {
            Self::Exactly(name) => name == job,
            Self::BeginningWith(beginning) => job.as_str().starts_with(beginning.as_str()),
            Self::Any => true,
        }
    }

    /// Whether it is for this job alone.
    pub fn names(&self, job: &JobName) -> bool {
        matches!(self, Self::Exactly(name) if name == job)
    }
}

impl fmt::Display for JobPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(name) => name.fmt(f),
            Self::BeginningWith(beginning) => write!(f, "{beginning}*"),
            Self::Any => f.write_str("*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_for_the_names_that_it_says() {
        let job = |name: &str| JobName::parse(name).unwrap();
        for (pattern, fits, does_not) in [
            ("echo", ["echo"].as_slice(), ["echo2", "ech", "my-echo"].as_slice()),
            ("edge-*", &["edge-logs", "edge-"], &["edge", "edges", "an-edge-log"]),
            ("*", &["echo", "a"], &[]),
        ] {
            let parsed = JobPattern::parse(pattern).unwrap();
            assert_eq!(parsed.to_string(), pattern);
            assert!(fits.iter().all(|name| parsed.matches(&job(name))), "{pattern}");
            assert!(!does_not.iter().any(|name| parsed.matches(&job(name))), "{pattern}");
        }
        assert!(JobPattern::parse("echo").unwrap().names(&job("echo")));
        assert!(!JobPattern::parse("echo*").unwrap().names(&job("echo")));
    }

    #[test]
    fn a_star_elsewhere_is_no_pattern() {
        for bad in ["", "**", "*-logs", "edge-*-logs", "Edge*", "edge logs", "-*"] {
            assert!(JobPattern::parse(bad).is_err(), "{bad}");
        }
    }
}
