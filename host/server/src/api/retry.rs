//! `POST /v1/tasks/{id}/retry`: a task that ended without a result gets a new life.

use super::body::{self, Kind};
use super::fields::wrong_type;
use super::problem::ApiError;
use super::tasks::{NamedTask, check_job, unknown};
use super::{Api, openapi};
use crate::access::Caller;
use axum::Json;
use axum::extract::{Extension, Request, State};
use http::StatusCode;
use mainworker_client::wire::RetryAnswer;
use mainworker_domain::limits::DELAY_MS_MAX;
use mainworker_domain::task_options::OptionError;
use mainworker_queue::verbs::retry::Retried;
use serde_json::Value;
use std::sync::Arc;

/// Gives a task that failed, was cancelled or expired a new life.
///
/// No attempt is counted, and nothing of its expiry is left.
#[utoipa::path(
    post, path = "/v1/tasks/{id}/retry", tag = "tasks", params(openapi::TaskPath),
    request_body(content = openapi::RetryRequest, description = "May be left out"),
    responses((status = 202, description = "It is queued again", body = RetryAnswer))
)]
pub(super) async fn retry_task(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Arc<Caller>>,
    NamedTask(id): NamedTask,
    request: Request,
) -> Result<(StatusCode, Json<RetryAnswer>), ApiError> {
    let body = body::small(&body::read(&api, request, Kind::Small).await?.bytes, &["delayMs"])?;
    let delay_ms = delay_ms(&body["delayMs"])?;
    check_job(&api, &caller, id).await?;
    let retried = api.host.retry(vec![id], delay_ms, &caller).await?;
    match retried.first() {
        Some(Retried::Queued) => {
            let answer = RetryAnswer { task_id: id.to_string(), state: "queued".to_owned() };
            Ok((StatusCode::ACCEPTED, Json(answer)))
        }
        Some(Retried::Refused(refusal)) => Err(ApiError::refused(*refusal)),
        Some(Retried::UniqueConflict { task_id }) => Err(ApiError::UniqueConflict { task_id: *task_id }),
        Some(Retried::Unknown) => Err(unknown(id)),
        None => Err(ApiError::Host("a task was retried without an answer")),
    }
}

fn delay_ms(value: &Value) -> Result<u64, ApiError> {
    if value.is_null() {
        return Ok(0);
    }
    let delay_ms = value.as_u64();
    let delay_ms = delay_ms.ok_or_else(|| wrong_type("/delayMs", value, "a whole number from 0"))?;
    if delay_ms > DELAY_MS_MAX {
        return Err(ApiError::Options(OptionError::Invalid {
            option: "delayMs",
            found: delay_ms.to_string(),
            expected: format!("at most {DELAY_MS_MAX}"),
        }));
    }
    Ok(delay_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_delay_is_a_number_of_milliseconds() {
        assert_eq!(delay_ms(&Value::Null).unwrap(), 0);
        assert_eq!(delay_ms(&json!(DELAY_MS_MAX)).unwrap(), DELAY_MS_MAX);
        assert_eq!(delay_ms(&json!("5")).unwrap_err().code(), "wrong_type");
        assert_eq!(delay_ms(&json!(-1)).unwrap_err().code(), "wrong_type");
        assert_eq!(delay_ms(&json!(DELAY_MS_MAX + 1)).unwrap_err().code(), "options_invalid");
    }
}
