//! HTTP requests to the servers that the host granted.
//!
//! ```
//! use std::collections::BTreeMap;
//! use mainworker::{Failure, config, http, testing};
//!
//! #[derive(serde::Deserialize)]
//! struct Accounts { streams: BTreeMap<String, String> }
//!
//! fn accounts() -> Result<Accounts, Failure> {
//!     let url = config::require("accounts.url")?;
//!     let answer = http::get(http::join(&url, &["streams"]))
//!         .bearer(config::require("accounts.token")?)
//!         .send()?
//!         .error_for_status()?;
//!     Ok(answer.json()?)
//! }
//!
//! let host = testing::Host::new()
//!     .config("accounts.url", "https://accounts.example")
//!     .config("accounts.token", "sample-token")
//!     .http(
//!         testing::answer("GET", "https://accounts.example/streams")
//!             .json(200, &serde_json::json!({ "streams": { "morning": "acme-tv" } })),
//!     );
//! assert_eq!(host.run(accounts)?.streams["morning"], "acme-tv");
//! assert_eq!(host.requests()[0].header("authorization"), Some("Bearer sample-token"));
//! # Ok::<(), Failure>(())
//! ```
//!
//! A call blocks until the whole answer is there; the host runs other attempts meanwhile. It reaches only what `job.toml`
//! asks for under `[grants] http` and the host's settings allow; anything else is [`ErrorKind::Denied`], and the attempt's
//! log says which rule denied it. Redirects are not followed: they are answers like any other. An attempt that goes over the
//! host's limits for HTTP (number of calls, sizes) is ended by the host.
//!
//! # Secrets
//!
//! A configuration key with `only-to` in `job.toml` comes as a placeholder. Use it as if it were the value: the host puts
//! the value in on the way out, in requests to those origins and in the places that `in` names (header values, the query,
//! the body), escaped as the place needs it. It must stand there as it came. The `Basic` scheme is the one encoding that the
//! host looks into, so [`Request::basic`] works; what the job itself hashes, signs, compresses or encodes is made of the
//! placeholder. A server that sends the value back in an answer shows it to the job; the host masks it only in what people see.

mod encoding;
mod error;
#[cfg(any(target_arch = "wasm32", test))]
mod error_code;
mod request;
mod response;
#[cfg(target_arch = "wasm32")]
pub(crate) mod sandboxed;
pub(crate) mod url;

use std::time::Duration;

pub use encoding::join;
pub use error::{Error, ErrorKind};
pub use request::Request;
pub use response::Response;

/// A GET request to `url`.
///
/// The URL is `http://` or `https://`, a host name or address, perhaps a port, and perhaps a path and a query, all of it in
/// ASCII and already percent-encoded; [`join`] and [`Request::query`] encode. User information and fragments are refused by
/// [`Request::send`].
pub fn get(url: impl Into<String>) -> Request {
    request("GET", url)
}

/// A HEAD request to `url`; see [`get`] for what a URL may be.
pub fn head(url: impl Into<String>) -> Request {
    request("HEAD", url)
}

/// A POST request to `url`; see [`get`] for what a URL may be.
pub fn post(url: impl Into<String>) -> Request {
    request("POST", url)
}

/// A PUT request to `url`; see [`get`] for what a URL may be.
pub fn put(url: impl Into<String>) -> Request {
    request("PUT", url)
}

/// A PATCH request to `url`; see [`get`] for what a URL may be.
pub fn patch(url: impl Into<String>) -> Request {
    request("PATCH", url)
}

/// A DELETE request to `url`; see [`get`] for what a URL may be.
pub fn delete(url: impl Into<String>) -> Request {
    request("DELETE", url)
}

/// A request of any method, upper-case as in `OPTIONS`, to `url`; see [`get`] for what a URL may be.
pub fn request(method: &str, url: impl Into<String>) -> Request {
    Request::new(method, url.into())
}

/// A request as it goes out: checked, without what the host adds.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub(crate) method: String,
    pub(crate) url: url::Url,
    /// Names in lower case, each once.
    pub(crate) headers: Vec<(String, String)>,
    /// None where no body was given; not the same as an empty one.
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) timeout: Option<Duration>,
}

/// An answer as it came in, whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct Incoming {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) kind: ErrorKind,
    /// For people, continuing "GET https://accounts.example/streams: ".
    pub(crate) what: String,
}

impl Problem {
    pub(crate) fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into() }
    }
}
