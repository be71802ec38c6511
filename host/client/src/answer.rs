//! What an answer says: the thing that was asked for, the host's problem with it, or that somebody else answered.

use crate::error::ClientError;
use crate::transport::{Answer, Trouble, TroubleKind, content_type};
use crate::wire::Problem;
use http::{StatusCode, header};
use serde::de::DeserializeOwned;

/// Bytes of a foreign answer that are shown.
const SHOWN_BYTES: usize = 80;

/// Who was asked for what, for messages.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Such as `reading the stats`.
    pub(crate) doing: String,
    /// The host.
    pub(crate) origin: String,
    /// Whether doing it changes something there.
    pub(crate) changes: bool,
}

impl Asked {
    /// The JSON of a good answer.
    pub(crate) fn json<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, ClientError> {
        self.check(answer)?;
        serde_json::from_slice(&answer.body).map_err(|error| {
            let kind = content_type(&answer.headers);
            self.not_a_host(format!("{} with {}: {error}", answer.status, shown_kind(&kind)))
        })
    }

    /// The text of a good answer.
    pub(crate) fn text(&self, answer: &Answer) -> Result<String, ClientError> {
        self.check(answer)?;
        String::from_utf8(answer.body.to_vec())
            .map_err(|_| self.not_a_host(format!("{} with no UTF-8 text", answer.status)))
    }

    /// Refuses every answer but a good one.
    pub(crate) fn check(&self, answer: &Answer) -> Result<(), ClientError> {
        if answer.status.is_success() { Ok(()) } else { Err(self.refused(answer)) }
    }

    /// An answer that is not a good one.
    pub(crate) fn refused(&self, answer: &Answer) -> ClientError {
        let status = answer.status;
        // Some proxies change the media type, none of them makes up a code.
        let stated = serde_json::from_slice::<Problem>(&answer.body).ok();
        if let Some(stated) = stated.filter(|problem| !problem.code.is_empty()) {
            let problem = Problem { status: status.as_u16(), ..stated };
            return match problem.code.as_str() {
                "unauthenticated" | "too_many_failures" => self.unauthenticated(problem.detail, problem.hint),
                "role_missing" => ClientError::RoleMissing {
                    doing: self.doing.clone(),
                    origin: self.origin.clone(),
                    detail: problem.detail,
                    hint: problem.hint,
                },
                _ => ClientError::Problem(Box::new(problem)),
            };
        }
        match status {
            StatusCode::UNAUTHORIZED => {
                self.unauthenticated(format!("found {status}, expected to be let in"), None)
            }
            // Somebody between here and the host.
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => ClientError::Unreachable {
                doing: self.doing.clone(),
                origin: self.origin.clone(),
                problem: format!("a gateway answers {status}"),
                may_be_done: self.changes && status != StatusCode::TOO_MANY_REQUESTS,
            },
            _ if status.is_redirection() => {
                let location = answer.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
                self.not_a_host(match location {
                    Some(location) => format!("{status} to `{}`", shortened(location)),
                    None => status.to_string(),
                })
            }
            _ => {
                let kind = content_type(&answer.headers);
                self.not_a_host(format!("{status} with {}", shown_kind(&kind)))
            }
        }
    }

    /// A request without an answer. `earlier` is whether one of its former tries may have been done.
    pub(crate) fn failed(
        &self,
        trouble: Trouble,
        answer_ms: u64,
        bytes_max: usize,
        earlier: bool,
    ) -> ClientError {
        let Self { doing, origin, changes } = self.clone();
        let may_be_done = changes && (earlier || trouble.kind != TroubleKind::NotSent);
        match trouble.kind {
            TroubleKind::NotSent | TroubleKind::BrokenOff => {
                ClientError::Unreachable { doing, origin, problem: trouble.problem, may_be_done }
            }
            TroubleKind::TimedOut => {
                ClientError::Timeout { doing, origin, waited_ms: answer_ms, may_be_done }
            }
            TroubleKind::TooLarge => ClientError::TooLarge { doing, origin, bytes_max },
        }
    }

    pub(crate) fn not_a_host(&self, found: String) -> ClientError {
        ClientError::NotAHost { doing: self.doing.clone(), origin: self.origin.clone(), found }
    }

    fn unauthenticated(&self, detail: String, hint: Option<String>) -> ClientError {
        ClientError::Unauthenticated { doing: self.doing.clone(), origin: self.origin.clone(), detail, hint }
    }
}

fn shown_kind(kind: &str) -> String {
    if kind.is_empty() { "no media type".to_owned() } else { format!("`{}`", shortened(kind)) }
}

fn shortened(text: &str) -> String {
    text.chars().take(SHOWN_BYTES).collect()
}
