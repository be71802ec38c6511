//! Why one try of a request did not do, and whether another one may.

use crate::repository::RepositoryError;
use http::{HeaderMap, StatusCode, header};
use mainworker_domain::digest::Digest;
use std::error::Error;
use std::io;

/// Why a try did not do.
#[derive(Debug)]
pub(super) struct Trouble {
    /// What is said if it was the last one.
    pub(super) error: Box<RepositoryError>,
    /// Whether it was.
    pub(super) again: Again,
}

impl From<Trouble> for RepositoryError {
    fn from(trouble: Trouble) -> Self {
        *trouble.error
    }
}

/// Whether a further try may end otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// It would end in the same way.
    Never,
    /// It may.
    Soon,
    /// It may, and was asked not to come earlier than in so many milliseconds.
    AfterMs(u64),
}

/// What is being done, for errors about it.
#[derive(Clone, Debug)]
pub(super) struct Doing(pub(super) String);

impl Doing {
    fn never(error: RepositoryError) -> Trouble {
        Trouble { error: Box::new(error), again: Again::Never }
    }

    /// The registry or the way to it; a further try may do.
    pub(super) fn passing(&self, problem: impl Into<String>) -> Trouble {
        Trouble { again: Again::Soon, ..self.unavailable(problem) }
    }

    /// The registry or the way to it, in a way that does not pass.
    pub(super) fn unavailable(&self, problem: impl Into<String>) -> Trouble {
        Self::never(RepositoryError::Unavailable { doing: self.0.clone(), problem: problem.into() })
    }

    pub(super) fn denied(&self, problem: impl Into<String>) -> Trouble {
        Self::never(RepositoryError::Denied { doing: self.0.clone(), problem: problem.into() })
    }

    pub(super) fn missing(&self, what: impl Into<String>) -> Trouble {
        Self::never(RepositoryError::Missing { doing: self.0.clone(), what: what.into() })
    }

    pub(super) fn malformed(&self, problem: impl Into<String>) -> Trouble {
        Self::never(RepositoryError::Malformed { doing: self.0.clone(), problem: problem.into() })
    }

    pub(super) fn other_content(&self, found: impl Into<String>, expected: impl Into<String>) -> Trouble {
        let (found, expected) = (found.into(), expected.into());
        Self::never(RepositoryError::OtherContent { doing: self.0.clone(), found, expected })
    }

    pub(super) fn too_large(&self, what: &'static str, observed: String, allowed_bytes: u64) -> Trouble {
        Self::never(RepositoryError::TooLarge { doing: self.0.clone(), what, observed, allowed_bytes })
    }

    pub(super) fn tag_moved(&self, tag: &str, found: Digest, expected: Digest) -> Trouble {
        let (doing, tag) = (self.0.clone(), tag.to_owned());
        Self::never(RepositoryError::TagMoved { doing, tag, found, expected })
    }

    /// An answer that is not the one hoped for. `said` is what the registry gave as its reason, `what` is missing if that is
    /// what it says.
    pub(super) fn refused(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        said: Option<String>,
        what: &str,
    ) -> Trouble {
        let reason = said.map(|said| format!(" ({said})")).unwrap_or_default();
        let asked_ms = retry_after_ms(headers);
        let later = asked_ms.map(|ms| format!(", and asks to wait for {} s", ms / 1_000)).unwrap_or_default();
        let answer = format!("it answered {status}{reason}{later}");
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => self.denied(answer),
            // What a registry says that only reads.
            StatusCode::METHOD_NOT_ALLOWED => {
                self.denied(format!("{answer}: it may be open for reading alone"))
            }
            StatusCode::NOT_FOUND => self.missing(what),
            _ if passes(status) => {
                let again = asked_ms.map_or(Again::Soon, Again::AfterMs);
                Trouble { again, ..self.unavailable(answer) }
            }
            _ => self.unavailable(answer),
        }
    }
}

/// Whether a registry that answers so may answer otherwise a little later.
fn passes(status: StatusCode) -> bool {
    matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS) || status.is_server_error()
}

/// Milliseconds of `Retry-After`. A date counts from the date of the answer, so that nobody's clock is compared with
/// another's; without one it is as good as none.
fn retry_after_ms(headers: &HeaderMap) -> Option<u64> {
    let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    let asked = text(header::RETRY_AFTER)?.trim();
    if let Ok(seconds) = asked.parse::<u64>() {
        return Some(seconds.saturating_mul(1_000));
    }
    let until = httpdate::parse_http_date(asked).ok()?;
    let from = httpdate::parse_http_date(text(header::DATE)?).ok()?;
    u64::try_from(until.duration_since(from).ok()?.as_millis()).ok()
}

/// An error as its causes tell it: the outermost layer only says that there is one.
pub(super) fn told(error: &(dyn Error + 'static)) -> String {
    let mut causes: Vec<String> = Vec::new();
    let mut next = Some(error.source().unwrap_or(error));
    while let Some(cause) = next {
        let text = cause.to_string();
        // Layers that repeat what they wrap say it once.
        causes.retain(|said| !text.contains(said.as_str()));
        if !causes.iter().any(|said| said.contains(&text)) {
            causes.push(text);
        }
        next = cause.source();
    }
    let first = causes.len().saturating_sub(2);
    causes[first..].join(": ")
}

/// Whether TLS could not be agreed on, which a further try does not change.
pub(super) fn is_of_tls(error: &(dyn Error + 'static)) -> bool {
    // An error of input and output does not name what it wraps as its source.
    let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error.is::<rustls::Error>()
        || inside.is_some_and(|inside| is_of_tls(inside))
        || error.source().is_some_and(is_of_tls)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(status: u16, headers: &[(&'static str, &'static str)]) -> Again {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let status = StatusCode::from_u16(status).unwrap();
        Doing(String::new()).refused(status, &headers.collect(), None, "it").again
    }

    #[test]
    fn only_what_passes_is_tried_again() {
        for status in [400, 401, 403, 404, 405, 409, 413, 416] {
            assert_eq!(again(status, &[]), Again::Never, "{status}");
        }
        for status in [408, 429, 500, 502, 503, 504] {
            assert_eq!(again(status, &[]), Again::Soon, "{status}");
        }
    }

    #[test]
    fn a_registry_says_when_to_come_again() {
        let date = ("date", "Sun, 22 Nov 2026 15:00:00 GMT");
        for (headers, expected) in [
            (vec![("retry-after", "2")], Again::AfterMs(2_000)),
            (vec![("retry-after", "18446744073709551615")], Again::AfterMs(u64::MAX)),
            (vec![("retry-after", "Sun, 22 Nov 2026 15:00:07 GMT"), date], Again::AfterMs(7_000)),
            (vec![("retry-after", "Sun, 22 Nov 2026 14:00:00 GMT"), date], Again::Soon),
            (vec![("retry-after", "Sun, 22 Nov 2026 15:00:07 GMT")], Again::Soon),
            (vec![("retry-after", "-1")], Again::Soon),
            (vec![("retry-after", "soon")], Again::Soon),
        ] {
            assert_eq!(again(429, &headers), expected, "{headers:?}");
        }
    }
}
