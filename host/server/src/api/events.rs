//! `GET /v1/events`: what happens, as it happens.

use super::problem::ApiError;
use super::query::Parameters;
use super::stream::{self, Source, event};
use super::{Api, filter, openapi};
use crate::access::Caller;
use crate::events::Stamped;
use axum::extract::{Extension, State};
use axum::response::Response;
use axum::response::sse::Event as Sent;
use http::Uri;
use mainworker_domain::event::Event;
use mainworker_domain::job_name::JobName;
use serde_json::json;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

const PARAMETERS: &[&str] = &["job", "kind"];

/// The kinds that [`Event::kind`] writes.
pub(super) const KINDS: [&str; 14] = [
    "envelope-rejected",
    "task-enqueued",
    "task-dropped",
    "attempt-started",
    "attempt-said",
    "attempt-ended",
    "task-changed",
    "paused",
    "runs-missed",
    "schedule-changed",
    "deployment-changed",
    "module-refused",
    "credential-refused",
    "host-error",
];

/// Tells what happens from now on, as server-sent events.
///
/// `event:` is the kind; the data has `kind`, `at` and what belongs to the kind, never a payload, a result or
/// configuration. A reader that is too slow gets an event `missed` with a `count` instead, and `stopping` is the last one
/// of a host that stops.
#[utoipa::path(
    get, path = "/v1/events", tag = "host", params(openapi::EventParameters),
    responses((status = 200, description = "A stream", body = String, content_type = "text/event-stream"))
)]
pub(super) async fn follow_events(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Arc<Caller>>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let parameters = Parameters::read(&uri, PARAMETERS)?;
    let job = parameters.get("job").map(|name| {
        let expected = "a job's name: 1 to 63 of a-z, 0-9 and `-`, starting with a letter";
        JobName::parse(name).map_err(|_| filter::bad("job", name, expected.to_owned()))
    });
    let kinds = match parameters.get("kind") {
        None => Vec::new(),
        Some(words) => words.split(',').map(kind).collect::<Result<_, _>>()?,
    };
    let told = api.host.events.subscribe();
    stream::open(&api, &caller, Told { told, job: job.transpose()?, kinds })
}

fn kind(word: &str) -> Result<&'static str, ApiError> {
    let known = KINDS.into_iter().find(|kind| *kind == word);
    known.ok_or_else(|| filter::bad_word("kind", word, &KINDS))
}

/// What a client is told of.
struct Told {
    told: Receiver<Arc<Stamped>>,
    job: Option<JobName>,
    /// All, if there are none.
    kinds: Vec<&'static str>,
}

impl Source for Told {
    async fn read(&mut self, events: &mut VecDeque<Sent>) -> bool {
        match self.told.recv().await {
            Ok(stamped) => self.tell(&stamped, events),
            Err(RecvError::Lagged(count)) => events.push_back(missed(count)),
            Err(RecvError::Closed) => return false,
        }
        true
    }

    async fn read_last(&mut self, events: &mut VecDeque<Sent>) -> bool {
        loop {
            match self.told.try_recv() {
                Ok(stamped) => self.tell(&stamped, events),
                Err(TryRecvError::Lagged(count)) => events.push_back(missed(count)),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return true,
            }
        }
    }
}

fn missed(count: u64) -> Sent {
    event("missed", &json!({ "count": count }))
}

impl Told {
    fn tell(&self, stamped: &Stamped, events: &mut VecDeque<Sent>) {
        if self.wants(&stamped.event) {
            events.push_back(event(stamped.event.kind(), &stamped.to_json()));
        }
    }

    fn wants(&self, event: &Event) -> bool {
        let is_kind = self.kinds.is_empty() || self.kinds.contains(&event.kind());
        is_kind && self.job.as_ref().is_none_or(|job| job_of(event) == Some(job.as_str()))
    }
}

