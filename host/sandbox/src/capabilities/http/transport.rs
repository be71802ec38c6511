//! What sends a request that passed every rule: the network, or answers that were recorded.

use super::{HttpError, WasiBody};
use bytes::Bytes;
use http::{Request, Response};
use mainworker_domain::denial::Denial;
use mainworker_domain::limits::{HTTP_CONNECT_MS, HTTP_RESPONSE_MS, HTTP_TIMEOUT_MS_MAX};
use mainworker_domain::origin::Origin;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use wasmtime_wasi_http::RequestOptions;

/// Sends requests.
pub trait Transport: Send + Sync + fmt::Debug {
    /// Sends one and waits for the head of its response. Runs on the network thread; dropping the future or the response's
    /// body ends the exchange.
    fn send(&self, outgoing: Outgoing) -> TransportFuture;
}

/// A response whose body is still coming, or why there is none.
pub type TransportFuture = Pin<Box<dyn Future<Output = Result<Response<WasiBody>, SendError>> + Send>>;

/// A request on its way out, with the secrets in it. Not to be shown.
pub struct Outgoing {
    /// Where to.
    pub origin: Origin,
    /// The request, whole, with an absolute URI.
    pub request: Request<Bytes>,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// Bytes that the head of the response may have.
    pub header_bytes_max: usize,
    /// The attempt's room for a request. Held by all that goes on for it, also when nobody waits any more.
    pub in_flight: Option<Arc<OwnedSemaphorePermit>>,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// How long to wait for what, never zero.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For the head of the response.
    pub first_byte: Duration,
    /// Between two pieces of its body.
    pub between_bytes: Duration,
}

impl Timeouts {
    pub(super) fn of(options: RequestOptions) -> Self {
        let clamp = |asked: Option<Duration>, default_ms: u64| {
            let (least, most) = (Duration::from_millis(1), Duration::from_millis(HTTP_TIMEOUT_MS_MAX));
            asked.unwrap_or(Duration::from_millis(default_ms)).clamp(least, most)
        };
        Self {
            connect: clamp(options.connect_timeout, HTTP_CONNECT_MS),
            first_byte: clamp(options.first_byte_timeout, HTTP_RESPONSE_MS),
            between_bytes: clamp(options.between_bytes_timeout, HTTP_RESPONSE_MS),
        }
    }
}

/// Why a request has no response.
#[derive(Debug)]
pub enum SendError {
    /// A rule about addresses.
    Denied(Box<Denial>),
    /// Something went wrong.
    Failed(Failed),
}

/// What went wrong: for the guest, and for the log.
#[derive(Debug)]
pub struct Failed {
    /// What the guest gets.
    pub error: HttpError,
    /// What the log says.
    pub detail: String,
}

impl SendError {
    /// Something went wrong.
    pub fn failed(error: HttpError, detail: impl Into<String>) -> Self {
        Self::Failed(Failed { error, detail: detail.into() })
    }
}
