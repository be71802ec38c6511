//! What every request passes before it is answered: who asks, whether it may, how long it may take; and that it is counted.

use super::Api;
use super::body::discard;
use super::limits::REQUEST;
use super::problem::ApiError;
use crate::access::{Caller, Role};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::AUTHORIZATION;
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
    /// Whether the answer may go on for ever.
    pub(super) streams: bool,
}

/// An endpoint and what it belongs to, for [`guard`].
#[derive(Clone, Debug)]
pub(super) struct Guarded {
    pub(super) api: Arc<Api>,
    pub(super) endpoint: Endpoint,
}

impl Needs {
    /// Lets a request in; with who it is from, if that is asked for.
    fn admit(self, api: &Api, headers: &HeaderMap) -> Result<Option<Arc<Caller>>, ApiError> {
        if self == Self::Nothing {
            return Ok(None);
        }
        // A header that is no text is a credential of another kind.
        let authorization = headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
        let caller = api.host.access.caller(authorization)?;
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

/// Stands before each endpoint. The handler finds the [`Caller`] in the request.
pub(super) async fn guard(State(guarded): State<Guarded>, mut request: Request, next: Next) -> Response {
    let Guarded { api, endpoint } = guarded;
    let response = match endpoint.needs.admit(&api, request.headers()) {
        Err(error) => {
            discard(request.into_body()).await;
            error.into_response()
        }
        Ok(caller) => {
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            if endpoint.streams {
                next.run(request).await
            } else {
                let seconds = REQUEST.as_secs();
                let answered = timeout(REQUEST, next.run(request)).await;
                answered.unwrap_or_else(|_| ApiError::TookTooLong { seconds }.into_response())
            }
        }
    };
    api.host.metrics.answered(endpoint.method, endpoint.path, response.status().as_u16());
    response
}
