//! One try of a request with all that belongs to it: saying who the client is when the registry asks, and going where it
//! sends the client on, without telling anybody there.

use super::authorization::{Access, Authorization, origin_of};
use super::options::{Chance, RegistryError, RegistryOptions};
use super::transport::{Read, Reading, Transport};
use super::trouble::{Again, Doing, Trouble};
use crate::repository::RepositoryError;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use hyper::body::Incoming;
use mainworker_domain::lifecycle::{backoff_ms, wait_asked_ms};
use mainworker_domain::limits::OCI_MANIFEST_BYTES_MAX;
use mainworker_domain::manifest::Retry;
use mainworker_domain::origin::{Origin, Scheme};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::timeout;

/// Redirects of one request. A registry has one, to where its blobs are; a few more do no harm.
const REDIRECTS_MAX: u32 = 5;
/// Bytes that are read of the reason for a refusal.
const REASON_BYTES_MAX: u64 = 16 << 10;
/// Characters that are shown of what a registry says.
const SHOWN_CHARS_MAX: usize = 200;

/// Bytes of a body of which errors may quote something: manifests, lists, statements. A module is not quoted.
const QUOTED_BYTES_MAX: u64 = OCI_MANIFEST_BYTES_MAX;

const AGENT: HeaderValue = HeaderValue::from_static(concat!("mainworker/", env!("CARGO_PKG_VERSION")));

/// A request.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) access: Access,
    pub(super) accept: &'static str,
    /// The media type and the bytes.
    pub(super) body: Option<(HeaderValue, Bytes)>,
    /// Hears how many bytes of the body went out.
    pub(super) progress: &'a (dyn Fn(u64) + Sync),
}

/// One registry: its address, connections to it, and what it knows of the client.
pub(super) struct Exchange {
    pub(super) origin: Origin,
    transport: Transport,
    authorization: Authorization,
    transfer_ms: u64,
    retry: Retry,
    retry_after_ms_max: u64,
    chance: Chance,
}

/// Marks an answer that the registry led to.
#[derive(Clone, Copy, Debug)]
struct FromElsewhere;

