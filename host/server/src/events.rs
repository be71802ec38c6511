//! What happens in a running host, told to whoever wants to know: metrics, followers, notifications.
//!
//! Observers are called where an event happens and must not wait. Subscribers get a copy and may be slow: one that is too
//! slow misses events and is told how many. The store alone knows what is true; events say when to look.

use crate::clock::HostClock;
use mainworker_domain::access::TokenId;
use mainworker_domain::event::Event;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;
use tokio::sync::broadcast;

/// Events that a subscriber may be behind before it misses some.
const BEHIND_MAX: usize = 4_096;

/// An event and when it happened.
#[derive(Clone, Debug)]
pub struct Stamped {
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
}

/// Sees each event.
pub type Observer = Box<dyn Fn(&Stamped) + Send + Sync>;

/// The place where events are told.
pub struct Events {
    clock: Arc<HostClock>,
    observers: Vec<Observer>,
    subscribers: broadcast::Sender<Arc<Stamped>>,
}

impl Events {
    /// With these observers and no subscriber. Events are stamped by `clock`.
    pub fn new(clock: Arc<HostClock>, observers: Vec<Observer>) -> Self {
        Self { clock, observers, subscribers: broadcast::Sender::new(BEHIND_MAX) }
    }

    /// Tells an event.
    pub fn emit(&self, event: Event) {
        let stamped = Stamped { at: self.clock.now(), event };
        for observer in &self.observers {
            observer(&stamped);
        }
        if self.subscribers.receiver_count() > 0 {
            // The last subscriber may have gone just now.
            let _ = self.subscribers.send(Arc::new(stamped));
        }
    }

    /// From now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Stamped>> {
        self.subscribers.subscribe()
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("observers", &self.observers.len()).finish_non_exhaustive()
    }
}

impl Stamped {
    /// As it goes to followers and webhooks: `kind`, `at`, and the particulars.
    pub fn to_json(&self) -> Value {
        let mut fields = match &self.event {
            Event::EnvelopeRejected { code, detail, job, source } => {
                json!({ "code": code, "detail": detail, "job": job, "source": source })
            }
            Event::TaskEnqueued { task_id, job, source } => {
                json!({ "taskId": task_id.to_string(), "job": job.as_str(), "source": source })
            }
            Event::TaskDropped { task_id, parent_job, parent, problem } => json!({
                "taskId": task_id.to_string(),
                "job": parent_job.as_str(),
                "parent": parent.to_string(),
                "problem": problem,
            }),
            Event::AttemptStarted { task_id, job, attempt } => {
                json!({ "taskId": task_id.to_string(), "job": job.as_str(), "attempt": attempt })
            }
            Event::AttemptSaid { task_id } => json!({ "taskId": task_id.to_string() }),
            Event::AttemptEnded {
                task_id,
                job,
                attempt,
                outcome,
                code,
                message,
                wait_ms,
                run_ms,
                state,
                reason,
            } => {
                json!({
                    "taskId": task_id.to_string(),
                    "job": job.as_str(),
                    "attempt": attempt,
                    "outcome": outcome.as_str(),
                    "code": code,
                    "message": message,
                    "waitMs": wait_ms,
                    "runMs": run_ms,
                    "state": state.as_str(),
                    "reason": reason.sentence(),
                })
            }
            Event::TaskChanged { task_id, job, state, reason } => json!({
                "taskId": task_id.to_string(),
                "job": job.as_str(),
                "state": state.as_str(),
                "reason": reason.sentence(),
            }),
            Event::Paused { job, paused } => {
                json!({ "job": job.as_ref().map(JobName::as_str), "paused": paused })
            }
            Event::RunsMissed { schedule, count, at_least } => {
                json!({ "schedule": schedule.as_str(), "count": count, "atLeast": at_least })
            }
            Event::ScheduleChanged { schedule, change } => {
                json!({ "schedule": schedule.as_str(), "change": change })
            }
            Event::DeploymentChanged { job, change, revision } => {
                json!({ "job": job.as_str(), "change": change, "revision": revision.map(|revision| revision.to_string()) })
            }
            Event::ModuleRefused { job, revision, code, message } => json!({
                "job": job.as_ref().map(JobName::as_str),
                "revision": revision.map(|revision| revision.to_string()),
                "code": code,
                "message": message,
            }),
            Event::CredentialRefused { why, address, token } => {
                json!({ "why": why, "address": address, "token": token.as_ref().map(TokenId::as_str) })
            }
            Event::HostError { code, message } => json!({ "code": code, "message": message }),
        };
        fields["kind"] = json!(self.event.kind());
        fields["at"] = json!(self.at.to_string());
        fields
    }
}
