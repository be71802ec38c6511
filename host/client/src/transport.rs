//! Connections, and one try of a request over one of them. Follows no redirects: they lead to somebody else, who is not to
//! have the token.

use crate::error::ClientError;
use crate::options::ClientOptions;
use crate::socket::Socket;
use crate::wire::HOST_TIME;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client as Pool, Error as PoolError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::origin::{BaseUrl, OriginError, Scheme};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret, SecretString};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};
use tokio::time::timeout;

/// How long a connection waits for the next request. Half as long as a host waits, so that hardly any request meets one
/// that is being closed.
const KEPT_MS: u64 = 5_000;
/// Every minute a connection that is used asks whether the other side is still there.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);

/// What a base begins with that is the path of a host's socket.
const SOCKET: &str = "unix:";
/// What requests over a socket are for: a host has one name there.
const OVER_SOCKET: &str = "http://localhost";

const AGENT: &str = concat!("mainworker-client/", env!("CARGO_PKG_VERSION"));

/// The whole of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why there is none.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    pub(crate) kind: TroubleKind,
    /// What the network said.
    pub(crate) problem: String,
}

/// What is known of a request without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TroubleKind {
    /// There was no connection.
    NotSent,
    /// It went out, or some of it.
    BrokenOff,
    /// The same, and nothing came for too long.
    TimedOut,
    /// More came than is read.
    TooLarge,
}

/// What a stream that was asked for begins with.
pub(crate) enum StreamHead {
    /// The stream.
    Open(Incoming),
    /// Something else.
    Other(Answer),
}

/// Connections to one host.
pub(crate) struct Transport {
    pool: Connections,
    /// How the host is called in messages.
    origin: String,
    /// What requests to it begin with.
    base: BaseUrl,
    /// The whole header, marked so that nothing prints it.
    authorization: Option<HeaderValue>,
    /// Milliseconds that the host's clock is ahead of the one here, by its last answer.
    ahead_ms: AtomicI64,
}

enum Connections {
    Plain(Pool<HttpConnector, Full<Bytes>>),
    Tls(Pool<HttpsConnector<HttpConnector>, Full<Bytes>>),
    Socket(Socket),
}

