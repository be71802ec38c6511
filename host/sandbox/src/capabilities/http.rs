//! HTTP out: `wasi:http`, each request checked before a name is resolved and again before a connection is made.
//!
//! The way of a request: count → URL → grants and settings → whole body → secrets → [`Transport`] → response, piece by
//! piece. A limit ends the attempt; a denial is an error that the guest gets, with the rule and the lines that would
//! allow it in the log. Redirects are answers like others: nobody follows them. Everything of the network runs on a
//! thread of its own, so a guest that computes delays no response and no guest waits on a thread.

mod delivery;
mod network;
mod recorded;
mod replaced;
mod secrets;
mod tls;
mod transport;
mod unanswered;

pub use network::{Network, Resolver, SystemResolver};
pub use recorded::{Exchange, Recorded, RecordedAnswer, RecordedError, SentRequest};
pub use tls::{Roots, TlsError};
pub use transport::{Failed, Outgoing, SendError, Timeouts, Transport, TransportFuture};
pub use unanswered::{Trouble, Unanswered};
pub use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use super::configuration::Placeholder;
use super::log::Log;
use crate::control::Control;
use crate::state::State;
use bytes::Bytes;
use delivery::{Delivery, deliver};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use mainworker_domain::denial::Denial;
use mainworker_domain::egress::{Egress, SecretRoute};
use mainworker_domain::event::Level;
use mainworker_domain::limits::{HTTP_IN_FLIGHT_MAX, Limit, Limits};
use mainworker_domain::origin::{Origin, OriginPattern, Scheme};
use mainworker_domain::outcome::LimitBreach;
use secrets::{Secrets, Unfilled};
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use wasmtime::component::Linker;
use wasmtime_wasi_http::p2::bindings::http::{outgoing_handler, types};
use wasmtime_wasi_http::{
    RequestOptions, WasiHttp, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

/// Bytes of one write to a request's body. wasi-http keeps two of them for each body that a guest has open, outside of
/// every other limit.
const BODY_CHUNK_BYTES: usize = 8 << 10;

/// How this host names itself where a job does not.
const USER_AGENT: &str = concat!("mainworker/", env!("CARGO_PKG_VERSION"));

/// What the host offers of the network: the settings, as far as HTTP goes.
#[derive(Debug)]
pub struct HttpOffer {
    /// The origins that jobs may send requests to at the most.
    pub allow: Vec<OriginPattern>,
    /// What sends them.
    pub transport: Arc<dyn Transport>,
}

/// No origin.
impl Default for HttpOffer {
    fn default() -> Self {
        Self { allow: Vec::new(), transport: Arc::new(Network::new(Vec::new(), Roots::System)) }
    }
}

/// What an attempt is granted of the network.
#[derive(Clone, Debug)]
pub struct GrantedHttp {
    pub(crate) egress: Egress,
    pub(crate) routes: Vec<SecretRoute>,
    pub(crate) transport: Arc<dyn Transport>,
}

impl GrantedHttp {
    /// The requests that `egress` allows, with secrets on these routes, sent by `transport`.
    pub fn new(egress: Egress, routes: Vec<SecretRoute>, transport: Arc<dyn Transport>) -> Self {
        Self { egress, routes, transport }
    }

    /// The origins, as they resolved.
    pub fn destinations(&self) -> Vec<String> {
        self.egress.destinations()
    }
}

pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    outgoing_handler::add_to_linker::<State, WasiHttp>(linker, State::http)?;
    types::add_to_linker::<State, WasiHttp>(linker, &types::LinkOptions::default(), State::http)?;
    replaced::link(linker)
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http.ctx, table: &mut self.table, hooks: &mut self.http.calls }
    }
}

/// The HTTP state of one attempt.
pub(crate) struct Http {
    ctx: WasiHttpCtx,
    calls: Hooks,
}

/// What sends the requests of one attempt; none for a guest that is granted nothing.
struct Hooks(Option<Arc<Calls>>);

struct Calls {
    granted: GrantedHttp,
    secrets: Secrets,
    limits: Limits,
    control: Arc<Control>,
    log: Arc<Log>,
    in_flight: Arc<Semaphore>,
    network: Handle,
}

/// Builds the HTTP state of one attempt.
pub(crate) fn build(
    granted: &GrantedHttp,
    placeholders: Vec<Placeholder>,
    limits: &Limits,
    control: Arc<Control>,
    log: Arc<Log>,
    network: Handle,
) -> Http {
    let mut ctx = WasiHttpCtx::new();
    // Counted in memory, which is more than on the wire: a guest that fills it is told by the call that adds a header.
    ctx.set_field_size_limit(limits.get_usize(Limit::HttpHeaders));
    let calls = Calls {
        secrets: Secrets::new(placeholders, &granted.routes),
        granted: granted.clone(),
        limits: limits.clone(),
        control,
        log,
        in_flight: Arc::new(Semaphore::new(HTTP_IN_FLIGHT_MAX)),
        network,
    };
    Http { ctx, calls: Hooks(Some(Arc::new(calls))) }
}

