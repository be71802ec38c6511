//! Answers that are not what was asked for: problem details (RFC 9457), with a stable code, a place and a hint.
//!
//! Each code has one HTTP status, in `status`.

mod made_of;
mod response;
mod status;

pub use status::status_of;

use super::limits::HEADERS_MAX;
use crate::access::Unauthenticated;
use crate::deployments::DeploymentRefused;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::hints;
use crate::schedules::ScheduleRefused;
use mainworker_client::wire::Problem;
use mainworker_domain::access::Role;
use mainworker_domain::job_name::JobName;
use mainworker_domain::json::Malformed;
use mainworker_domain::lifecycle::Refusal;
use mainworker_domain::rejection::escape_pointer;
use mainworker_domain::task_id::TaskId;
use mainworker_domain::task_options::OptionError;
use mainworker_queue::store::StoreError;
use std::sync::Arc;

/// Why a request is not answered with what it asked for.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ApiError {
    /// A line or a header that is no HTTP.
    #[error("the request cannot be read: its line or a header is not HTTP/1.1")]
    Unreadable,
    /// More line and headers than are taken.
    #[error(
        "the line and the headers of the request are too large, expected at most {bytes_max} bytes and {HEADERS_MAX} headers"
    )]
    HeadersTooLarge {
        /// Bytes that are taken.
        bytes_max: usize,
    },
    /// Nobody knows who asks.
    #[error(transparent)]
    Unauthenticated(#[from] Unauthenticated),
    /// A credential that is not good, after too many others.
    #[error("the credential is not good, and neither were too many before it")]
    TooManyFailures {
        /// How long to wait before the next.
        seconds: u64,
    },
    /// Whoever asks may not.
    #[error("the credential of `{source_name}` has not the role {}", one_of(needed))]
    RoleMissing {
        /// Who asks.
        source_name: String,
        /// The roles of which one is needed.
        needed: &'static [Role],
    },
    /// No such path.
    #[error("there is nothing at `{path}`")]
    NotFound {
        /// The path, shortened.
        path: String,
        /// The path most like it.
        nearest: Option<&'static str>,
    },
    /// Another method than the path takes.
    #[error("`{path}` does not take {method}")]
    MethodNotAllowed {
        /// The method, shortened.
        method: String,
        /// The path, shortened.
        path: String,
    },
    /// A parameter of the query, or a filter, that cannot be meant.
    #[error("the filter `{name}` is {found}, expected {expected}")]
    BadFilter {
        /// Its name.
        name: String,
        /// What was found, shortened.
        found: String,
        /// What was expected.
        expected: String,
        /// The word most like it.
        nearest: Option<&'static str>,
    },
    /// A filter that there is not.
    #[error("there is no filter `{name}`, expected some of `{}`", known.join("`, `"))]
    UnknownFilter {
        /// Its name, shortened.
        name: String,
        /// Those that there are.
        known: &'static [&'static str],
        /// The one most like it.
        nearest: Option<&'static str>,
    },
    /// A cursor that no answer of this very query gave.
    #[error("the cursor is not one of this query")]
    BadCursor,
    /// A body of another kind.
    #[error("the body is {found}, expected `application/json`")]
    UnsupportedMediaType {
        /// The kind, shortened.
        found: String,
    },
    /// More than is taken.
    #[error(
        "{what} has {}{observed} bytes, expected at most {allowed}",
        if *observed_is_least { "more than " } else { "" }
    )]
    TooLarge {
        /// What has too much.
        what: &'static str,
        /// How much it has.
        observed: u64,
        /// Whether counting stopped there.
        observed_is_least: bool,
        /// How much is taken.
        allowed: u64,
    },
    /// A body that did not come, or not in time.
    #[error("the body was not here within {seconds} seconds")]
    Timeout {
        /// How long it was waited for.
        seconds: u64,
    },
    /// A body that broke off, or that nobody can read as one.
    #[error("the body broke off")]
    BrokenOff,
    /// Not JSON, or JSON that two readers could understand differently.
    #[error("the request is not valid JSON at line {}, column {}: {}", .0.line, .0.column, .0.problem)]
    MalformedJson(Malformed),
    /// A field that has to be there.
    #[error("{what} has no field `{field}`")]
    MissingField {
        /// What has it not.
        what: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A field that means nothing.
    #[error("{what} has an unknown field `{field}`{}", expected_fields(known))]
    UnknownField {
        /// What has it.
        what: &'static str,
        /// Where that is, as a JSON pointer.
        parent: &'static str,
        /// Its name, shortened.
        field: String,
        /// The fields that there are.
        known: &'static [&'static str],
        /// The field most like it.
        nearest: Option<&'static str>,
    },
    /// Something of another type.
    #[error("{} is {found}, expected {expected}", shown_pointer(pointer))]
    WrongType {
        /// Where, as a JSON pointer.
        pointer: String,
        /// The type that was found.
        found: &'static str,
        /// The type that was expected.
        expected: &'static str,
    },
    /// Options of another shape.
    #[error(transparent)]
    Options(#[from] OptionError),
    /// Tasks that the intake does not take.
    #[error("{}", .0.message)]
    NotTaken(Box<Failure>),
    /// No such task, for this caller.
    #[error("there is no task `{id}` here")]
    UnknownTask {
        /// The id as given, shortened.
        id: String,
    },
    /// No such token.
    #[error("there is no token `{id}` here")]
    UnknownToken {
        /// The id as given, shortened.
        id: String,
    },
    /// A token that cannot be meant.
    #[error("{problem}")]
    TokenInvalid {
        /// Where, as a JSON pointer.
        pointer: &'static str,
        /// What was found and expected.
        problem: String,
        /// The word most like it.
        nearest: Option<&'static str>,
    },
    /// What is not done with a schedule.
    #[error("{refused}")]
    Schedule {
        /// Why.
        refused: Box<ScheduleRefused>,
        /// Where in the request, as a JSON pointer.
        pointer: Option<String>,
    },
    /// What is not done with a revision.
    #[error("{0}")]
    Deployment(Arc<DeploymentRefused>),
    /// A text that is the name of no schedule there could be.
    #[error("the name of a schedule: {problem}")]
    ScheduleName {
        /// What was found and expected.
        problem: String,
    },
    /// Something of a job that the credential is not for.
    #[error("the credential of `{source_name}` is not for {}", job.as_ref().map_or_else(|| "all jobs".to_owned(), |job| format!("the job `{job}`")))]
    NotForJob {
        /// Who asks.
        source_name: String,
        /// The job; none for all of them.
        job: Option<JobName>,
    },
    /// A run that was asked for and became no task.
    #[error("the run is refused: {problem}")]
    RunRefused {
        /// Why.
        problem: String,
    },
    /// No such job.
    #[error("there is no job `{name}` here")]
    UnknownJob {
        /// The name as given, shortened.
        name: String,
        /// Names like it.
        nearest: Vec<String>,
    },
    /// What cannot be done with a task as it stands.
    #[error("{refusal}")]
    Refused {
        /// Why.
        refusal: Refusal,
        /// The stable code.
        code: &'static str,
    },
    /// A task whose unique key another one holds by now.
    #[error("the unique key of the task is held by the task {task_id}, expected nobody to hold it")]
    UniqueConflict {
        /// That task.
        task_id: TaskId,
    },
    /// As many streams as there may be.
    #[error("{allowed} streams are open, expected fewer")]
    TooManyStreams {
        /// How many there may be.
        allowed: usize,
    },
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It took too long.
    #[error("the request was not done within {seconds} seconds; whether it will be is not known")]
    TookTooLong {
        /// How long it may take.
        seconds: u64,
    },
    /// The host takes nothing any more.
    #[error("the host is stopping")]
    Stopping,
    /// A defect.
    #[error("{0}")]
    Host(&'static str),
    /// One task of a batch; the others are not at fault.
    #[error("{problem}")]
    OfBatch {
        /// Which one, from 0.
        index: usize,
        /// Why it is not taken.
        problem: Box<ApiError>,
    },
}

impl ApiError {
    /// The stable code.
    pub fn code(&self) -> &str {
        match self {
            Self::Unreadable => "malformed_request",
            Self::HeadersTooLarge { .. } => "headers_too_large",
            Self::Unauthenticated(_) => "unauthenticated",
            Self::TooManyFailures { .. } => "too_many_failures",
            Self::RoleMissing { .. } => "role_missing",
            Self::NotFound { .. } => "not_found",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::BadFilter { .. } | Self::UnknownFilter { .. } => "bad_filter",
            Self::BadCursor => "bad_cursor",
            Self::UnsupportedMediaType { .. } => "unsupported_media_type",
            Self::TooLarge { .. } => "too_large",
            Self::Timeout { .. } => "timeout",
            Self::BrokenOff | Self::MalformedJson(_) => "malformed_json",
            Self::MissingField { .. } => "missing_field",
            Self::UnknownField { .. } => "unknown_field",
            Self::WrongType { .. } => "wrong_type",
            Self::Options(error) => error.code(),
            Self::NotTaken(failure) => code_of(failure),
            Self::UnknownTask { .. } => "unknown_task",
            Self::UnknownToken { .. } => "unknown_token",
            Self::TokenInvalid { .. } => "token_invalid",
            Self::Schedule { refused, .. } => match refused.as_ref() {
                ScheduleRefused::NotTaken { failure, .. } => code_of(failure),
                refused => refused.code(),
            },
            Self::Deployment(refused) => match refused.as_ref() {
                DeploymentRefused::NotReady(_) => "module_refused",
                refused => refused.code(),
            },
            Self::ScheduleName { .. } => "schedule_invalid",
            Self::NotForJob { .. } => "source_not_allowed",
            Self::RunRefused { .. } => "unique_conflict",
            Self::UnknownJob { .. } => "unknown_job",
            Self::Refused { code, .. } => code,
            Self::UniqueConflict { .. } => "unique_conflict",
            Self::TooManyStreams { .. } => "rate_limited",
            Self::Store(_) | Self::TookTooLong { .. } => "store_unavailable",
            Self::Stopping => "stopping",
            Self::Host(_) => "host_error",
            Self::OfBatch { problem, .. } => problem.code(),
        }
    }

    fn pointer(&self) -> Option<String> {
        match self {
            Self::UnknownField { parent, field, .. } => Some(format!("{parent}/{}", escape_pointer(field))),
            Self::WrongType { pointer, .. } => Some(pointer.clone()),
            Self::TokenInvalid { pointer, .. } => Some((*pointer).to_owned()),
            Self::Schedule { pointer, .. } => pointer.clone(),
            Self::Deployment(refused) => refused.pointer().map(str::to_owned),
            Self::Options(error) if error.option().is_empty() => Some("/options".to_owned()),
            Self::Options(error) => Some(format!("/options/{}", escape_pointer(error.option()))),
            Self::NotTaken(failure) => failure.pointer.clone(),
            Self::OfBatch { problem, .. } => problem.pointer(),
            _ => None,
        }
    }

    /// When it would pass, where that is known.
    fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::NotTaken(failure) => failure.retry_after_seconds,
            Self::TooManyFailures { seconds } => Some(*seconds),
            Self::OfBatch { problem, .. } => problem.retry_after_seconds(),
            _ => None,
        }
    }

    /// What is said of it. Of what is wrong on the host's side only that it is: paths and the words of its system are for
    /// its log.
    fn detail(&self) -> String {
        match self {
            Self::NotTaken(failure) if status_of(self.code()).is_server_error() => {
                tracing::error!(code = failure.code, problem = failure.message, "a task cannot be taken");
                "the host cannot take such a task now".to_owned()
            }
            Self::Store(error) => {
                tracing::error!(%error, "the store failed");
                "the store does not answer as it should".to_owned()
            }
            Self::Schedule { refused, .. } if status_of(self.code()).is_server_error() => {
                tracing::error!(code = refused.code(), problem = %refused, "a schedule cannot be changed");
                "the host cannot do that with a schedule now".to_owned()
            }
            Self::OfBatch { problem, .. } => problem.detail(),
            _ => self.to_string(),
        }
    }

    /// As it goes over the wire.
    pub fn problem(&self) -> Problem {
        let status = status_of(self.code());
        Problem {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            code: self.code().to_owned(),
            detail: self.detail(),
            pointer: self.pointer(),
            hint: hints::of_api(self),
            index: match self {
                Self::OfBatch { index, .. } => Some(*index),
                _ => None,
            },
        }
    }
}