/// The job that an event is about.
fn job_of(event: &Event) -> Option<&str> {
    match event {
        Event::EnvelopeRejected { job, .. } => job.as_deref(),
        Event::TaskEnqueued { job, .. }
        | Event::AttemptStarted { job, .. }
        | Event::AttemptEnded { job, .. }
        | Event::TaskChanged { job, .. } => Some(job.as_str()),
        Event::TaskDropped { parent_job, .. } => Some(parent_job.as_str()),
        Event::DeploymentChanged { job, .. } => Some(job.as_str()),
        Event::Paused { job, .. } | Event::ModuleRefused { job, .. } => job.as_ref().map(JobName::as_str),
        Event::AttemptSaid { .. }
        | Event::RunsMissed { .. }
        | Event::ScheduleChanged { .. }
        | Event::CredentialRefused { .. }
        | Event::HostError { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainworker_domain::lifecycle::{Reason, State, Timestamp};
    use mainworker_domain::outcome::Outcome;
    use mainworker_domain::schedule::ScheduleName;
    use mainworker_domain::task_id::TaskId;

    const TASK: TaskId = TaskId::from_bytes([7; 16]);
    const OF_NO_JOB: [&str; 5] =
        ["attempt-said", "runs-missed", "schedule-changed", "credential-refused", "host-error"];

    fn schedule() -> ScheduleName {
        ScheduleName::parse("nightly").unwrap()
    }

    fn echo() -> JobName {
        JobName::parse("echo").unwrap()
    }

    /// One of each kind.
    fn events() -> Vec<Event> {
        let (task_id, job, text) = (TASK, echo(), || "x".to_owned());
        vec![
            Event::EnvelopeRejected {
                code: text(),
                detail: text(),
                job: Some("echo".to_owned()),
                source: None,
            },
            Event::TaskEnqueued { task_id, job: job.clone(), source: text() },
            Event::TaskDropped { task_id, parent_job: job.clone(), parent: TASK, problem: text() },
            Event::AttemptStarted { task_id, job: job.clone(), attempt: 1 },
            Event::AttemptSaid { task_id },
            Event::AttemptEnded {
                task_id,
                job: job.clone(),
                attempt: 1,
                outcome: Outcome::Failed,
                code: None,
                message: Some(text()),
                wait_ms: 1,
                run_ms: 2,
                state: State::Queued,
                reason: Reason::RetryByPolicy,
            },
            Event::TaskChanged { task_id, job: job.clone(), state: State::Expired, reason: Reason::Expired },
            Event::Paused { job: Some(job), paused: true },
            Event::RunsMissed { schedule: schedule(), count: 3, at_least: false },
            Event::ScheduleChanged { schedule: schedule(), change: "paused" },
            Event::DeploymentChanged { job: echo(), change: "undeployed", revision: None },
            Event::ModuleRefused { job: Some(echo()), revision: None, code: text(), message: text() },
            Event::CredentialRefused { why: "wrong", address: text(), token: None },
            Event::HostError { code: text(), message: text() },
        ]
    }

    #[test]
    fn each_kind_has_its_word_and_its_time() {
        let kinds: Vec<&str> = events().iter().map(Event::kind).collect();
        assert_eq!(kinds, KINDS);
        for event in events() {
            let stamped = Stamped { at: Timestamp::from_ms(1_500), event };
            let data = stamped.to_json();
            assert_eq!(data["kind"], stamped.event.kind());
            assert_eq!(data["at"], "1970-01-01T00:00:01.500Z");
        }
    }

    #[test]
    fn the_end_of_an_attempt_says_what_follows() {
        let event = events().remove(5);
        let data = Stamped { at: Timestamp::MIN, event }.to_json();
        assert_eq!(
            data,
            json!({
                "kind": "attempt-ended", "at": "1970-01-01T00:00:00.000Z", "taskId": TASK.to_string(), "job": "echo",
                "attempt": 1, "outcome": "failed", "code": null, "message": "x", "waitMs": 1, "runMs": 2,
                "state": "queued", "reason": "it is tried again",
            })
        );
    }

    #[test]
    fn a_client_is_told_what_it_asked_for() {
        let told = |job: Option<JobName>, kinds: &[&str]| {
            let (sender, told) = tokio::sync::broadcast::channel(1);
            drop(sender);
            let kinds = kinds.iter().map(|word| kind(word).unwrap()).collect();
            let told = Told { told, job, kinds };
            events().iter().filter(|event| told.wants(event)).map(Event::kind).collect::<Vec<_>>()
        };
        assert_eq!(told(None, &[]), KINDS);
        assert_eq!(told(Some(JobName::parse("other").unwrap()), &[]), [""; 0]);
        let of_echo: Vec<&str> = KINDS.into_iter().filter(|kind| !OF_NO_JOB.contains(kind)).collect();
        assert_eq!(told(Some(echo()), &[]), of_echo);
        assert_eq!(told(Some(echo()), &["paused", "host-error"]), ["paused"]);
        let problem = kind("task-enqueud").unwrap_err().problem();
        assert_eq!(problem.hint.as_deref(), Some("did you mean `task-enqueued`?"));
    }
}
