//! Connections to a registry and to whom it sends us on, and one request over one of them: how long it may take, and how
//! much of its answer is read.
//!
//! Not `oci-client`: whatever it asks for, it reads manifests, lists, tokens and the texts of errors to their end, however
//! far away that is, so that a registry could fill the host's memory; it shows no `Retry-After`, takes a token that was
//! refused for none at all, and wants a provider of cryptography that is the whole process's.

use super::options::{RegistryError, RegistryOptions};
use super::trouble::{Doing, Trouble, is_of_tls, told};
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use mainworker_domain::origin::Scheme;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long a connection waits for the next request: a few of them follow each other at once.
const KEPT: Duration = Duration::from_secs(5);
/// Bytes that are handed to a connection at a time, so that progress is heard of.
const PIECE_BYTES: usize = 64 << 10;

/// What is sent with a request.
pub(super) struct Outgoing {
    rest: Bytes,
    /// Hears how many bytes went out.
    sent: watch::Sender<u64>,
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let bytes = self.rest.len().min(PIECE_BYTES);
        let piece = self.rest.split_to(bytes);
        self.sent.send_modify(|sent| *sent += bytes as u64);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

/// How much of a body is read, and who hears of it.
pub(super) struct Reading<'a> {
    /// Bytes after which no more is read.
    pub(super) bytes_max: u64,
    /// Hears how many came.
    pub(super) progress: &'a (dyn Fn(u64) + Sync),
}

/// What came of a body.
pub(super) enum Read {
    /// All of it.
    Whole(Vec<u8>),
    /// More than was to be read.
    More,
}

/// Connections.
pub(super) struct Transport {
    pool: Client<HttpsConnector<HttpConnector>, Outgoing>,
    answer_ms: u64,
}

impl Transport {
    pub(super) fn new(options: &RegistryOptions, scheme: Scheme) -> Result<Self, RegistryError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(Duration::from_millis(options.connect_ms)));
        let tls = HttpsConnectorBuilder::new().with_tls_config(tls(options.ca_pem.as_deref(), scheme)?);
        // What begins over TLS never goes on without, wherever it is sent.
        let tls = match scheme {
            Scheme::Https => tls.https_only(),
            Scheme::Http => tls.https_or_http(),
        };
        let pool = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEPT)
            .build(tls.enable_http1().wrap_connector(tcp));
        Ok(Self { pool, answer_ms: options.answer_ms })
    }

    /// The head of the answer to a request. Neither it nor the next piece of what is sent may let wait for longer than
    /// an answer may.
    pub(super) async fn head(
        &self,
        doing: &Doing,
        request: Request<Bytes>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Response<Incoming>, Trouble> {
        let (sent, mut watched) = watch::channel(0);
        let answer = self.pool.request(request.map(|rest| Outgoing { rest, sent }));
        let mut answer = std::pin::pin!(answer);
        let mut is_sending = true;
        loop {
            tokio::select! {
                answered = &mut answer => return answered.map_err(|error| {
                    let problem = told(&error);
                    if is_of_tls(&error) { doing.unavailable(problem) } else { doing.passing(problem) }
                }),
                changed = watched.changed(), if is_sending => {
                    is_sending = changed.is_ok();
                    let bytes = *watched.borrow_and_update();
                    if bytes > 0 {
                        progress(bytes);
                    }
                }
                () = tokio::time::sleep(Duration::from_millis(self.answer_ms)) => {
                    return Err(doing.passing(format!("no answer came within {} ms", self.answer_ms)));
                }
            }
        }
    }

    /// A body, up to the bytes that are allowed. A length that it states is believed only where it is too large.
    pub(super) async fn body(
        &self,
        doing: &Doing,
        mut body: Incoming,
        reading: &Reading<'_>,
    ) -> Result<Read, Trouble> {
        let length = body.size_hint().exact();
        if length.is_some_and(|length| length > reading.bytes_max) {
            return Ok(Read::More);
        }
        let mut read = Vec::new();
        loop {
            let piece = timeout(Duration::from_millis(self.answer_ms), body.frame()).await;
            let piece = piece.map_err(|_| {
                doing.passing(format!("{} bytes came, then nothing for {} ms", read.len(), self.answer_ms))
            })?;
            let Some(piece) = piece else { return Ok(Read::Whole(read)) };
            let piece = piece.map_err(|error| {
                doing.passing(format!("broke off after {} bytes: {}", read.len(), told(&error)))
            })?;
            // What follows a body in trailers is of no interest.
            let Ok(piece) = piece.into_data() else { continue };
            if (read.len() as u64).saturating_add(piece.len() as u64) > reading.bytes_max {
                return Ok(Read::More);
            }
            read.extend_from_slice(&piece);
            (reading.progress)(read.len() as u64);
        }
    }
}

/// TLS with whoever the system's authorities vouch for, or those of `ca_pem`.
fn tls(ca_pem: Option<&str>, scheme: Scheme) -> Result<ClientConfig, RegistryError> {
    let invalid = |problem: String| RegistryError::Authorities { problem };
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    // Some systems carry a root or two that no reader takes.
    roots.add_parsable_certificates(system.certs);
    if let Some(pem) = ca_pem {
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|error| invalid(error.to_string()))?;
            roots.add(certificate).map_err(|error| invalid(error.to_string()))?;
        }
        if roots.len() == before {
            return Err(invalid("found no certificate, expected PEM".to_owned()));
        }
    }
    if roots.is_empty() && scheme == Scheme::Https {
        return Err(invalid("found none on this system, expected some".to_owned()));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| invalid(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
