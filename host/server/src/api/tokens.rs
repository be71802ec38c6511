//! `/v1/tokens`: who may ask this host for something.

use super::body::{self, Kind};
use super::fields::{missing, text, texts};
use super::named::Named;
use super::problem::ApiError;
use super::{Api, openapi, shortened};
use crate::access::Caller;
use crate::tokens::TokenAsked;
use axum::Json;
use axum::extract::{Extension, Request, State};
use http::StatusCode;
use mainworker_client::wire::{RevokeAnswer, TokenCreated, TokenInfo, TokenList, TokenRequest};
use mainworker_domain::access::{Role, TokenId};
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::nearest::nearest;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::tokens::{Revoked, TokenRow};
use secrecy::ExposeSecret;
use serde_json::Value;
use std::sync::Arc;

const FIELDS: &[&str] = &["source", "roles", "jobs", "expiresAt"];

/// Makes a token, which is good at once.
///
/// The answer is the only place where all of it can ever be read: the host keeps a hash.
#[utoipa::path(
    post, path = "/v1/tokens", tag = "access", request_body = TokenRequest,
    responses((status = 201, description = "It is made", body = TokenCreated))
)]
pub(super) async fn create_token(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Arc<Caller>>,
    request: Request,
) -> Result<(StatusCode, Json<TokenCreated>), ApiError> {
    let body = body::small(&body::read(&api, request, Kind::Small).await?.bytes, FIELDS)?;
    let made = api.host.create_token(asked(&body)?, &caller).await?;
    let token = made.token.expose_secret().to_owned();
    Ok((StatusCode::CREATED, Json(TokenCreated { id: made.id.to_string(), token })))
}

/// Lists every token that there ever was, in the order in which they were made, without their secrets.
#[utoipa::path(
    get, path = "/v1/tokens", tag = "access",
    responses((status = 200, description = "All of them", body = TokenList))
)]
pub(super) async fn list_tokens(State(api): State<Arc<Api>>) -> Result<Json<TokenList>, ApiError> {
    api.host.keep_last_used().await;
    let (tokens, now) = (api.host.store.tokens().await?, api.host.now());
    Ok(Json(TokenList { tokens: tokens.iter().map(|row| shown(row, now)).collect() }))
}

/// Makes a token worthless, at once and for good. Doing it twice is as good as once.
#[utoipa::path(
    post, path = "/v1/tokens/{id}/revoke", tag = "access", params(openapi::TokenPath),
    responses((status = 200, description = "It is nobody's any more", body = RevokeAnswer))
)]
pub(super) async fn revoke_token(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Arc<Caller>>,
    Named(name): Named,
    request: Request,
) -> Result<Json<RevokeAnswer>, ApiError> {
    body::small(&body::read(&api, request, Kind::Small).await?.bytes, &[])?;
    let unknown = || ApiError::UnknownToken { id: shortened(&name) };
    let id = TokenId::parse(&name).ok_or_else(unknown)?;
    let revoke = match api.host.revoke_token(id, &caller).await? {
        Revoked::Now => "revoked",
        Revoked::Already => "already",
        Revoked::Unknown => return Err(unknown()),
    };
    Ok(Json(RevokeAnswer { id: name, revoke: revoke.to_owned() }))
}

/// Reads what is asked for. Whether it can be meant is for [`crate::tokens::create`].
fn asked(body: &Value) -> Result<TokenAsked, ApiError> {
    let role = |word: String| {
        let words = Role::ALL.map(Role::as_str);
        Role::parse(&word).ok_or_else(|| ApiError::TokenInvalid {
            pointer: "/roles",
            problem: format!(
                "there is no role `{}`, expected some of `{}`",
                shortened(&word),
                words.join("`, `")
            ),
            nearest: nearest(&word, words),
        })
    };
    let job = |name: String| {
        JobName::parse(&name).map_err(|error| ApiError::TokenInvalid {
            pointer: "/jobs",
            problem: error.to_string(),
            nearest: None,
        })
    };
    let moment = |text: &str| {
        Timestamp::parse(text).ok_or_else(|| ApiError::TokenInvalid {
            pointer: "/expiresAt",
            problem: format!(
                "it expires at `{}`, expected a time such as `2015-05-17T08:05:32Z`",
                shortened(text)
            ),
            nearest: None,
        })
    };
    let roles = texts(body, "roles")?.ok_or_else(|| missing("roles"))?;
    Ok(TokenAsked {
        source: text(body, "source")?.ok_or_else(|| missing("source"))?.to_owned(),
        jobs: texts(body, "jobs")?.map(|names| names.into_iter().map(job).collect()).transpose()?,
        roles: roles.into_iter().map(role).collect::<Result<_, _>>()?,
        expires_at: text(body, "expiresAt")?.map(moment).transpose()?,
    })
}

/// A token as whoever may see it is shown it.
fn shown(row: &TokenRow, now: Timestamp) -> TokenInfo {
    let state = match row.revoked_at {
        Some(_) => "revoked",
        None if row.is_in_use(now) => "good",
        None => "expired",
    };
    TokenInfo {
        id: row.token.id.to_string(),
        state: state.to_owned(),
        source: row.token.source.clone(),
        roles: row.token.roles.iter().map(|role| role.as_str().to_owned()).collect(),
        jobs: row.token.jobs.as_ref().map(|jobs| jobs.iter().map(JobName::to_string).collect()),
        created_at: row.created_at.to_string(),
        created_by: row.created_by.to_string(),
        expires_at: row.token.expires_at.map(|moment| moment.to_string()),
        revoked_at: row.revoked_at.map(|moment| moment.to_string()),
        last_used_at: row.last_used_at.map(|moment| moment.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_asked_for_is_read() {
        let body = json!({
            "source": "api", "roles": ["enqueue", "read"], "jobs": ["echo"], "expiresAt": "2027-01-01T00:00:00Z",
        });
        let expected = TokenAsked {
            source: "api".to_owned(),
            jobs: Some(vec![JobName::parse("echo").unwrap()]),
            roles: vec![Role::Enqueue, Role::Read],
            expires_at: Timestamp::parse("2027-01-01T00:00:00Z"),
        };
        assert_eq!(asked(&body).unwrap(), expected);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let code = |body: Value| asked(&body).unwrap_err().code().to_owned();
        assert_eq!(code(json!({ "roles": [] })), "missing_field");
        assert_eq!(code(json!({ "source": "api" })), "missing_field");
        assert_eq!(code(json!({ "source": 1, "roles": [] })), "wrong_type");
        assert_eq!(code(json!({ "source": "api", "roles": "read" })), "wrong_type");
        assert_eq!(code(json!({ "source": "api", "roles": [1] })), "wrong_type");
        assert_eq!(code(json!({ "source": "api", "roles": ["reed"] })), "token_invalid");
        assert_eq!(code(json!({ "source": "api", "roles": [], "jobs": ["A"] })), "token_invalid");
        assert_eq!(code(json!({ "source": "api", "roles": [], "expiresAt": "soon" })), "token_invalid");
    }
}
