//! What can go wrong between a request and its answer.

use std::fmt;

use super::Problem;

/// Why a request brought no answer, or not the one expected.
///
/// Its text names the request by method and URL, without the query: `GET https://accounts.example/streams: …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    request: RequestLine,
    kind: ErrorKind,
    what: String,
}

/// What kind of thing went wrong: what a job decides on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The host does not allow the request. The attempt's log says which rule, and what would allow it.
    Denied,
    /// There is no way to the server: its name is unknown, or it takes no connection.
    Unreachable,
    /// The server took too long.
    Timeout,
    /// No secure connection could be made, for example because the certificate is not trusted.
    Tls,
    /// The server, or something on the way, broke off or did not speak HTTP. It may have done what it was asked.
    Protocol,
    /// The request or the answer is larger than the host allows.
    TooLarge,
    /// The server answered with this status, which is no success. Only from
    /// [`Response::error_for_status`](super::Response::error_for_status).
    Status(u16),
    /// The answer is not the text or the JSON expected.
    Unreadable,
    /// The request could not be built, for example because its URL is none. Nothing was sent.
    Invalid,
}

/// A request as errors name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequestLine {
    pub(super) method: String,
    /// Without query and user information: both may carry what is not to be shown.
    pub(super) url: String,
}

impl Error {
    pub(super) fn new(request: RequestLine, problem: Problem) -> Self {
        Self { request, kind: problem.kind, what: problem.what }
    }

    /// What kind of thing went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RequestLine { method, url } = &self.request;
        write!(formatter, "{method} {url}: {}", self.what)
    }
}

impl std::error::Error for Error {}
