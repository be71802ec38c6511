//! Paths and queries of requests. What comes from a caller is encoded, so that it stays where it is put.

use crate::error::ClientError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Write;

/// All but what RFC 3986 §2.3 leaves as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A path with its query, below the base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target(String);

impl Target {
    /// A path of this API.
    pub(crate) fn new(path: &'static str) -> Self {
        Self(path.to_owned())
    }

    /// `/v1/tasks/{id}` and what follows.
    pub(crate) fn of_task(id: &str, rest: &'static str) -> Result<Self, ClientError> {
        Self::with_name("/v1/tasks/", "the task id", id, rest)
    }

    /// `/v1/jobs/{name}` and what follows.
    pub(crate) fn of_job(name: &str, rest: &'static str) -> Result<Self, ClientError> {
        Self::with_name("/v1/jobs/", "the job", name, rest)
    }

    /// `/v1/tokens/{id}` and what follows.
    pub(crate) fn of_token(id: &str, rest: &'static str) -> Result<Self, ClientError> {
        Self::with_name("/v1/tokens/", "the token's id", id, rest)
    }

    /// `/v1/deployments/{id}`.
    pub(crate) fn of_deployment(id: &str) -> Result<Self, ClientError> {
        Self::with_name("/v1/deployments/", "the deployment's id", id, "")
    }

    /// `/v1/schedules/{name}` and what follows.
    pub(crate) fn of_schedule(name: &str, rest: &'static str) -> Result<Self, ClientError> {
        Self::with_name("/v1/schedules/", "the schedule", name, rest)
    }

    fn with_name(
        path: &'static str,
        what: &'static str,
        name: &str,
        rest: &'static str,
    ) -> Result<Self, ClientError> {
        // A path is cut short by these on its way, encoded or not.
        if matches!(name, "" | "." | "..") {
            return Err(ClientError::InvalidName { what, found: name.to_owned() });
        }
        Ok(Self(format!("{path}{}{rest}", utf8_percent_encode(name, ENCODED))))
    }

    /// Adds a parameter, if it is there.
    #[must_use]
    pub(crate) fn with(mut self, parameter: &'static str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            let sign = if self.0.contains('?') { '&' } else { '?' };
            // Writing to a string does not fail.
            let _ = write!(self.0, "{sign}{parameter}={}", utf8_percent_encode(value, ENCODED));
        }
        self
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_caller_says_stays_in_its_place() {
        let task = Target::of_task("../stats?x=1#y", "/log").unwrap();
        assert_eq!(task.as_str(), "/v1/tasks/..%2Fstats%3Fx%3D1%23y/log");
        let list =
            Target::new("/v1/tasks").with("label", Some("a&b=ü")).with("tag", None).with("x", Some(""));
        assert_eq!(list.as_str(), "/v1/tasks?label=a%26b%3D%C3%BC&x=");
    }

    #[test]
    fn a_name_that_shortens_a_path_is_none() {
        for name in ["", ".", ".."] {
            let error = Target::of_job(name, "/pause").unwrap_err();
            assert_eq!(error, ClientError::InvalidName { what: "the job", found: name.to_owned() });
        }
    }
}