#[derive(Deserialize)]
struct Reasons {
    errors: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Exchange {
    pub(super) fn new(options: &RegistryOptions) -> Result<Self, RegistryError> {
        let scheme = if options.plain_http { Scheme::Http } else { Scheme::Https };
        Ok(Self {
            origin: options.host.origin(scheme),
            transport: Transport::new(options, scheme)?,
            authorization: Authorization::new(options)?,
            transfer_ms: options.transfer_ms,
            retry: options.retry,
            retry_after_ms_max: options.retry_after_ms_max,
            chance: options.chance.clone(),
        })
    }

    /// Tries until it is done, cannot be done, or was tried often enough.
    pub(super) async fn persist<T, F>(
        &self,
        doing: &Doing,
        mut once: impl FnMut() -> F,
    ) -> Result<T, RepositoryError>
    where
        F: Future<Output = Result<T, Trouble>>,
    {
        let mut tries = 0;
        loop {
            let whole = timeout(Duration::from_millis(self.transfer_ms), once()).await;
            let trouble = match whole {
                Ok(Ok(done)) => return Ok(done),
                Ok(Err(trouble)) => trouble,
                Err(_) => doing.unavailable(format!("was not done within {} ms", self.transfer_ms)),
            };
            tries += 1;
            let wait_ms = match trouble.again {
                _ if tries >= self.retry.max_attempts => return Err(trouble.into()),
                Again::Never => return Err(trouble.into()),
                Again::AfterMs(asked_ms) if asked_ms > self.retry_after_ms_max => return Err(trouble.into()),
                Again::AfterMs(asked_ms) => {
                    wait_asked_ms(&self.retry, asked_ms, tries, (self.chance.jitter)())
                }
                Again::Soon => backoff_ms(&self.retry, tries, (self.chance.jitter)()),
            };
            (self.chance.wait)(wait_ms).await;
        }
    }

    /// A URL of the registry itself.
    pub(super) fn uri(&self, doing: &Doing, target: &str) -> Result<Uri, Trouble> {
        let whole = format!("{}{target}", self.origin);
        whole.parse().map_err(|error| doing.malformed(format!("`{target}` is no part of a URL: {error}")))
    }

    /// Where `location` leads from `origin`. What began over TLS does not go on without.
    pub(super) fn location(
        &self,
        doing: &Doing,
        origin: &Origin,
        headers: &HeaderMap,
    ) -> Result<Uri, Trouble> {
        let location = headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
        let location = location.ok_or_else(|| doing.malformed("it sends on, and does not say where"))?;
        let target = location.split('#').next().unwrap_or_default();
        // A path; two slashes would begin with a host.
        let whole = if target.starts_with('/') && !target.starts_with("//") {
            format!("{origin}{target}")
        } else {
            target.to_owned()
        };
        // Not repeated: it may have a signature that opens what it leads to.
        let odd = || doing.malformed("it sends on to what is no path and no URL of http or https");
        let uri: Uri = whole.parse().map_err(|_| odd())?;
        let next = origin_of(&uri).ok_or_else(odd)?;
        if self.origin.scheme == Scheme::Https && next.scheme == Scheme::Http {
            return Err(doing.denied(format!("it sends on to {next}, expected `https://`")));
        }
        Ok(uri)
    }

    /// The head of the answer to one request, wherever it comes from in the end.
    pub(super) async fn head(&self, doing: &Doing, ask: &Ask<'_>) -> Result<Response<Incoming>, Trouble> {
        let mut uri = ask.uri.clone();
        // Whoever was once led away from the registry says no more who it is, wherever it is led then.
        let mut is_at_home = true;
        let mut was_asked = false;
        let mut redirects = 0;
        loop {
            let origin =
                origin_of(&uri).ok_or_else(|| doing.malformed("its URL is none of http or https"))?;
            is_at_home &= origin == self.origin;
            let request = self.request(ask, &uri, is_at_home);
            let mut answer = self.transport.head(doing, request, ask.progress).await?;
            let status = answer.status();
            if status == StatusCode::UNAUTHORIZED && is_at_home && !was_asked {
                was_asked = true;
                self.authorization
                    .answer(doing, &self.transport, &self.origin, ask.access, answer.headers())
                    .await?;
            } else if is_redirect(status) && ask.method == Method::GET {
                redirects += 1;
                if redirects > REDIRECTS_MAX {
                    let problem = format!("it sends on more than {REDIRECTS_MAX} times");
                    return Err(doing.malformed(problem));
                }
                uri = self.location(doing, &origin, answer.headers())?;
            } else {
                if !is_at_home {
                    answer.extensions_mut().insert(FromElsewhere);
                }
                return Ok(answer);
            }
        }
    }

    /// The body of an answer.
    pub(super) async fn body(
        &self,
        doing: &Doing,
        body: Incoming,
        reading: &Reading<'_>,
    ) -> Result<Read, Trouble> {
        let read = self.transport.body(doing, body, reading).await?;
        match &read {
            Read::Whole(bytes)
                if bytes.len() as u64 <= QUOTED_BYTES_MAX && self.authorization.is_repeated_in(bytes) =>
            {
                Err(doing.malformed("it sent back in its content what it was told in confidence"))
            }
            _ => Ok(read),
        }
    }

    /// A text of the registry as it may be shown.
    pub(super) fn shown(&self, text: &str) -> String {
        shown(text.to_owned(), |text| self.authorization.masked(text))
    }

    /// The trouble of an answer that is not the one hoped for, with the reason that it gives.
    pub(super) async fn refused(&self, doing: &Doing, answer: Response<Incoming>, what: &str) -> Trouble {
        let (head, body) = answer.into_parts();
        // A registry could have anybody's answers told by leading there.
        if head.extensions.get::<FromElsewhere>().is_some() {
            return doing.refused(head.status, &head.headers, None, what);
        }
        let reading = Reading { bytes_max: REASON_BYTES_MAX, progress: &|_| {} };
        let said = match self.transport.body(doing, body, &reading).await {
            Ok(Read::Whole(bytes)) => reason(&bytes, |text| self.authorization.masked(text)),
            // The status says enough.
            Ok(Read::More) | Err(_) => None,
        };
        doing.refused(head.status, &head.headers, said, what)
    }

    fn request(&self, ask: &Ask<'_>, uri: &Uri, is_at_home: bool) -> Request<Bytes> {
        let bytes = ask.body.as_ref().map(|(_, bytes)| bytes.clone()).unwrap_or_default();
        let length = bytes.len();
        let mut request = Request::new(bytes);
        *request.method_mut() = ask.method.clone();
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        headers.insert(header::USER_AGENT, AGENT);
        headers.insert(header::ACCEPT, HeaderValue::from_static(ask.accept));
        if !matches!(ask.method, Method::GET | Method::HEAD) {
            // Also where it is 0: some registries want to be told.
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        if let Some((media_type, _)) = &ask.body {
            headers.insert(header::CONTENT_TYPE, media_type.clone());
        }
        if is_at_home && let Some(authorization) = self.authorization.header(ask.access) {
            headers.insert(header::AUTHORIZATION, authorization);
        }
        request
    }
}

pub(super) fn is_redirect(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    )
}

/// The first error of a registry's list.
fn reason(body: &[u8], masked: impl FnOnce(String) -> String) -> Option<String> {
    let reasons: Reasons = serde_json::from_slice(body).ok()?;
    let Reason { code, message } = reasons.errors.into_iter().next()?;
    let whole = [code, message].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
    (!whole.is_empty()).then(|| shown(whole, masked))
}

/// A text on one short line. `masked` comes first: a secret that is cut would not be known.
fn shown(text: String, masked: impl FnOnce(String) -> String) -> String {
    let line = masked(text);
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::reason;

    #[test]
    fn the_reason_of_a_refusal_is_one_short_line() {
        let said = |text: &str| reason(text.as_bytes(), |text| text);
        assert_eq!(
            said(
                r#"{"errors":[{"code":"UNSUPPORTED","message":"it\u001b[2J\nis","detail":{}},{"code":"B"}]}"#
            ),
            Some("UNSUPPORTED: it [2J is".to_owned())
        );
        let long = format!(r#"{{"errors":[{{"message":"{}"}}]}}"#, "x".repeat(10_000));
        assert_eq!(said(&long).map(|said| said.len()), Some(200));
        for odd in ["", "no", "{}", r#"{"errors":[]}"#, r#"{"errors":[{}]}"#, r#"{"errors":{"code":"A"}}"#] {
            assert_eq!(said(odd), None, "{odd}");
        }
    }
}