impl Http {
    /// Of a guest that is granted nothing.
    pub(crate) fn none() -> Self {
        Self { ctx: WasiHttpCtx::new(), calls: Hooks(None) }
    }
}

/// Why a request has no response.
enum Unsent {
    /// The guest gets this error.
    Error(HttpError),
    /// The attempt is at a limit and ends.
    Over(LimitBreach),
}

impl From<HttpError> for Unsent {
    fn from(error: HttpError) -> Self {
        Self::Error(error)
    }
}

/// What drives a response after it began; here the network thread does that.
type Driver = Box<dyn Future<Output = Result<(), HttpError>> + Send>;
type Answered = Result<(http::Response<WasiBody>, Driver), HttpError>;

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _sent: Box<dyn Future<Output = Result<(), HttpError>> + Send>,
    ) -> Box<dyn Future<Output = Answered> + Send> {
        let Some(calls) = self.0.clone() else {
            return Box::new(async { Err(HttpError::HttpRequestDenied) });
        };
        let timeouts = Timeouts::of(options.unwrap_or_default());
        // Counted and checked before the call returns: a guest that never waits for an answer is counted too, and what the
        // checks cost is its own processor time.
        let origin = match calls.count().map_err(Unsent::from).and_then(|()| calls.check(&request)) {
            Ok(origin) => origin,
            Err(Unsent::Error(error)) => return Box::new(async { Err(error) }),
            Err(Unsent::Over(breach)) => {
                calls.control.end_at(breach);
                return Box::new(pending());
            }
        };
        let network = calls.network.clone();
        let answer = network.spawn(async move {
            match calls.answer(request, origin, timeouts).await {
                Ok(response) => Ok(response),
                Err(Unsent::Error(error)) => Err(error),
                Err(Unsent::Over(breach)) => {
                    calls.control.end_at(breach);
                    pending().await
                }
            }
        });
        let answer = AbortOnDrop(answer);
        Box::new(async move {
            let response = answer.await?;
            Ok((response, Box::new(async { Ok(()) }) as Driver))
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK_BYTES
    }
}

impl From<LimitBreach> for Unsent {
    fn from(breach: LimitBreach) -> Self {
        Self::Over(breach)
    }
}

impl Calls {
    fn within(&self, limit: Limit, observed: usize) -> Result<(), LimitBreach> {
        LimitBreach::check(&self.limits, limit, observed as u64)
    }

    fn count(&self) -> Result<(), LimitBreach> {
        let calls = self.control.add_http_call();
        self.within(Limit::HttpCalls, usize::try_from(calls).unwrap_or(usize::MAX))
    }

    async fn answer(
        &self,
        request: Request<WasiBody>,
        origin: Origin,
        timeouts: Timeouts,
    ) -> Result<http::Response<WasiBody>, Unsent> {
        // It is there as long as the semaphore is, which is never closed.
        let in_flight = Arc::clone(&self.in_flight).acquire_owned().await.ok().map(Arc::new);
        let (mut parts, body) = request.into_parts();
        let shown = format!("{} {origin}{}", parts.method, parts.uri.path());
        let body = self.whole(body, &shown).await?;
        let filled = self.secrets.fill(&mut parts, body, &origin, &self.limits);
        for denial in filled.kept_back {
            self.deny(denial);
        }
        let body = filled.body.map_err(|unfilled| match unfilled {
            Unfilled::Over(breach) => Unsent::Over(breach),
            Unfilled::Unfit { key } => {
                let problem = format!(
                    "the secret `{key}` has characters that cannot stand in a header, expected one line of printable text"
                );
                self.log.write(Level::Warn, "host", &format!("{shown}: {problem}"));
                Unsent::Error(HttpError::InternalError(Some(problem)))
            }
        })?;
        self.within(Limit::HttpRequest, body.len())?;
        self.within(Limit::HttpUrl, url_bytes(&origin, &parts.uri))?;
        finish_headers(&mut parts, &origin, body.len());
        self.within(Limit::HttpHeaders, header_bytes(&parts.headers))?;
        self.control.add_http_bytes_out(body.len() as u64);

        let outgoing = Outgoing {
            origin: origin.clone(),
            request: Request::from_parts(parts, body),
            timeouts,
            header_bytes_max: self.limits.get_usize(Limit::HttpHeaders),
            in_flight: in_flight.clone(),
        };
        match self.granted.transport.send(outgoing).await {
            Ok(response) => {
                self.within(Limit::HttpHeaders, header_bytes(response.headers()))?;
                let delivery = Delivery {
                    request: shown,
                    origin: origin.to_string(),
                    control: Arc::clone(&self.control),
                    bytes_max: self.limits.get(Limit::HttpResponse),
                    between: timeouts.between_bytes,
                    _in_flight: in_flight,
                };
                Ok(response.map(|body| deliver(body, delivery)))
            }
            Err(SendError::Denied(denial)) => {
                self.deny(*denial);
                Err(HttpError::DestinationIpProhibited.into())
            }
            Err(SendError::Failed(Failed { error, detail })) => {
                self.log.write(Level::Warn, "host", &format!("{shown}: {detail}"));
                let (trouble, origin) = (Trouble::of(&error), origin.to_string());
                self.control.add_unanswered(Unanswered { request: shown, origin, trouble });
                Err(error.into())
            }
        }
    }

    /// Whether the request may be sent; its origin, as this host reads it.
    fn check(&self, request: &Request<WasiBody>) -> Result<Origin, Unsent> {
        let (uri, method) = (request.uri(), request.method().as_str());
        let scheme = match uri.scheme_str() {
            Some("https") => Scheme::Https,
            Some("http") => Scheme::Http,
            _ => return Err(HttpError::HttpProtocolError.into()),
        };
        let authority = uri.authority().map_or("", http::uri::Authority::as_str);
        // First of all: what follows looks at each byte more than once.
        self.within(
            Limit::HttpUrl,
            authority.len() + uri.path_and_query().map_or(1, |path| path.as_str().len()),
        )?;
        let checked = Origin::of_authority(scheme, authority)
            .map_err(|problem| Box::new(Denial::Url { method: method.to_owned(), problem }))
            .and_then(|origin| self.granted.egress.check(method, &origin, uri.path()).map(|()| origin));
        match checked {
            Ok(origin) => Ok(origin),
            Err(denial) => {
                self.deny(*denial);
                Err(HttpError::HttpRequestDenied.into())
            }
        }
    }

    fn deny(&self, denial: Denial) {
        self.log.write(Level::Warn, "host", &format!("{denial}\n{}", denial.remedy()));
        self.control.add_denial(denial);
    }

    /// The body as a whole: secrets are put into it, and its length is said before it is sent.
    async fn whole(&self, body: WasiBody, shown: &str) -> Result<Bytes, Unsent> {
        let allowed = self.limits.get(Limit::HttpRequest);
        let limited = Limited::new(body, self.limits.get_usize(Limit::HttpRequest));
        let collected = match limited.collect().await {
            Ok(collected) => collected,
            Err(error) if error.is::<LengthLimitError>() => {
                let breach = LimitBreach { limit: Limit::HttpRequest, observed: allowed + 1, allowed };
                return Err(breach.into());
            }
            Err(error) => {
                let error =
                    error.downcast::<HttpError>().map_or(HttpError::HttpProtocolError, |error| *error);
                return Err(error.into());
            }
        };
        if collected.trailers().is_some_and(|trailers| !trailers.is_empty()) {
            self.log.write(Level::Warn, "host", &format!("{shown}: not sent, since it has trailers"));
            return Err(HttpError::HttpRequestTrailerSectionSize(Some(0)).into());
        }
        Ok(collected.to_bytes())
    }
}

/// What a request says besides what the guest says: to whom it goes in the host's own words, and that it is the only one.
fn finish_headers(parts: &mut Parts, origin: &Origin, body_bytes: usize) {
    let headers = &mut parts.headers;
    // The length of the body with its secrets in it. Some servers want one for every method that can have a body.
    headers.remove(header::CONTENT_LENGTH);
    if body_bytes > 0 || [Method::POST, Method::PUT, Method::PATCH].contains(&parts.method) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body_bytes));
    }
    if let Ok(host) = HeaderValue::try_from(origin.authority()) {
        headers.insert(header::HOST, host);
    }
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.entry(header::USER_AGENT).or_insert(HeaderValue::from_static(USER_AGENT));
}

fn url_bytes(origin: &Origin, uri: &http::Uri) -> usize {
    origin.to_string().len() + uri.path_and_query().map_or(1, |path| path.as_str().len())
}

/// As on the wire: name, colon, space, value, line end.
fn header_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

/// A task of the network thread that ends with whoever waits for it.
struct AbortOnDrop<T>(tokio::task::JoinHandle<Result<T, HttpError>>);

impl<T> Future for AbortOnDrop<T> {
    type Output = Result<T, HttpError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|joined| {
            joined.unwrap_or_else(|error| {
                Err(HttpError::InternalError(Some(format!("the host failed: {error}"))))
            })
        })
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
