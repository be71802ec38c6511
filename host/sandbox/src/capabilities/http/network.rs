//! The real network: resolve once, refuse what is not public, connect to the address that was checked.
//!
//! One connection for each request, closed after it. Two jobs, or two attempts, never share one.

use super::tls::{Roots, TlsError};
use super::transport::{Outgoing, SendError, Transport, TransportFuture};
use super::{HttpError, WasiBody};
use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use ipnet::IpNet;
use mainworker_domain::address::{is_named, special};
use mainworker_domain::denial::{Denial, DeniedRequest};
use mainworker_domain::limits::{HTTP_PIECE_BYTES_MAX, NAME_LOOK_UPS_MAX};
use mainworker_domain::origin::{Host, Origin, Scheme};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use wasmtime_wasi_http::io::TokioIo;

/// Addresses of one name that are tried.
const ADDRESSES_TRIED_MAX: usize = 4;

/// Finds the addresses of a name.
pub trait Resolver: Send + Sync + fmt::Debug {
    /// All of them, in the order to be tried.
    fn resolve(&self, name: &str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;
}

/// As every other program of the system does.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, name: &str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
        let name = name.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Sends requests over the network.
#[derive(Clone, Debug)]
pub struct Network(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    resolver: Arc<dyn Resolver>,
    allow_private: Vec<IpNet>,
    roots: Roots,
    /// Each look-up may hold a thread for as long as the system's resolver likes.
    look_ups: Arc<Semaphore>,
    /// Made when the first request needs it: reading the system's roots takes some milliseconds.
    tls: OnceLock<Result<Arc<ClientConfig>, TlsError>>,
}

impl Network {
    /// A network whose private addresses are closed but for these ranges.
    pub fn new(allow_private: Vec<IpNet>, roots: Roots) -> Self {
        Self::resolving(allow_private, roots, Arc::new(SystemResolver))
    }

    /// The same with another resolver.
    pub fn resolving(allow_private: Vec<IpNet>, roots: Roots, resolver: Arc<dyn Resolver>) -> Self {
        let look_ups = Arc::new(Semaphore::new(NAME_LOOK_UPS_MAX));
        Self(Arc::new(Shared { resolver, allow_private, roots, look_ups, tls: OnceLock::new() }))
    }
}

impl Transport for Network {
    fn send(&self, outgoing: Outgoing) -> TransportFuture {
        let shared = Arc::clone(&self.0);
        Box::pin(async move { shared.send(outgoing).await })
    }
}

/// A connection, plain or over TLS.
trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

impl Shared {
    async fn send(&self, outgoing: Outgoing) -> Result<Response<WasiBody>, SendError> {
        let Outgoing { origin, request, timeouts, header_bytes_max, in_flight } = outgoing;
        let connecting = self.connect(&origin, &request, in_flight, Instant::now() + timeouts.connect);
        let connection = timeout(timeouts.connect, connecting).await.map_err(|_| {
            SendError::failed(
                HttpError::ConnectionTimeout,
                format!("no connection within {:?}", timeouts.connect),
            )
        })??;

        // What hyper reads at a time bounds a piece of the body as well as the head.
        let buffer = header_bytes_max.clamp(8 << 10, HTTP_PIECE_BYTES_MAX);
        let (mut sender, driver) = http1::Builder::new()
            .max_buf_size(buffer)
            .handshake(TokioIo::new(connection))
            .await
            .map_err(|error| failed(&error))?;
        // Ends with the body of the response, or with this future if there is none.
        let driver = StopOnDrop(tokio::spawn(driver).abort_handle());
        let response = timeout(timeouts.first_byte, sender.send_request(in_origin_form(request)))
            .await
            .map_err(|_| {
                let detail = format!("no response within {:?}", timeouts.first_byte);
                SendError::failed(HttpError::ConnectionReadTimeout, detail)
            })?
            .map_err(|error| failed(&error))?;
        let mut response = response;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(SendError::failed(
                HttpError::HttpUpgradeFailed,
                "it wants to go on in another protocol",
            ));
        }
        if response.headers().contains_key(header::TRANSFER_ENCODING) {
            // The body is as long as its pieces; a length beside them says nothing.
            response.headers_mut().remove(header::CONTENT_LENGTH);
        }
        Ok(response.map(|body| ResponseBody { body, _driver: driver }.boxed_unsync()))
    }

    async fn connect(
        &self,
        origin: &Origin,
        request: &Request<Bytes>,
        in_flight: Option<Arc<OwnedSemaphorePermit>>,
        until: Instant,
    ) -> Result<Box<dyn Connection>, SendError> {
        let addresses = self.addresses(origin, request, in_flight).await?;
        let stream = connect_to_one(&addresses, origin.port, until).await?;
        // A request is written at once; waiting to fill a packet helps nobody.
        let _ = stream.set_nodelay(true);
        if origin.scheme == Scheme::Http {
            return Ok(Box::new(stream));
        }
        let config = self.tls.get_or_init(|| self.roots.client()).clone();
        let config =
            config.map_err(|error| SendError::failed(HttpError::ConfigurationError, error.to_string()))?;
        let stream = TlsConnector::from(config).connect(server_name(origin)?, stream).await;
        let stream = stream.map_err(|error| tls_failed(&error))?;
        Ok(Box::new(stream))
    }

