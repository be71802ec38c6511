//! What every request passes before it is answered: who asks, whether it may, how long it may take; and that it is counted.

use super::Api;
use super::body::discard;
use super::failed_credentials::TooMany;
use super::limits::REQUEST;
use super::listener::Peer;
use super::problem::ApiError;
use crate::access::{Caller, Unauthenticated};
use axum::extract::{Extension, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use mainworker_domain::access::Role;
use mainworker_domain::event::Event;
use mainworker_queue::dispatch::Clock as _;
use std::future::Future;
use std::sync::Arc;
use tokio::time::timeout;

/// What whoever asks has to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing: anybody may ask.
    Nothing,
    /// A credential, with whatever roles. What it does not see is not there for it.
    Credential,
    /// One of these roles.
    OneOf(&'static [Role]),
}

/// One method of one path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endpoint {
    /// In capitals.
    pub(super) method: &'static str,
    /// With the names of its parts: `/v1/tasks/{id}`.
    pub(super) path: &'static str,
    /// What whoever asks has to have.
    pub(super) needs: Needs,
}

/// An endpoint and what it belongs to, for [`guard`].
#[derive(Clone, Debug)]
pub(super) struct Guarded {
    pub(super) api: Arc<Api>,
    pub(super) endpoint: Endpoint,
}

impl Needs {
    /// Lets a request in; with who it is from, if that is asked for.
    fn admit(self, api: &Api, headers: &HeaderMap, peer: Peer) -> Result<Option<Arc<Caller>>, ApiError> {
        if self == Self::Nothing {
            return Ok(None);
        }
        // A header that is no text is a credential of another kind.
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let authorization = given.next().map(|value| value.to_str().unwrap_or_default());
        // Of two nobody knows which one somebody before this host has looked at.
        let authorization = if given.next().is_some() { Some("") } else { authorization };
        let access = &api.host.access;
        let caller = match (peer, authorization) {
            // Nothing has to be shown there, and what is shown counts as anywhere.
            (Peer::Socket, None) => access.operator(),
            (_, authorization) => access
                .caller(authorization, api.host.now())
                .map_err(|error| refused(api, peer, authorization.is_some(), error))?,
        };
        self.check(&caller)?;
        Ok(Some(caller))
    }

    /// Whether somebody who is known may ask.
    pub(super) fn check(self, caller: &Caller) -> Result<(), ApiError> {
        match self {
            Self::OneOf(needed) if !needed.iter().any(|role| caller.may(*role)) => {
                Err(ApiError::RoleMissing { source_name: caller.source.clone(), needed })
            }
            Self::Nothing | Self::Credential | Self::OneOf(_) => Ok(()),
        }
    }
}

/// Counts and tells a credential that is not good; a request without any only hears that it needs one.
fn refused(api: &Api, peer: Peer, was_shown: bool, error: Unauthenticated) -> ApiError {
    if !was_shown {
        return error.into();
    }
    let token = match &error {
        // Told only to whoever had all of it, and so it is no secret that it was tried.
        Unauthenticated::Revoked { id } | Unauthenticated::Expired { id, .. } => Some(id.clone()),
        _ => None,
    };
    api.host.events.emit(Event::CredentialRefused { why: error.word(), address: peer.to_string(), token });
    match api.failed_credentials.count(peer, api.host.clock.steady()) {
        Ok(()) => error.into(),
        Err(TooMany { wait_ms }) => ApiError::TooManyFailures { seconds: wait_ms.div_ceil(1_000) },
    }
}

/// Stands before each endpoint. The handler finds the [`Caller`] in the request.
pub(super) async fn guard(
    State(guarded): State<Guarded>,
    Extension(peer): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let Guarded { api, endpoint } = guarded;
    let response = match endpoint.needs.admit(&api, request.headers(), peer) {
        Err(error) => {
            let (parts, body) = request.into_parts();
            discard(&parts.headers, body).await;
            error.into_response()
        }
        Ok(caller) => {
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            // The time until the answer begins; a stream that did goes on.
            let answered = timeout(REQUEST, next.run(request));
            let answered = match endpoint.method {
                "GET" => Some(answered.await),
                _ => to_its_end(answered).await,
            };
            let seconds = REQUEST.as_secs();
            match answered {
                Some(Ok(response)) => response,
                Some(Err(_)) => ApiError::TookTooLong { seconds }.into_response(),
                None => ApiError::Host("a request was not answered").into_response(),
            }
        }
    };
    api.host.metrics.answered(endpoint.method, endpoint.path, response.status().as_u16());
    response
}

/// Does something to its end even if nobody waits for it any more: a client that goes away must not leave a task stored and
/// nobody told of it. None if it panicked, or the host ended before.
async fn to_its_end<T: Send + 'static>(doing: impl Future<Output = T> + Send + 'static) -> Option<T> {
    tokio::spawn(doing).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn what_has_begun_is_done_although_its_client_went_away() {
        let (go_on, goes_on) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        let doing = to_its_end(async move {
            goes_on.await.unwrap();
            done.send("done").unwrap();
        });
        assert!(doing.now_or_never().is_none(), "it waits, and is dropped with its client");
        go_on.send(()).unwrap();
        assert_eq!(is_done.await.unwrap(), "done");
    }

    #[tokio::test]
    async fn its_result_is_handed_on() {
        assert_eq!(to_its_end(async { 7 }).await, Some(7));
    }
}