impl ApiError {
    /// What cannot be done with a task as it stands.
    pub(super) fn refused(refusal: Refusal) -> Self {
        match refusal.code() {
            Some(code) => Self::Refused { refusal, code },
            None => Self::Host("a task was asked for what only the host itself asks"),
        }
    }

    /// The same, of one task of a batch.
    pub(super) fn of_batch(self, index: usize) -> Self {
        Self::OfBatch { index, problem: Box::new(self) }
    }
}

fn one_of(roles: &[Role]) -> String {
    let words: Vec<String> = roles.iter().map(|role| format!("`{}`", role.as_str())).collect();
    words.join(" or ")
}

fn expected_fields(known: &[&str]) -> String {
    if known.is_empty() {
        ", expected none".to_owned()
    } else {
        format!(", expected only `{}`", known.join("`, `"))
    }
}

fn shown_pointer(pointer: &str) -> String {
    if pointer.is_empty() { "the request".to_owned() } else { format!("`{pointer}`") }
}

/// The code of a task that is not taken. Many are for people who build and publish modules; for clients they are one.
fn code_of(failure: &Failure) -> &str {
    match failure.code.as_str() {
        "module_unavailable" => "module_unavailable",
        _ if failure.exit == ExitCode::Refused => "module_refused",
        code => code,
    }
}