impl Transport {
    pub(crate) fn new(
        base: &str,
        token: Option<&SecretString>,
        options: &ClientOptions,
    ) -> Result<Self, ClientError> {
        let authorization = token.map(authorization).transpose()?;
        let invalid = |problem| ClientError::InvalidBase { base: base.to_owned(), problem };
        if let Some(path) = base.strip_prefix(SOCKET) {
            let base = BaseUrl::parse(OVER_SOCKET).map_err(invalid)?;
            if path.is_empty() {
                return Err(invalid(OriginError::Empty));
            }
            let origin = format!("{SOCKET}{path}");
            let pool = Connections::Socket(Socket::at(path, options));
            return Ok(Self { pool, origin, base, authorization, ahead_ms: AtomicI64::new(0) });
        }
        let base = BaseUrl::parse(base).map_err(invalid)?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(TCP_KEEPALIVE));
        tcp.set_connect_timeout(Some(Duration::from_millis(options.connect_ms)));
        let mut builder = Pool::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(Duration::from_millis(KEPT_MS));
        let pool = match base.origin.scheme {
            Scheme::Http => Connections::Plain(builder.build(tcp)),
            Scheme::Https => {
                let tls = match &options.ca_file {
                    None => HttpsConnectorBuilder::new()
                        .with_provider_and_native_roots(ring::default_provider())
                        .map_err(|error| ClientError::Authorities { problem: error.to_string() })?,
                    Some(file) => {
                        let config = trusting(file).map_err(|problem| {
                            let problem = format!("`{}`: {problem}", file.display());
                            ClientError::Authorities { problem }
                        })?;
                        HttpsConnectorBuilder::new().with_tls_config(config)
                    }
                };
                Connections::Tls(builder.build(tls.https_only().enable_http1().wrap_connector(tcp)))
            }
        };
        Ok(Self { pool, origin: base.origin.to_string(), base, authorization, ahead_ms: AtomicI64::new(0) })
    }

    /// The host, for messages.
    pub(crate) fn origin(&self) -> String {
        self.origin.clone()
    }

    /// What time it is on the host, as far as its answers said; otherwise what it is here.
    pub(crate) fn host_now(&self) -> Timestamp {
        let here = Timestamp::from(SystemTime::now());
        Timestamp::from_ms(here.as_ms().saturating_add(self.ahead_ms.load(Ordering::Relaxed)))
    }

    fn note_time(&self, headers: &HeaderMap) {
        let said = headers.get(HOST_TIME).and_then(|value| value.to_str().ok()).and_then(Timestamp::parse);
        if let Some(host) = said {
            let here = Timestamp::from(SystemTime::now());
            self.ahead_ms.store(host.as_ms().saturating_sub(here.as_ms()), Ordering::Relaxed);
        }
    }

    /// One try at a whole answer.
    pub(crate) async fn answer(
        &self,
        method: &Method,
        target: &str,
        body: Option<&Bytes>,
        answer_ms: u64,
        bytes_max: usize,
    ) -> Result<Answer, Trouble> {
        self.whole(self.request(method, target, "application/json", body)?, answer_ms, bytes_max).await
    }

    /// One try at a whole answer that may be known by its entity tag.
    pub(crate) async fn answer_unless_known(
        &self,
        target: &str,
        known: Option<&str>,
        answer_ms: u64,
        bytes_max: usize,
    ) -> Result<Answer, Trouble> {
        let mut request = self.request(&Method::GET, target, "application/json", None)?;
        if let Some(tag) = known.and_then(|tag| HeaderValue::from_str(tag).ok()) {
            request.headers_mut().insert(header::IF_NONE_MATCH, tag);
        }
        self.whole(request, answer_ms, bytes_max).await
    }

    async fn whole(
        &self,
        request: Request<Full<Bytes>>,
        answer_ms: u64,
        bytes_max: usize,
    ) -> Result<Answer, Trouble> {
        within(answer_ms, async {
            let (head, body) = self.send(request).await?.into_parts();
            self.note_time(&head.headers);
            let body = collect(body, bytes_max).await?;
            Ok(Answer { status: head.status, headers: head.headers, body })
        })
        .await
    }

    /// One try at a stream of events.
    pub(crate) async fn stream(
        &self,
        target: &str,
        last_event_id: Option<&str>,
        options: &ClientOptions,
    ) -> Result<StreamHead, Trouble> {
        let mut request = self.request(&Method::GET, target, "text/event-stream", None)?;
        if let Some(id) = last_event_id.and_then(|id| HeaderValue::from_str(id).ok()) {
            request.headers_mut().insert("last-event-id", id);
        }
        within(options.answer_ms, async {
            let (head, body) = self.send(request).await?.into_parts();
            if head.status == StatusCode::OK && content_type(&head.headers) == "text/event-stream" {
                return Ok(StreamHead::Open(body));
            }
            let body = collect(body, options.answer_bytes_max).await?;
            Ok(StreamHead::Other(Answer { status: head.status, headers: head.headers, body }))
        })
        .await
    }

    fn request(
        &self,
        method: &Method,
        target: &str,
        accept: &'static str,
        body: Option<&Bytes>,
    ) -> Result<Request<Full<Bytes>>, Trouble> {
        let origin = &self.base.origin;
        let built = Uri::builder()
            .scheme(origin.scheme.as_str())
            .authority(origin.authority())
            .path_and_query(format!("{}{target}", self.base.path))
            .build()
            .and_then(|uri| {
                let mut request = Request::builder()
                    .method(method)
                    .uri(uri)
                    .header(header::ACCEPT, accept)
                    .header(header::USER_AGENT, AGENT);
                if let Some(authorization) = &self.authorization {
                    request = request.header(header::AUTHORIZATION, authorization);
                }
                if body.is_some() {
                    request = request.header(header::CONTENT_TYPE, "application/json");
                }
                request.body(Full::new(body.cloned().unwrap_or_default()))
            });
        // The base was read strictly and the rest is encoded, so this does not happen but for a path beyond 64 KiB.
        built.map_err(|error| Trouble { kind: TroubleKind::NotSent, problem: error.to_string() })
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Trouble> {
        let sent = match &self.pool {
            Connections::Plain(pool) => pool.request(request).await,
            Connections::Tls(pool) => pool.request(request).await,
            Connections::Socket(socket) => return socket.send(request).await,
        };
        sent.map_err(|error: PoolError| {
            let kind = if error.is_connect() { TroubleKind::NotSent } else { TroubleKind::BrokenOff };
            Trouble { kind, problem: told(&error) }
        })
    }
}

/// What a media type is without its parameters, in lower case.
pub(crate) fn content_type(headers: &HeaderMap) -> String {
    let whole = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    whole.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The next piece of a stream; none at its end.
pub(crate) async fn next_piece(body: &mut Incoming, idle_ms: u64) -> Result<Option<Bytes>, Trouble> {
    loop {
        let frame = within(idle_ms, async {
            body.frame()
                .await
                .transpose()
                .map_err(|error| Trouble { kind: TroubleKind::BrokenOff, problem: told(&error) })
        });
        match frame.await? {
            None => return Ok(None),
            Some(frame) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// TLS with whoever one of the authorities in a file vouches for.
fn trusting(file: &Path) -> Result<ClientConfig, String> {
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| error.to_string())?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() {
        return Err("found no certificate, expected PEM".to_owned());
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn authorization(token: &SecretString) -> Result<HeaderValue, ClientError> {
    let token = token.expose_secret();
    if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(ClientError::InvalidToken);
    }
    let mut value =
        HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| ClientError::InvalidToken)?;
    value.set_sensitive(true);
    Ok(value)
}

async fn within<T>(ms: u64, step: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    timeout(Duration::from_millis(ms), step).await.unwrap_or_else(|_| {
        Err(Trouble { kind: TroubleKind::TimedOut, problem: format!("nothing came for {ms} ms") })
    })
}

async fn collect(body: Incoming, bytes_max: usize) -> Result<Bytes, Trouble> {
    match Limited::new(body, bytes_max).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Trouble { kind: TroubleKind::TooLarge, problem: error.to_string() })
        }
        Err(error) => Err(Trouble { kind: TroubleKind::BrokenOff, problem: told(error.as_ref()) }),
    }
}

/// An error as its causes tell it: the outermost layer only says that there is one.
pub(crate) fn told(error: &(dyn Error + 'static)) -> String {
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
