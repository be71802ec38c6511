//! Schedule: a job asks for tasks of other jobs.
//!
//! Only of jobs that its manifest names, with the source `job:NAME` and an empty configuration: what its own envelope
//! brought is not for others. Each task passes the very checks that any envelope passes, at the call, so the job is told
//! at once. It exists only if the attempt completes.

use super::OfState;
use super::masking::Masker;
use crate::bindings::mainworker::job::schedule;
use crate::control::Control;
use crate::state::State;
use mainworker_domain::denial::Denial;
use mainworker_domain::event::Level;
use mainworker_domain::job_name::JobName;
use mainworker_domain::json;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::limits::{Limit, Limits, PAYLOAD_BYTES_MAX, SCHEDULED_BYTES_MAX};
use mainworker_domain::manifest::Manifest;
use mainworker_domain::outcome::LimitBreach;
use mainworker_domain::quantity::approximate_bytes;
use mainworker_domain::task_options::TaskOptions;
use std::fmt;
use std::sync::Arc;
use wasmtime::component::Linker;

/// The door: what every envelope passes, whoever asks.
pub trait Intake: Send + Sync + fmt::Debug {
    /// Checks an envelope. The id of the task that it will be, if it comes to be one.
    ///
    /// # Errors
    /// For the job: the code of the rejection and what is wrong.
    fn admit(&self, envelope: &[u8]) -> Result<String, String>;
}

/// A task that a job asked for and that passed the door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedTask {
    /// Its id.
    pub task_id: String,
    /// The job that is to run.
    pub job: String,
    /// `job:NAME` of the job that asked.
    pub source: String,
    /// JSON text, as the job wrote it.
    pub payload: String,
    /// What goes with it.
    pub options: TaskOptions,
}

/// What one attempt may ask for.
pub(crate) struct Schedule {
    source: String,
    jobs: Vec<JobName>,
    intake: Option<Arc<dyn Intake>>,
    limits: Limits,
    masker: Arc<Masker>,
    control: Arc<Control>,
}

pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    schedule::add_to_linker::<State, OfState>(linker, |state| state)
}

impl Schedule {
    pub(crate) fn build(
        manifest: &Manifest,
        intake: Option<Arc<dyn Intake>>,
        limits: &Limits,
        masker: Arc<Masker>,
        control: Arc<Control>,
    ) -> Self {
        Self {
            source: format!("job:{}", manifest.job.name),
            jobs: manifest.grants.schedule.clone(),
            intake,
            limits: limits.clone(),
            masker,
            control,
        }
    }

    /// Of a guest that is granted nothing.
    pub(crate) fn none(limits: &Limits, masker: Arc<Masker>, control: Arc<Control>) -> Self {
        Self {
            source: String::new(),
            jobs: Vec::new(),
            intake: None,
            limits: limits.clone(),
            masker,
            control,
        }
    }