#[cfg(test)]
mod tests {
    use super::status::STATUSES;
    use super::*;
    use axum::response::IntoResponse;
    use mainworker_client::hints::told;
    use mainworker_domain::rate::{OverRate, RateLimit, RateOf, RateProblem};
    use mainworker_domain::rejection::Rejection;
    use mainworker_domain::rejection::{JsonProblem, Rejected, RejectionCode};
    use mainworker_domain::schedule::ScheduleName;
    use std::collections::BTreeSet;

    /// One rejection of each kind.
    fn rejections() -> Vec<Rejection> {
        let text = String::new;
        let task_id = TaskId::from_bytes([7; 16]);
        let option = "priority";
        vec![
            Rejection::TooLarge {
                what: "the envelope",
                pointer: "",
                observed_bytes: 2,
                observed_is_least: false,
                allowed_bytes: 1,
            },
            Rejection::BatchTooLarge { unit: "tasks", observed: 2, observed_is_least: false, allowed: 1 },
            Rejection::MalformedJson { problem: JsonProblem::TooDeep, line: 1, column: 1 },
            Rejection::MissingField { field: "source" },
            Rejection::UnknownField { field: text(), nearest: None },
            Rejection::WrongType { pointer: text(), expected: "", found: "" },
            Rejection::UnknownJob { name: text(), is_a_name: true, nearest: Vec::new() },
            Rejection::SourceNotAllowed { job: text(), source_name: text(), allowed: Vec::new() },
            Rejection::PayloadInvalid { job: text(), pointer: text(), expected: text(), found: text() },
            Rejection::MissingConfiguration {
                job: text(),
                key: text(),
                from: mainworker_domain::configuration::From::Host,
                secret: true,
            },
            Rejection::SourceMismatch { claimed: text(), source_name: text() },
            Rejection::NotOfCredential { job: text(), source_name: text(), jobs: vec![text()] },
            Rejection::Options(OptionError::Invalid { option, found: text(), expected: text() }),
            Rejection::Options(OptionError::WrongType { option, found: "", expected: "" }),
            Rejection::Options(OptionError::Unknown { option: text(), nearest: None }),
            Rejection::IdempotencyConflict { key: text(), task_id },
            Rejection::UniqueConflict {
                job: text(),
                key: text(),
                task_id,
                state: mainworker_domain::lifecycle::State::Queued,
            },
            Rejection::QueueFull { open: 1, asked: 1, allowed: 1 },
            over_rate(RateProblem::Now { left: 0, wait_ms: 61_001 }),
            over_rate(RateProblem::Ever { at_once: 1 }),
        ]
    }

