//! The HTTP API of a running host.
//!
//! Every endpoint is one row of `routes` with what whoever asks has to have. A request passes `endpoint::guard` before
//! it is answered; whatever is not what was asked for is a [`problem`]. What a client can use up is bounded in `limits`.
//!
//! Nothing is decided here: tasks go through [`Host`], which has the intake, the store and the dispatch.

mod audit;
mod body;
mod bulk;
mod cancel;
mod connections;
mod cursor;
mod deployments;
mod endpoint;
mod enqueue;
mod etag;
mod events;
mod failed_credentials;
mod fields;
mod filter;
mod health;
mod jobs;
mod limits;
mod listener;
mod log;
mod named;
mod openapi;
mod pause;
pub mod problem;
mod query;
mod retry;
mod schedules;
mod shown;
mod stalled;
mod stats;
mod stream;
mod tasks;
mod tokens;
mod unreadable;

use crate::clock::Mode;
use crate::host::Host;
use axum::Router;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use body::ROOM_PIECE_BYTES;
use connections::Bounds;
use endpoint::{Endpoint, Guarded, Needs, guard};
use failed_credentials::FailedCredentials;
use http::{HeaderValue, Method, Uri};
use limits::{BODIES_BYTES_MAX, STREAMS_MAX};
use listener::TlsListener;
use mainworker_client::wire::HOST_TIME;
use mainworker_domain::access::Role;
use mainworker_domain::audit::Actor;
use mainworker_domain::nearest::nearest;
use problem::ApiError;
use rustls::ServerConfig;
use std::collections::HashMap;
use std::future::ready;
use std::io;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, watch};

/// Where the API is served.
#[derive(Debug)]
pub struct Entrances {
    /// An address of the network.
    pub network: TcpListener,
    /// What TLS is spoken with there; none for HTTP without it.
    pub tls: Option<Arc<ServerConfig>>,
    /// The socket in the data folder; none where nobody operates the host.
    pub socket: Option<UnixListener>,
}

/// Serves the API until `stopping` is true. Then it takes no more connections, ends streams with a last event, and lets
/// requests under way end for a bounded time.
///
/// # Errors
/// A listener that cannot be used.
pub async fn serve(entrances: Entrances, host: Arc<Host>, stopping: watch::Receiver<bool>) -> io::Result<()> {
    let api = Arc::new(Api::new(host, stopping.clone()));
    let router = router(&api);
    let open = || Arc::clone(&api.connections);
    let (bounds, metrics) = (Bounds::default(), Arc::clone(&api.host.metrics));
    let network = async {
        let (router, stopping) = (router.clone(), stopping.clone());
        match entrances.tls {
            None => connections::serve(entrances.network, router, bounds, open(), stopping).await,
            Some(config) => {
                let listener = TlsListener::new(entrances.network, config, metrics);
                connections::serve(listener, router, bounds, open(), stopping).await
            }
        }
    };
    match entrances.socket {
        None => network.await,
        Some(socket) => {
            let socket =
                connections::serve(socket, router.clone(), Bounds::of_socket(), open(), stopping.clone());
            let (network, socket) = tokio::join!(network, socket);
            network.and(socket)
        }
    }
}

/// What all handlers share.
#[derive(Debug)]
struct Api {
    host: Arc<Host>,
    /// Room for bodies, in pieces.
    bodies: Semaphore,
    /// Places for streams.
    streams: Arc<Semaphore>,
    /// How many of them each credential has.
    streams_of_actors: Mutex<HashMap<Actor, usize>>,
    /// One set of schedules is read at a time: its times and texts are tried out, which takes a processor for a while.
    reading_schedules: Semaphore,
    /// Connections that there are.
    connections: Arc<AtomicUsize>,
    /// Credentials that were not good.
    failed_credentials: FailedCredentials,
    /// Whether streams are to end.
    stopping: watch::Receiver<bool>,
}

