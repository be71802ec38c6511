//! `GET /v1/audit`: who wanted what.

use super::limits::{PAGE_TASKS_EXAMINED_MAX, PAGE_TASKS_MAX};
use super::problem::ApiError;
use super::query::Parameters;
use super::{Api, cursor, filter, openapi};
use axum::Json;
use axum::extract::State;
use http::Uri;
use mainworker_client::wire::{AuditInfo, AuditPage};
use mainworker_domain::audit::{Action, Actor, Object};
use mainworker_queue::store::Store;
use mainworker_queue::verbs::audit::{AuditFilter, AuditRow, ReadAudit};
use std::sync::Arc;

/// What can be asked for.
const PARAMETERS: &[&str] = &["actor", "action", "kind", "object", "from", "to", "cursor"];

/// Lists who wanted what, the newest first.
#[utoipa::path(
    get, path = "/v1/audit", tag = "access", params(openapi::AuditParameters),
    responses((status = 200, description = "A page", body = AuditPage))
)]
pub(super) async fn read_audit(State(api): State<Arc<Api>>, uri: Uri) -> Result<Json<AuditPage>, ApiError> {
    let parameters = Parameters::read(&uri, PARAMETERS)?;
    let fits = fits(&parameters)?;
    // Debug quotes texts, so no value can pass for another field.
    let query = format!("audit {fits:?}");
    let before = parameters.get("cursor").map(|text| cursor::read(&query, text)).transpose()?;
    let page = api
        .host
        .store
        .audit(ReadAudit {
            filter: fits,
            before,
            entries_max: PAGE_TASKS_MAX,
            examined_max: PAGE_TASKS_EXAMINED_MAX,
        })
        .await?;
    Ok(Json(AuditPage {
        entries: page.entries.into_iter().map(shown).collect(),
        next_cursor: page.next.map(|next| cursor::write(&query, next)),
    }))
}

fn fits(parameters: &Parameters) -> Result<AuditFilter, ApiError> {
    let actor = parameters.get("actor").map(|text| {
        let expected = "`settings`, `operator` or `token:ID`".to_owned();
        Actor::parse(text).ok_or_else(|| filter::bad("actor", text, expected))
    });
    let action = parameters.get("action").map(|word| {
        let words: Vec<_> = Action::ALL.iter().map(|action| action.as_str()).collect();
        Action::parse(word).ok_or_else(|| filter::bad_word("action", word, &words))
    });
    let object = match (parameters.get("kind"), parameters.get("object")) {
        (None, None) => None,
        (Some(kind), name) => {
            let name = name.unwrap_or_default();
            let expected = "`host`, or with `object` a `task`, a `job`, a `token` or a `schedule`".to_owned();
            Some(Object::parse(kind, name).ok_or_else(|| filter::bad("kind", kind, expected))?)
        }
        (None, Some(name)) => {
            let expected = "`kind` beside it, which says what it is".to_owned();
            return Err(filter::bad("object", name, expected));
        }
    };
    Ok(AuditFilter {
        actor: actor.transpose()?,
        action: action.transpose()?,
        object,
        from: filter::moment("from", parameters.get("from"))?,
        to: filter::moment("to", parameters.get("to"))?,
    })
}

fn shown(AuditRow { entry, .. }: AuditRow) -> AuditInfo {
    AuditInfo {
        at: entry.at.to_string(),
        actor: entry.actor.to_string(),
        action: entry.action.as_str().to_owned(),
        kind: entry.object.kind().to_owned(),
        object: entry.object.name(),
        detail: entry.detail,
    }
}
