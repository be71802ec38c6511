//! A request in the making.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;

use super::encoding::pair;
use super::error::{Error, ErrorKind, RequestLine};
use super::url::{self, Url};
use super::{Outgoing, Problem, Response};
use crate::imports;

/// Headers that say how a message travels. The host writes them.
const HOST_HEADERS: [&str; 12] = [
    "connection",
    "content-length",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A request that [`send`](Self::send) sends. Made by [`get`](super::get) and its siblings.
///
/// What is wrong with it is said by `send`, so that the calls can be chained.
#[derive(Clone)]
#[must_use = "nothing happens before `send`"]
pub struct Request {
    method: String,
    url: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    timeout: Option<Duration>,
    /// The first thing found wrong.
    invalid: Option<String>,
}

impl Request {
    pub(super) fn new(method: &str, url: String) -> Self {
        let invalid = (method.is_empty()
            || !method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-'))
        .then(|| String::from("the method is not written in upper-case letters, as in `GET`"));
        Self {
            method: method.escape_debug().to_string(),
            url,
            query: String::new(),
            headers: Vec::new(),
            body: None,
            timeout: None,
            invalid,
        }
    }

    /// Sends `value` as the header `name`, in place of an earlier value of that name.
    ///
    /// Values are printable ASCII. The host writes `Host`, `Content-Length` and whatever else says how a message travels;
    /// they are refused here.
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        let (name, value) = (name.as_ref().to_ascii_lowercase(), value.as_ref());
        // A value may be a secret: it is in none of the messages.
        if name.is_empty() || !name.bytes().all(is_token_byte) {
            return self.refuse(format!("`{}` cannot be the name of a header", name.escape_debug()));
        }
        if HOST_HEADERS.contains(&name.as_str()) {
            return self.refuse(format!("the header `{name}` is written by the host"));
        }
        if let Some(index) = value.bytes().position(|byte| !matches!(byte, b'\t' | b' '..=b'~')) {
            return self.refuse(format!(
                "the value of the header `{name}` has a line end, another control character or a character outside ASCII \
                 at byte {index}"
            ));
        }
        self.headers.retain(|(earlier, _)| *earlier != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Sends `token` in the header `Authorization`, by the Bearer scheme.
    pub fn bearer(self, token: impl AsRef<str>) -> Self {
        self.header("authorization", format!("Bearer {}", token.as_ref()))
    }

    /// Sends `user` and `password` in the header `Authorization`, by the Basic scheme. Either can be the placeholder of a
    /// secret with `only-to`.
    pub fn basic(self, user: impl AsRef<str>, password: impl AsRef<str>) -> Self {
        let (user, password) = (user.as_ref(), password.as_ref());
        if user.contains(':') {
            return self.refuse("the user name for the Basic scheme has a `:`".into());
        }
        let credentials = BASE64_STANDARD.encode(format!("{user}:{password}"));
        self.header("authorization", format!("Basic {credentials}"))
    }

    /// Adds `name=value` to the query, percent-encoded.
    pub fn query(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        if !self.query.is_empty() {
            self.query.push('&');
        }
        self.query.push_str(&pair(name.as_ref(), value.as_ref()));
        self
    }

    /// Sends `body` as JSON, with the content type `application/json`. For another one, call [`header`](Self::header) after
    /// this.
    pub fn json<T: Serialize + ?Sized>(self, body: &T) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => self.body("application/json", bytes),
            Err(error) => self.refuse(format!("the body cannot be written as JSON: {error}")),
        }
    }

    /// Sends `fields` as a form, with the content type `application/x-www-form-urlencoded`.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let pairs: Vec<_> = fields.iter().map(|(name, value)| pair(name, value)).collect();
        self.body("application/x-www-form-urlencoded", pairs.join("&"))
    }

    /// Sends `bytes`, which are of the type `content_type`.
    pub fn body(mut self, content_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Some(bytes.into());
        self.header("content-type", content_type)
    }

    /// Waits at most so long for the connection, then for the first byte of the answer, then from byte to byte. Each is
    /// counted by itself; the attempt's wall limit bounds them together. Without it the host's own limits hold.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        if timeout.is_zero() {
            return self.refuse("the timeout is zero, expected more".into());
        }
        self.timeout = Some(timeout);
        self
    }

    /// Sends the request and waits for the whole answer. Any status is an answer; see
    /// [`error_for_status`](Response::error_for_status).
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if the request could not be built; any other [`ErrorKind`] but `Status` and `Unreadable` if
    /// there is no answer.
    pub fn send(self) -> Result<Response, Error> {
        let outgoing = self.into_outgoing()?;
        let line = RequestLine { method: outgoing.method.clone(), url: outgoing.url.without_query() };
        match imports::exchange(outgoing) {
            Ok(answer) => Ok(Response::new(line, answer)),
            Err(problem) => Err(Error::new(line, problem)),
        }
    }

    fn into_outgoing(self) -> Result<Outgoing, Error> {
        let Self { method, url: text, query, headers, body, timeout, invalid } = self;
        let with_query = match (query.is_empty(), text.contains('?')) {
            (true, _) => text.clone(),
            (false, true) => format!("{text}&{query}"),
            (false, false) => format!("{text}?{query}"),
        };
        let url = match (invalid, Url::parse(&with_query)) {
            (None, Ok(url)) => url,
            (Some(what), url) => {
                let url = url.map_or_else(|_| url::shown(&text), |url| url.without_query());
                return Err(Error::new(RequestLine { method, url }, Problem::new(ErrorKind::Invalid, what)));
            }
            (None, Err(what)) => {
                let line = RequestLine { method, url: url::shown(&text) };
                return Err(Error::new(line, Problem::new(ErrorKind::Invalid, what)));
            }
        };
        Ok(Outgoing { method, url, headers, body, timeout })
    }

    fn refuse(mut self, what: String) -> Self {
        self.invalid.get_or_insert(what);
        self
    }
}

/// Without query, header values and body: they may carry what is not to be shown.
impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header_names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        formatter
            .debug_struct("Request")
            .field("method", &self.method)
            .field("url", &url::shown(&self.url))
            .field("header_names", &header_names)
            .finish_non_exhaustive()
    }
}

/// RFC 9110, section 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