    fn over_rate(problem: RateProblem) -> Rejection {
        let (of, limit) = (RateOf::Source("api".to_owned()), RateLimit::new(1, 120_000).unwrap());
        Rejection::OverRate(OverRate { of, limit, asked: 2, problem })
    }

    #[test]
    fn whoever_asks_too_often_is_told_when_to_come_again() {
        let after = |rejection: Rejection| {
            let response = ApiError::NotTaken(Box::new(rejection.into())).of_batch(1).into_response();
            let after = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
            (response.status().as_u16(), after)
        };
        let rate = after(over_rate(RateProblem::Now { left: 0, wait_ms: 61_001 }));
        assert_eq!(rate, (429, Some("62".to_owned())), "rounded up");
        assert_eq!(after(over_rate(RateProblem::Ever { at_once: 1 })), (413, None), "that never passes");
        let full = after(Rejection::QueueFull { open: 1, asked: 1, allowed: 1 });
        assert_eq!(full, (429, Some("2".to_owned())));
    }

    #[test]
    fn a_rejection_has_the_status_that_the_domain_says() {
        for rejection in rejections() {
            assert_eq!(status_of(rejection.code()).as_u16(), rejection.http_status(), "{}", rejection.code());
            let pointer = rejection.pointer();
            let problem = ApiError::NotTaken(Box::new(rejection.clone().into())).problem();
            assert_eq!((problem.code.as_str(), problem.pointer), (rejection.code(), pointer));
            assert_eq!(problem.detail, rejection.to_string());
            assert!(problem.hint.is_some(), "{}", rejection.code());
        }
    }