    /// All addresses of a name. A look-up cannot be cancelled, so it goes on by itself when nobody waits any more, and holds
    /// its places, the attempt's and the host's, until it ends.
    async fn look_up(
        &self,
        name: &str,
        in_flight: Option<Arc<OwnedSemaphorePermit>>,
    ) -> io::Result<Vec<IpAddr>> {
        let place = Arc::clone(&self.look_ups).acquire_owned().await.map_err(io::Error::other)?;
        let resolving = self.resolver.resolve(name);
        let look_up = tokio::spawn(async move {
            let found = resolving.await;
            drop((place, in_flight));
            found
        });
        look_up.await.map_err(io::Error::other)?
    }

    /// The addresses of the host that a job may be connected to.
    async fn addresses(
        &self,
        origin: &Origin,
        request: &Request<Bytes>,
        in_flight: Option<Arc<OwnedSemaphorePermit>>,
    ) -> Result<Vec<IpAddr>, SendError> {
        let found = match &origin.host {
            Host::V4(address) => vec![IpAddr::V4(*address)],
            Host::V6(address) => vec![IpAddr::V6(*address)],
            Host::Name(name) => self.look_up(name, in_flight).await.map_err(|error| {
                let code = HttpError::DnsError { rcode: None, info_code: None };
                SendError::failed(code, format!("finding the address of `{name}`: {error}"))
            })?,
        };
        let is_open =
            |address: &IpAddr| special(*address).is_none() || is_named(*address, &self.allow_private);
        let open: Vec<IpAddr> = found.iter().copied().filter(is_open).take(ADDRESSES_TRIED_MAX).collect();
        if !open.is_empty() {
            return Ok(open);
        }
        match found.first().and_then(|&address| Some((address, special(address)?))) {
            Some((address, kind)) => {
                let request = DeniedRequest {
                    method: request.method().to_string(),
                    origin: origin.clone(),
                    path: request.uri().path().to_owned(),
                };
                Err(SendError::Denied(Box::new(Denial::Address { request, address, kind })))
            }
            None => {
                let code = HttpError::DnsError { rcode: None, info_code: None };
                Err(SendError::failed(code, "the host has no address"))
            }
        }
    }
}

/// Tries one address after the other; each but the last gets its part of the time.
async fn connect_to_one(addresses: &[IpAddr], port: u16, until: Instant) -> Result<TcpStream, SendError> {
    let mut last = SendError::failed(HttpError::ConnectionTimeout, "no address answered in time");
    for (index, &address) in addresses.iter().enumerate() {
        let left = until.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - index).unwrap_or(1);
        let address = SocketAddr::new(address, port);
        match timeout_at(Instant::now() + share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = connect_failed(address, &error),
            Err(_) => {
                let detail = format!("connecting to {address}: no answer within {}", seconds(share));
                last = SendError::failed(HttpError::ConnectionTimeout, detail);
            }
        }
    }
    Err(last)
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn connect_failed(address: SocketAddr, error: &io::Error) -> SendError {
    let code = match error.kind() {
        io::ErrorKind::ConnectionRefused => HttpError::ConnectionRefused,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            HttpError::DestinationIpUnroutable
        }
        io::ErrorKind::TimedOut => HttpError::ConnectionTimeout,
        _ => HttpError::DestinationUnavailable,
    };
    SendError::failed(code, format!("connecting to {address}: {error}"))
}

fn server_name(origin: &Origin) -> Result<ServerName<'static>, SendError> {
    match &origin.host {
        Host::V4(address) => Ok(ServerName::from(IpAddr::V4(*address))),
        Host::V6(address) => Ok(ServerName::from(IpAddr::V6(*address))),
        Host::Name(name) => ServerName::try_from(name.clone()).map_err(|error| {
            SendError::failed(
                HttpError::TlsProtocolError,
                format!("`{name}` cannot be asked for over TLS: {error}"),
            )
        }),
    }
}

fn tls_failed(error: &io::Error) -> SendError {
    let of_rustls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let code = match of_rustls {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            HttpError::TlsCertificateError
        }
        Some(rustls::Error::AlertReceived(alert)) => HttpError::TlsAlertReceived {
            alert_id: Some(u8::from(*alert)),
            alert_message: Some(format!("{alert:?}")),
        },
        _ => HttpError::TlsProtocolError,
    };
    SendError::failed(code, format!("TLS: {error}"))
}

/// What hyper says of a connection, in the words of WASI. Also for a body that breaks off.
fn http_error(error: &hyper::Error) -> HttpError {
    if error.is_parse_too_large() {
        HttpError::HttpResponseHeaderSectionSize(None)
    } else if error.is_incomplete_message() || ended_early(error) {
        HttpError::HttpResponseIncomplete
    } else if error.is_timeout() {
        HttpError::ConnectionReadTimeout
    } else if error.is_parse() || error.is_parse_status() {
        HttpError::HttpProtocolError
    } else {
        HttpError::ConnectionTerminated
    }
}

/// Whether a body ended before its length was reached.
fn ended_early(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::UnexpectedEof)
}

fn failed(error: &hyper::Error) -> SendError {
    if ended_early(error) {
        // rustls explains at length what is of no use here.
        return SendError::failed(http_error(error), "the connection ended before the response did");
    }
    let mut detail = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        detail.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    SendError::failed(http_error(error), detail)
}

/// As a server expects it: the path alone, since the connection says the rest.
fn in_origin_form(request: Request<Bytes>) -> Request<Full<Bytes>> {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().cloned();
    parts.uri = path.map_or_else(|| Uri::from_static("/"), Uri::from);
    Request::from_parts(parts, Full::new(body))
}

struct StopOnDrop(AbortHandle);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A body with the connection that it comes over.
struct ResponseBody {
    body: Incoming,
    _driver: StopOnDrop,
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        Pin::new(&mut self.body)
            .poll_frame(context)
            .map(|piece| piece.map(|piece| piece.map_err(|error| http_error(&error))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