    fn ask(&self, job: String, payload: String, options: TaskOptions) -> Result<String, Refused> {
        if !self.jobs.iter().any(|granted| granted.as_str() == job) {
            let granted = self.jobs.iter().map(JobName::to_string).collect();
            return Err(Refused::Denied(Box::new(Denial::Schedule {
                target: job.chars().take(80).collect(),
                granted,
            })));
        }
        let intake = self
            .intake
            .as_ref()
            .ok_or_else(|| Refused::Rejected("this host has nothing that takes tasks".to_owned()))?;
        // A job names no moments, so it does not matter when this is.
        options.check(Timestamp::MIN).map_err(|error| Refused::Rejected(error.to_string()))?;
        // White space around it is not its content, and would be kept for nothing.
        let payload = payload.trim_ascii().to_owned();
        if payload.len() as u64 <= PAYLOAD_BYTES_MAX {
            json::check(payload.as_bytes()).map_err(|malformed| {
                let json::Malformed { problem, line, column } = malformed;
                Refused::Rejected(format!(
                    "the payload is not JSON at line {line}, column {column}: {problem}"
                ))
            })?;
        }
        // Masking it would send nonsense, and tasks are stored and shown.
        let shown = [&options.label, &options.idempotency_key, &options.unique_key];
        let has_secret = |text: &String| self.masker.mask(text) != *text;
        if options.tags.iter().chain(shown.into_iter().flatten()).any(has_secret) {
            let problem = "an option has one of the job's secrets in it, expected none: options are shown";
            return Err(Refused::Rejected(problem.to_owned()));
        }
        if self.masker.mask_json(payload.clone()) != payload {
            let problem = "the payload has one of the job's secrets in it, expected none: payloads are shown";
            return Err(Refused::Rejected(problem.to_owned()));
        }
        let mut asked = self.control.asked();
        if let Some(key) = &options.idempotency_key
            && let Some(first) = asked.iter().find(|task| task.options.idempotency_key.as_ref() == Some(key))
        {
            let is_same = first.job == job && first.payload == payload && first.options == options;
            return if is_same {
                Ok(first.task_id.clone())
            } else {
                Err(Refused::Rejected(format!(
                    "idempotency_conflict: this attempt has asked for another task with the key `{key}`"
                )))
            };
        }
        LimitBreach::check(&self.limits, Limit::ScheduledTasks, asked.len() as u64 + 1)
            .map_err(|breach| Refused::OverLimit(breach.to_string()))?;
        let bytes = asked.iter().map(|task| task.payload.len() as u64).sum::<u64>() + payload.len() as u64;
        if bytes > SCHEDULED_BYTES_MAX {
            return Err(Refused::OverLimit(format!(
                "the payloads of the attempt's tasks have {}, allowed are {} in all",
                approximate_bytes(bytes),
                approximate_bytes(SCHEDULED_BYTES_MAX)
            )));
        }
        // The payload is JSON by itself, so it cannot say anything about the fields around it. One that was too long to be looked
        // at is refused at the door: for its size, or because each field is there once.
        let envelope = format!(
            r#"{{"configuration":{{}},"jobName":"{job}","source":"{}","jobPayload":{payload}}}"#,
            self.source
        );
        let task_id = intake.admit(envelope.as_bytes()).map_err(Refused::Rejected)?;
        let source = self.source.clone();
        asked.push(AskedTask { task_id: task_id.clone(), job, source, payload, options });
        Ok(task_id)
    }
}

/// A job can go on without a task; whoever reads its log should see that it did.
fn not_taken(job: &str, problem: &str) -> String {
    format!("a task of `{job}` is not taken: {problem}")
}

enum Refused {
    Denied(Box<Denial>),
    Rejected(String),
    OverLimit(String),
}

impl schedule::Host for State {
    fn enqueue(
        &mut self,
        job: String,
        payload: String,
        options: schedule::Options,
    ) -> wasmtime::Result<Result<String, schedule::Refusal>> {
        let schedule::Options { delay_ms, priority, label, tags, idempotency_key, unique_key } = options;
        let options = TaskOptions {
            delay_ms,
            priority,
            label,
            tags,
            idempotency_key,
            unique_key,
            ..TaskOptions::default()
        };
        let target: String = job.chars().take(80).collect();
        Ok(self.schedule.ask(job, payload, options).map_err(|refused| match refused {
            Refused::Denied(denial) => {
                self.log.write(Level::Warn, "host", &format!("{denial}\n{}", denial.remedy()));
                let message = denial.to_string();
                self.schedule.control.add_denial(*denial);
                schedule::Refusal::NotGranted(message)
            }
            Refused::Rejected(message) => {
                self.log.write(Level::Warn, "host", &not_taken(&target, &message));
                schedule::Refusal::Rejected(message)
            }
            Refused::OverLimit(message) => {
                self.log.write(Level::Warn, "host", &not_taken(&target, &message));
                schedule::Refusal::OverLimit(message)
            }
        }))
    }
}