    #[test]
    fn a_rejection_is_the_same_on_both_sides_of_the_wire() {
        let mut codes = BTreeSet::new();
        for rejection in rejections() {
            let here = told(&rejection);
            codes.insert(here.code);
            for (answer, here) in [
                (ApiError::from(rejection.clone()), here.clone()),
                (ApiError::from(rejection).of_batch(7), here.of_batch(7)),
            ] {
                let problem = answer.problem();
                assert_eq!(Problem::from(&here), problem);
                let sent = serde_json::to_string(&problem).unwrap();
                let there: Problem = serde_json::from_str(&sent).unwrap();
                assert_eq!(Rejected::try_from(&there), Ok(here));
            }
        }
        assert_eq!(codes, RejectionCode::ALL.into(), "one of each code");
    }

    #[test]
    fn each_code_stands_once_and_has_a_status_that_exists() {
        let codes: BTreeSet<&str> = STATUSES.iter().map(|(code, _)| *code).collect();
        assert_eq!(codes.len(), STATUSES.len());
        for (code, status) in STATUSES {
            assert_eq!(status_of(code).as_u16(), status, "{code}");
            assert!(status_of(code).canonical_reason().is_some(), "{code}");
        }
        assert_eq!(status_of("anything else").as_u16(), 500);
    }

    #[test]
    fn of_the_hosts_own_failures_only_the_code_is_told() {
        let failure = Failure::unavailable("reading the module `/srv/secret-place/echo.wasm`", "look there");
        let problem = ApiError::NotTaken(Box::new(failure)).problem();
        assert_eq!((problem.code.as_str(), problem.status), ("module_unavailable", 503));
        assert!(!format!("{problem:?}").contains("secret-place"));
        let store = StoreError::Full { doing: "enqueueing", problem: "/srv/secret-place is full".to_owned() };
        let problem = ApiError::from(store).problem();
        assert_eq!((problem.code.as_str(), problem.status), ("store_unavailable", 503));
        assert!(!format!("{problem:?}").contains("secret-place"));
    }

    #[test]
    fn a_module_that_cannot_be_used_is_one_code_for_tasks_and_schedules() {
        let revoked = || {
            let failure = Failure::unavailable("the key was revoked", "");
            Box::new(Failure { code: "key_revoked".to_owned(), ..failure })
        };
        let name = ScheduleName::parse("nightly").unwrap();
        let refused = Box::new(ScheduleRefused::NotTaken { name, failure: revoked() });
        for error in [ApiError::NotTaken(revoked()), ApiError::Schedule { pointer: None, refused }] {
            let problem = error.problem();
            assert_eq!((problem.code.as_str(), problem.status), ("module_refused", 503));
        }
    }

    #[test]
    fn a_task_of_a_batch_is_named() {
        let unknown = OptionError::Unknown { option: "priorty".to_owned(), nearest: Some("priority") };
        let problem = ApiError::from(unknown).of_batch(3).problem();
        assert_eq!((problem.index, problem.pointer.as_deref()), (Some(3), Some("/options/priorty")));
        assert_eq!((problem.code.as_str(), problem.status), ("unknown_field", 400));
        assert_eq!(problem.hint.as_deref(), Some("did you mean `priority`?"));
    }

    #[test]
    fn a_problem_is_an_answer_with_its_headers() {
        let response = ApiError::from(Unauthenticated::Missing).into_response();
        assert_eq!(response.status().as_u16(), 401);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        let response = ApiError::Stopping.into_response();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["retry-after"]),
            (503, &"2".parse().unwrap())
        );
    }
}