impl Api {
    fn new(host: Arc<Host>, stopping: watch::Receiver<bool>) -> Self {
        let pieces = usize::try_from(BODIES_BYTES_MAX / ROOM_PIECE_BYTES).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            host,
            bodies: Semaphore::new(pieces),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            streams_of_actors: Mutex::default(),
            reading_schedules: Semaphore::new(1),
            connections: Arc::default(),
            failed_credentials: FailedCredentials::new(),
            stopping,
        }
    }

    fn streams_of_actors(&self) -> MutexGuard<'_, HashMap<Actor, usize>> {
        // Entries are counted up and down whole.
        self.streams_of_actors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn streams_open(&self) -> usize {
        STREAMS_MAX.saturating_sub(self.streams.available_permits())
    }
}

type Handler = MethodRouter<Arc<Api>>;

/// Every endpoint: what whoever asks has to have, and what answers.
#[rustfmt::skip]
fn routes() -> Vec<(Endpoint, Handler)> {
    use Role::{Admin, Deploy, Enqueue, Operate, Read};

    const NOTHING: Needs = Needs::Nothing;
    const ANYBODY: Needs = Needs::Credential;
    const ENQUEUE: Needs = Needs::OneOf(&[Enqueue]);
    const READ: Needs = Needs::OneOf(&[Read]);
    const OPERATE: Needs = Needs::OneOf(&[Operate]);
    const ENQUEUE_OR_OPERATE: Needs = Needs::OneOf(&[Enqueue, Operate]);
    const ADMIN: Needs = Needs::OneOf(&[Admin]);
    const DEPLOY: Needs = Needs::OneOf(&[Deploy]);
    const READ_OR_DEPLOY: Needs = Needs::OneOf(&[Read, Deploy]);
    const DEPLOY_OR_ADMIN: Needs = Needs::OneOf(&[Deploy, Admin]);
    const OPERATE_OR_ADMIN: Needs = Needs::OneOf(&[Operate, Admin]);
    const READ_OR_ENQUEUE: Needs = Needs::OneOf(&[Read, Enqueue]);

    vec![
        row("POST", "/v1/tasks", ENQUEUE, post(enqueue::enqueue)),
        row("POST", "/v1/tasks/batch", ENQUEUE, post(enqueue::enqueue_batch)),
        row("GET", "/v1/tasks", ANYBODY, get(tasks::list_tasks)),
        row("GET", "/v1/tasks/{id}", ANYBODY, get(tasks::show_task)),
        row("GET", "/v1/tasks/{id}/log", ANYBODY, get(log::read_log)),
        row("POST", "/v1/tasks/{id}/cancel", ENQUEUE_OR_OPERATE, post(cancel::cancel_task)),
        row("POST", "/v1/tasks/{id}/retry", OPERATE, post(retry::retry_task)),
        row("POST", "/v1/tasks/cancel", OPERATE, post(bulk::cancel_many)),
        row("POST", "/v1/tasks/retry", OPERATE, post(bulk::retry_many)),
        row("GET", "/v1/jobs", READ_OR_ENQUEUE, get(jobs::list_jobs)),
        row("GET", "/v1/jobs/{name}", READ_OR_ENQUEUE, get(jobs::show_job)),
        row("GET", "/v1/jobs/{name}/description", READ_OR_ENQUEUE, get(jobs::describe_job)),
        row("POST", "/v1/jobs/{name}/pause", OPERATE, post(pause::pause_job)),
        row("POST", "/v1/jobs/{name}/resume", OPERATE, post(pause::resume_job)),
        row("GET", "/v1/jobs/{name}/revisions", READ_OR_DEPLOY, get(deployments::list_revisions)),
        row("POST", "/v1/jobs/{name}/rollback", DEPLOY, post(deployments::roll_back)),
        row("POST", "/v1/jobs/{name}/undeploy", DEPLOY, post(deployments::undeploy)),
        row("POST", "/v1/deployments", DEPLOY, post(deployments::deploy)),
        row("GET", "/v1/deployments/{id}", DEPLOY, get(deployments::show_deployment)),
        row("POST", "/v1/pause", OPERATE, post(pause::pause_all)),
        row("POST", "/v1/resume", OPERATE, post(pause::resume_all)),
        row("GET", "/v1/schedules", READ, get(schedules::list_schedules)),
        row("GET", "/v1/schedules/{name}", READ, get(schedules::show_schedule)),
        row("GET", "/v1/schedules/{name}/next", READ, get(schedules::next_times)),
        row("POST", "/v1/schedules/apply", DEPLOY_OR_ADMIN, post(schedules::apply_schedules)),
        row("POST", "/v1/schedules/{name}/put", DEPLOY_OR_ADMIN, post(schedules::put_schedule)),
        row("POST", "/v1/schedules/{name}/delete", DEPLOY_OR_ADMIN, post(schedules::delete_schedule)),
        row("POST", "/v1/schedules/{name}/pause", OPERATE_OR_ADMIN, post(schedules::pause_schedule)),
        row("POST", "/v1/schedules/{name}/resume", OPERATE_OR_ADMIN, post(schedules::resume_schedule)),
        row("POST", "/v1/schedules/{name}/trigger", OPERATE_OR_ADMIN, post(schedules::trigger_schedule)),
        row("POST", "/v1/schedules/{name}/backfill", OPERATE_OR_ADMIN, post(schedules::backfill_schedule)),
        row("POST", "/v1/tokens", ADMIN, post(tokens::create_token)),
        row("GET", "/v1/tokens", ADMIN, get(tokens::list_tokens)),
        row("POST", "/v1/tokens/{id}/revoke", ADMIN, post(tokens::revoke_token)),
        row("GET", "/v1/audit", ADMIN, get(audit::read_audit)),
        row("GET", "/v1/stats", READ, get(stats::stats)),
        row("GET", "/v1/events", READ, get(events::follow_events)),
        row("GET", "/healthz", NOTHING, get(health::alive)),
        row("GET", "/readyz", NOTHING, get(health::ready)),
        row("GET", "/metrics", READ, get(health::metrics)),
        row("GET", "/openapi.json", NOTHING, get(health::openapi)),
    ]
}

