//! For requests to a running host.

use crate::access::Unauthenticated;
use crate::api::problem::{ApiError, status_of};
use crate::schedules::ScheduleRefused;
use mainworker_client::hints::OPTIONS_EXAMPLE;
use mainworker_domain::access::OPERATOR;
use mainworker_domain::lifecycle::{Refusal, State};
use mainworker_domain::rejection::JsonProblem;
use mainworker_domain::task_options::OptionError;

/// For a request that is not answered with what it asked for.
pub fn of_api(error: &ApiError) -> Option<String> {
    Some(match error {
        ApiError::Unreadable => {
            "send HTTP/1.1, over TLS only to a host that listens on `https://`; a client library does, `curl --verbose` shows what is sent".to_owned()
        }
        ApiError::HeadersTooLarge { .. } => {
            "shorten the query, and leave out headers and cookies that the host does not need".to_owned()
        }
        ApiError::Unauthenticated(Unauthenticated::Closed) => {
            "make one where the host's data folder is: `mainworker token create --data DIR --source api --role enqueue`"
                .to_owned()
        }
        ApiError::Unauthenticated(
            Unauthenticated::Wrong | Unauthenticated::Revoked { .. } | Unauthenticated::Expired { .. },
        ) => "whoever has the role `admin` makes another: `mainworker token create`".to_owned(),
        ApiError::TooManyFailures { .. } => {
            "look which service still has an old token: `mainworker token list` says which ones are good".to_owned()
        }
        ApiError::Unauthenticated(_) => {
            "send the header `Authorization: Bearer TOKEN`; the commands take `--token` or `MAINWORKER_TOKEN`"
                .to_owned()
        }
        ApiError::RoleMissing { source_name, .. } if source_name == OPERATOR => {
            "an envelope names its source, and only a token stands for one: `mainworker token create --data DIR --source api --role enqueue`".to_owned()
        }
        ApiError::RoleMissing { needed, .. } => {
            let role = needed.first()?.as_str();
            format!("use a token with that role: `mainworker token create --source … --role {role}`")
        }
        ApiError::NotFound { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
        ApiError::NotFound { nearest: None, .. } => "`/openapi.json` lists the paths".to_owned(),
        ApiError::MethodNotAllowed { .. } => "the header `Allow` names the methods that it takes".to_owned(),
        ApiError::Deployment(refused) => return refused.hint(),
        ApiError::BadFilter { nearest: None, .. } => return None,
        ApiError::UnknownToken { .. } => "`mainworker token list` lists them".to_owned(),
        ApiError::TokenInvalid { nearest: None, .. } => {
            r#"a token is such as {"source": "api", "roles": ["enqueue"], "jobs": ["echo"], "expiresAt": "…"}"#.to_owned()
        }
        ApiError::BadFilter { nearest: Some(nearest), .. }
        | ApiError::TokenInvalid { nearest: Some(nearest), .. }
        | ApiError::UnknownFilter { nearest: Some(nearest), .. }
        | ApiError::UnknownField { nearest: Some(nearest), .. }
        | ApiError::Options(OptionError::Unknown { nearest: Some(nearest), .. }) => {
            format!("did you mean `{nearest}`?")
        }
        ApiError::UnknownFilter { nearest: None, .. } | ApiError::UnknownField { nearest: None, .. } => {
            "remove it".to_owned()
        }
        ApiError::BadCursor => {
            "begin again without a cursor; one is good for the query that gave it".to_owned()
        }
        ApiError::UnsupportedMediaType { .. } => {
            "send JSON with the header `Content-Type: application/json`, not compressed".to_owned()
        }
        ApiError::TooLarge { what: "the body", .. } => "`/openapi.json` describes the request".to_owned(),
        ApiError::TooLarge { .. } => "pass data in a mount and name it in the payload".to_owned(),
        ApiError::Timeout { .. } => "send the body at once after the headers".to_owned(),
        ApiError::BrokenOff => "send as many bytes as `Content-Length` says".to_owned(),
        ApiError::MalformedJson(malformed) => match &malformed.problem {
            JsonProblem::DuplicateKey { key } => format!("keep one `{key}` of the two"),
            _ => "check the body with `jq .`".to_owned(),
        },
        ApiError::MissingField { field: "filter", .. } => {
            r#"such a request is {"filter": {"job": "…"}, "preview": true}"#.to_owned()
        }
        ApiError::MissingField { field: "tasks", .. } => {
            r#"a batch is {"tasks": [{"envelope": {…}, "options": {…}}]}"#.to_owned()
        }
        ApiError::MissingField { .. } => r#"a request is {"envelope": {…}, "options": {…}}"#.to_owned(),
        ApiError::WrongType { .. } => "`/openapi.json` describes the request".to_owned(),
        ApiError::Options(_) => OPTIONS_EXAMPLE.to_owned(),
        ApiError::NotTaken(_) if status_of(error.code()).is_server_error() => {
            "the log of the host says why".to_owned()
        }
        ApiError::NotTaken(failure) => return failure.hint.clone(),
        ApiError::Schedule { refused, .. } => return of_schedule(refused),
        ApiError::ScheduleName { .. } => "such as `nightly-report`".to_owned(),
        ApiError::NotForJob { .. } => "use a token that is for it too: `mainworker token create --source … --jobs …`".to_owned(),
        ApiError::RunRefused { .. } => "wait until that one has ended, or cancel it first".to_owned(),
        ApiError::UnknownTask { .. } => {
            "`mainworker list` lists tasks; those of other sources need the role `read`".to_owned()
        }
        ApiError::UnknownJob { nearest, .. } if !nearest.is_empty() => {
            format!("did you mean `{}`?", nearest.join("` or `"))
        }
        ApiError::UnknownJob { .. } => "`GET /v1/jobs` lists the jobs".to_owned(),
        ApiError::Refused { refusal: Refusal::NotCancellable { .. }, .. } => {
            "it has ended already; `GET /v1/tasks/ID` says how".to_owned()
        }
        ApiError::Refused { refusal: Refusal::NotRetryable { state: State::Completed }, .. } => {
            "it has its result; send a new task to run the job again".to_owned()
        }
        ApiError::Refused { refusal: Refusal::ConfigurationGone { .. }, .. } => {
            "send a new task with its configuration".to_owned()
        }
        ApiError::Refused { .. } => "wait until it has ended, or cancel it first".to_owned(),
        ApiError::UniqueConflict { .. } => "wait until that one has ended, or cancel it first".to_owned(),
        ApiError::TooManyStreams { .. } => "close some, or try again later".to_owned(),
        ApiError::Store(_) | ApiError::Stopping => {
            "try again later, with the same idempotency key if it is a task".to_owned()
        }
        ApiError::TookTooLong { .. } => {
            "look whether it was done; a task can be sent again with its idempotency key".to_owned()
        }
        ApiError::Host(_) => "this is a defect of the host: please report it with its log".to_owned(),
        ApiError::OfBatch { problem, .. } => return of_api(problem),
    })
}

/// For what is not done with a schedule.
fn of_schedule(refused: &ScheduleRefused) -> Option<String> {
    Some(match refused {
        ScheduleRefused::Unknown { nearest, .. } if !nearest.is_empty() => {
            format!("did you mean `{}`?", nearest.join("` or `"))
        }
        ScheduleRefused::Unknown { .. } => "`mainworker schedule list` lists them".to_owned(),
        ScheduleRefused::Invalid { error, .. } if !error.nearest.is_empty() => {
            format!("did you mean `{}`?", error.nearest.join("` or `"))
        }
        ScheduleRefused::Invalid { .. } => "`/openapi.json` describes a definition".to_owned(),
        ScheduleRefused::NotTaken { failure, .. } if status_of(&failure.code).is_server_error() => {
            "the log of the host says why".to_owned()
        }
        ScheduleRefused::NotTaken { failure, .. } => return failure.hint.clone(),
        ScheduleRefused::AnotherSet { set: Some(set), .. } => {
            format!("change it in the file of the set `{set}`, and apply that")
        }
        ScheduleRefused::AnotherSet { set: None, .. } => {
            "delete it first, with `mainworker schedule delete NAME`; its tasks stay".to_owned()
        }
        ScheduleRefused::Changed { .. } => "look at the difference again, and apply it then".to_owned(),
        ScheduleRefused::TooMany => "delete those that nobody needs".to_owned(),
        ScheduleRefused::Backfill { .. } => {
            r#"such a request is {"from": "2015-05-17T00:00:00Z", "to": "2015-05-18T00:00:00Z", "preview": true}"#.to_owned()
        }
        ScheduleRefused::Store(_) => "try again later".to_owned(),
        ScheduleRefused::Host(_) => "this is a defect of the host: please report it with its log".to_owned(),
    })
}