fn row(method: &'static str, path: &'static str, needs: Needs, handler: Handler) -> (Endpoint, Handler) {
    (Endpoint { method, path, needs }, handler)
}

/// The paths that there are, to propose one to whoever mistypes it.
static PATHS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| routes().into_iter().map(|(endpoint, _)| endpoint.path).collect());

fn router(api: &Arc<Api>) -> Router {
    let mut router = Router::new();
    for (endpoint, handler) in routes() {
        let guarded = Guarded { api: Arc::clone(api), endpoint };
        router = router.route(endpoint.path, handler.route_layer(from_fn_with_state(guarded, guard)));
    }
    let (unknown, other_method, host) = (Arc::clone(api), Arc::clone(api), Arc::clone(&api.host));
    let router = router
        .fallback(async move |uri: Uri| not_found(&unknown, &uri))
        .method_not_allowed_fallback(async move |method: Method, uri: Uri| {
            method_not_allowed(&other_method, &method, &uri)
        })
        .with_state(Arc::clone(api));
    match host.clock.mode() {
        // Durations and ages of the commands are by the clock of the host that they ask.
        Mode::Development { clock: Some(_) } => {
            router.layer(map_response(move |response| ready(tell_time(&host, response))))
        }
        Mode::Service | Mode::Development { clock: None } => router,
    }
}

fn tell_time(host: &Host, mut response: Response) -> Response {
    if let Ok(now) = HeaderValue::try_from(host.now().to_string()) {
        response.headers_mut().insert(HOST_TIME, now);
    }
    response
}

fn not_found(api: &Api, uri: &Uri) -> Response {
    let nearest = nearest(uri.path(), PATHS.iter().copied());
    other(api, ApiError::NotFound { path: shortened(uri.path()), nearest })
}

fn method_not_allowed(api: &Api, method: &Method, uri: &Uri) -> Response {
    let method = shortened(method.as_str());
    other(api, ApiError::MethodNotAllowed { method, path: shortened(uri.path()) })
}

/// An answer of no endpoint. All of them are counted as one: paths are for clients to choose.
fn other(api: &Api, error: ApiError) -> Response {
    let response = error.into_response();
    api.host.metrics.answered("other", "other", response.status().as_u16());
    response
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Caller;
    use std::collections::BTreeSet;

    #[test]
    fn each_endpoint_stands_once() {
        let rows = routes();
        let endpoints: BTreeSet<_> =
            rows.iter().map(|(endpoint, _)| (endpoint.path, endpoint.method)).collect();
        assert_eq!(endpoints.len(), rows.len());
    }

    /// Who may ask for each endpoint: anybody, whoever is known, or whoever has one of these roles and no other.
    #[test]
    fn who_may_ask_for_what() {
        let let_in = |needs: Needs, roles: Vec<Role>| {
            let caller = Caller { actor: Actor::Settings, source: "api".to_owned(), roles, jobs: None };
            needs.check(&caller).is_ok()
        };
        let rows = routes().into_iter().map(|(Endpoint { method, path, needs, .. }, _)| {
            let words = Role::ALL.into_iter().filter(|role| let_in(needs, vec![*role])).map(Role::as_str);
            let who = match needs {
                Needs::Nothing => "anybody".to_owned(),
                _ if let_in(needs, Vec::new()) => "whoever is known".to_owned(),
                _ => words.collect::<Vec<_>>().join(" "),
            };
            format!("{method} {path}: {who}")
        });
        insta::assert_snapshot!(rows.collect::<Vec<_>>().join("\n"), @"
        POST /v1/tasks: enqueue
        POST /v1/tasks/batch: enqueue
        GET /v1/tasks: whoever is known
        GET /v1/tasks/{id}: whoever is known
        GET /v1/tasks/{id}/log: whoever is known
        POST /v1/tasks/{id}/cancel: enqueue operate
        POST /v1/tasks/{id}/retry: operate
        POST /v1/tasks/cancel: operate
        POST /v1/tasks/retry: operate
        GET /v1/jobs: enqueue read
        GET /v1/jobs/{name}: enqueue read
        GET /v1/jobs/{name}/description: enqueue read
        POST /v1/jobs/{name}/pause: operate
        POST /v1/jobs/{name}/resume: operate
        GET /v1/jobs/{name}/revisions: read deploy
        POST /v1/jobs/{name}/rollback: deploy
        POST /v1/jobs/{name}/undeploy: deploy
        POST /v1/deployments: deploy
        GET /v1/deployments/{id}: deploy
        POST /v1/pause: operate
        POST /v1/resume: operate
        GET /v1/schedules: read
        GET /v1/schedules/{name}: read
        GET /v1/schedules/{name}/next: read
        POST /v1/schedules/apply: deploy admin
        POST /v1/schedules/{name}/put: deploy admin
        POST /v1/schedules/{name}/delete: deploy admin
        POST /v1/schedules/{name}/pause: operate admin
        POST /v1/schedules/{name}/resume: operate admin
        POST /v1/schedules/{name}/trigger: operate admin
        POST /v1/schedules/{name}/backfill: operate admin
        POST /v1/tokens: admin
        GET /v1/tokens: admin
        POST /v1/tokens/{id}/revoke: admin
        GET /v1/audit: admin
        GET /v1/stats: read
        GET /v1/events: read
        GET /healthz: anybody
        GET /readyz: anybody
        GET /metrics: read
        GET /openapi.json: anybody
        ");
    }
}
