//! The intake: what every envelope passes on its way to the store, whoever brings it.
//!
//! size, syntax, shape → options → job known → source → payload → configuration → sealed → rates → a task for the store. The
//! store adds the last checks: keys and room.

use crate::access::{Caller, sha256};
use crate::canonical::canonical;
use crate::door::{Door, told_to_a_job};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::rates::{Rated, Rates};
use crate::sealing::Sealer;
use mainworker_domain::access::SCHEDULER;
use mainworker_domain::audit::Actor;
use mainworker_domain::catalog::Revision;
use mainworker_domain::digest::Digest;
use mainworker_domain::envelope::Envelope;
use mainworker_domain::event::Event;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{Timestamp, retry_policy};
use mainworker_domain::limits::{KEY_CHARS_MAX, Limit, LimitValues, Limits, TASK_DEPTH_MAX};
use mainworker_domain::manifest::KeyRule;
use mainworker_domain::outcome::Outcome;
use mainworker_domain::rate::RateLimit;
use mainworker_domain::rejection::Rejection;
use mainworker_domain::task_id::TaskId;
use mainworker_domain::task_options::TaskOptions;
use mainworker_queue::dispatch::OnEvent;
use mainworker_queue::verbs::enqueue::{ConcurrencyKey, EnqueueRefusal, Idempotency, NewTask, Unique};
use mainworker_sandbox::capabilities::schedule::{AskedTask, Intake};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// Characters of a job's name that are told of: all of them, if it is one.
const JOB_CHARS_MAX: usize = 80;

/// A task as it is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The envelope: JSON text, as it was sent.
    pub envelope: String,
    /// What stands beside it, of the right shape and not yet checked.
    pub options: TaskOptions,
}

/// Why an envelope is not taken.
#[derive(Debug)]
pub struct Refused {
    /// The job that it names, if it came so far; shortened.
    pub job: Option<String>,
    /// Why.
    pub failure: Box<Failure>,
}

/// A task that passed every check but those of rates and of the store.
#[derive(Debug)]
pub struct Taken {
    /// The task.
    pub task: NewTask,
    /// The rate of its job, if it has one.
    pub rate_limit: Option<RateLimit>,
}

/// Makes tasks of envelopes.
#[derive(Debug)]
pub struct TaskIntake {
    door: Door,
    sealer: Arc<Sealer>,
    ceilings: LimitValues,
    rates: Rates,
}

/// What a task is made of, once its envelope has passed the door.
struct Draft<'a> {
    id: TaskId,
    revision: &'a Revision,
    source: &'a str,
    payload: String,
    options: &'a TaskOptions,
    fingerprint: Option<[u8; 32]>,
}

impl TaskIntake {
    /// The intake behind `door`. `ceilings` are the host's, for what an attempt may take.
    pub fn new(door: Door, sealer: Arc<Sealer>, ceilings: LimitValues, rates: Rates) -> Self {
        Self { door, sealer, ceilings, rates }
    }

    /// How often tasks are asked for. Whoever hands tasks to the store for somebody who asked counts them here before.
    pub fn rates(&self) -> &Rates {
        &self.rates
    }

    /// The door.
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// A task for the store of what a caller asks for.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn take(&self, caller: &Caller, asked: &Asked, now: Timestamp) -> Result<Taken, Refused> {
        let envelope = Envelope::parse(asked.envelope.as_bytes());
        let envelope =
            envelope.map_err(|rejection| Refused { job: None, failure: Box::new(rejection.into()) })?;
        let job = envelope.job_name().chars().take(JOB_CHARS_MAX).collect();
        self.admit(caller, envelope, asked, now)
            .map_err(|failure| Refused { job: Some(job), failure: Box::new(failure) })
    }

    fn admit(
        &self,
        caller: &Caller,
        envelope: Envelope,
        asked: &Asked,
        now: Timestamp,
    ) -> Result<Taken, Failure> {
        asked.options.check(now).map_err(Rejection::Options)?;
        let fingerprint = asked.options.idempotency_key.is_some().then(|| {
            let (job, source) = (envelope.job_name(), envelope.source());
            self.fingerprint(job, source, envelope.job_payload(), envelope.configuration(), &asked.options)
        });
        let claimed = envelope.source().to_owned();
        let known = self.door.find(envelope)?;
        if claimed != caller.source {
            let claimed = claimed.chars().take(80).collect();
            return Err(Rejection::SourceMismatch { claimed, source_name: caller.source.clone() }.into());
        }
        let job = &known.revision().manifest().job.name;
        if !caller.may_ask_for(job) {
            let jobs = caller.jobs.iter().flatten().map(JobName::to_string).collect();
            return Err(Rejection::NotOfCredential {
                job: job.to_string(),
                source_name: caller.source.clone(),
                jobs,
            }
            .into());
        }
        let admitted = self.door.admit(known)?;
        let id = TaskId::from_uuid(Uuid::now_v7());
        let configuration = admitted.kept().map(|kept| self.sealer.seal(id, kept)).transpose()?;
        let revision = Arc::clone(admitted.revision());
        let (payload, _) = admitted.into_parts();
        let draft = Draft {
            id,
            revision: &revision,
            source: &caller.source,
            payload,
            options: &asked.options,
            fingerprint,
        };
        let task = NewTask { configuration, by: Some(caller.actor.clone()), ..self.task(draft, now) };
        Ok(Taken { task, rate_limit: revision.manifest().run.rate_limit })
    }

    /// A task for a run of a schedule: its source is the scheduler, whoever brings it about.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn take_scheduled(
        &self,
        job: &JobName,
        payload: &str,
        options: &TaskOptions,
        by: Option<Actor>,
        now: Timestamp,
    ) -> Result<NewTask, Failure> {
        // A payload is one JSON object by itself, so it ends where it is put.
        let envelope = format!(
            r#"{{"configuration":{{}},"jobName":{},"source":{},"jobPayload":{payload}}}"#,
            json!(job.as_str()),
            json!(SCHEDULER)
        );
        let envelope = Envelope::parse(envelope.as_bytes())?;
        options.check(now).map_err(Rejection::Options)?;
        let admitted = self.door.admit(self.door.find(envelope)?)?;
        let (id, revision) = (TaskId::from_uuid(Uuid::now_v7()), Arc::clone(admitted.revision()));
        let (payload, _) = admitted.into_parts();
        let draft = Draft { id, revision: &revision, source: SCHEDULER, payload, options, fingerprint: None };
        Ok(NewTask { by, ..self.task(draft, now) })
    }

    fn task(&self, draft: Draft<'_>, now: Timestamp) -> NewTask {
        let Draft { id, revision, source, payload, options, fingerprint } = draft;
        let manifest = revision.manifest();
        // A job that asks for more than the host gives is refused when it begins, with the lines that would allow it.
        let memory_bytes_max = Limits::effective(&manifest.limits, &self.ceilings)
            .map_or_else(|over| over.ceiling, |limits| limits.get(Limit::Memory));
        let idempotency = options.idempotency_key.clone().zip(fingerprint);
        let concurrency_key = manifest.run.concurrency_key.as_ref();
        NewTask {
            id,
            job: manifest.job.name.clone(),
            source: source.to_owned(),
            revision: revision.digest(),
            concurrency_key: concurrency_key.and_then(|rule| concurrency_key_of(rule, &payload)),
            payload,
            configuration: None,
            priority: options.priority.unwrap_or(0),
            run_at: options.begins_at(now),
            expires_at: options.expires_at,
            timeout_ms: options.timeout_ms,
            label: options.label.clone(),
            tags: options.tags.clone(),
            idempotency: idempotency.map(|(key, fingerprint)| Idempotency { key, fingerprint }),
            unique: options.unique_key.clone().map(|key| Unique { key, policy: options.unique_policy }),
            retry: retry_policy(manifest.retry, options.max_attempts),
            concurrency_max: manifest.run.max_concurrency.unwrap_or(u32::MAX),
            memory_bytes_max,
            parent: None,
            depth: 0,
            by: None,
        }
    }

    /// Of all that makes two requests the same: the envelope however it is laid out, and the options but for the key.
    fn fingerprint(
        &self,
        job: &str,
        source: &str,
        payload: &str,
        configuration: &SecretString,
        options: &TaskOptions,
    ) -> [u8; 32] {
        let configuration = SecretString::from(canonical(configuration.expose_secret()));
        let options = TaskOptions { idempotency_key: None, ..options.clone() }.to_json().to_string();
        self.sealer.fingerprint(&[job, source, &canonical(payload), configuration.expose_secret(), &options])
    }
}

/// What tasks of one key have in common: the value in the payload as JSON, so that the text `1` and the number are two, or its
/// hash if that is long. None where there is no value.
fn concurrency_key_of(rule: &KeyRule, payload: &str) -> Option<ConcurrencyKey> {
    let value = rule.pointer.find(payload).filter(|value| *value != "null")?;
    let key = canonical(value);
    let is_short = key.chars().nth(KEY_CHARS_MAX).is_none();
    // No JSON begins as a hash does.
    let key = if is_short { key } else { Digest::from_sha256(sha256(&key)).to_string() };
    Some(ConcurrencyKey { key, running_max: rule.running_max })
}

/// The tasks that one attempt asks for: they pass the door when they are asked for, and become tasks of the store if the
/// attempt completes.
pub struct AttemptIntake {
    intake: Arc<TaskIntake>,
    /// How many tasks are above those that it asks for.
    depth: u32,
    told: OnEvent,
    asked: Mutex<AskedSoFar>,
}

#[derive(Default)]
struct AskedSoFar {
    /// By task id: the revision that was pinned at the call, and who asks.
    taken: HashMap<String, (Arc<Revision>, String)>,
    /// The codes of what was not taken, with the job that was asked for.
    refused: HashSet<(String, Option<String>)>,
}

impl AttemptIntake {
    /// Of one attempt at a task that so many tasks are above of. What is not taken is an event.
    pub fn new(intake: Arc<TaskIntake>, depth: u32, told: OnEvent) -> Self {
        Self { intake, depth: depth.saturating_add(1), told, asked: Mutex::default() }
    }

    /// The tasks that the attempt asked for, for the store.
    pub fn tasks(&self, asked: Vec<AskedTask>, parent: TaskId, now: Timestamp) -> Vec<NewTask> {
        let taken = &self.asked().taken;
        let nothing = SecretString::from("{}");
        let tasks = asked.into_iter().filter_map(|AskedTask { task_id, job, source, payload, options }| {
            let ((revision, _), id) = (taken.get(&task_id)?, TaskId::parse(&task_id)?);
            let fingerprint = options
                .idempotency_key
                .is_some()
                .then(|| self.intake.fingerprint(&job, &source, &payload, &nothing, &options));
            let draft = Draft { id, revision, source: &source, payload, options: &options, fingerprint };
            Some(NewTask { parent: Some(parent), depth: self.depth, ..self.intake.task(draft, now) })
        });
        tasks.collect()
    }

    /// Counts nothing of what was asked for: the attempt did not complete, so none of it comes to be.
    pub fn give_back(&self) {
        for (_, (revision, source)) in self.asked().taken.drain() {
            self.intake.rates.give_back(&source, [rated(&revision)].into_iter());
        }
    }

    fn pass(&self, envelope: Result<Envelope, Rejection>) -> Result<(Arc<Revision>, String), Failure> {
        if self.depth > TASK_DEPTH_MAX {
            let problem = format!(
                "{} tasks are above this one, each of which asked for the next; expected at most {TASK_DEPTH_MAX}",
                self.depth
            );
            return Err(Failure {
                code: "task_depth".to_owned(),
                exit: ExitCode::EnvelopeRejected,
                outcome: Outcome::Rejected,
                ..Failure::host(problem)
            });
        }
        let door = self.intake.door();
        let admitted = door.admit(door.find(envelope?)?)?;
        let (revision, source) = (Arc::clone(admitted.revision()), admitted.source().to_owned());
        let counted = self.intake.rates.take(&source, [rated(&revision)].into_iter());
        counted.map_err(|(_, over)| Rejection::from(over))?;
        Ok((revision, source))
    }

    /// Tells what is not taken, once of each kind: a job can ask without end.
    fn tell(&self, failure: &Failure, job: Option<String>, source: Option<String>) {
        if self.asked().refused.insert((failure.code.clone(), job.clone())) {
            let (code, detail) = (failure.code.clone(), failure.message.clone());
            (self.told)(Event::EnvelopeRejected { code, detail, job, source });
        }
    }

    fn asked(&self) -> MutexGuard<'_, AskedSoFar> {
        // Entries are put in whole.
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn rated(revision: &Revision) -> Rated<'_> {
    let manifest = revision.manifest();
    Rated { job: &manifest.job.name, limit: manifest.run.rate_limit }
}

impl Intake for AttemptIntake {
    fn admit(&self, envelope: &[u8]) -> Result<String, String> {
        let envelope = Envelope::parse(envelope);
        let shortened = |text: &str| text.chars().take(JOB_CHARS_MAX).collect::<String>();
        let job = envelope.as_ref().ok().map(|envelope| shortened(envelope.job_name()));
        let source = envelope.as_ref().ok().map(|envelope| shortened(envelope.source()));
        let taken = self.pass(envelope).map_err(|failure| {
            self.tell(&failure, job, source);
            told_to_a_job(failure)
        })?;
        let id = TaskId::from_uuid(Uuid::now_v7()).to_string();
        self.asked().taken.insert(id.clone(), taken);
        Ok(id)
    }
}

impl fmt::Debug for AttemptIntake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttemptIntake").field("depth", &self.depth).finish_non_exhaustive()
    }
}

/// What is left to say of a task that went to the store.
#[derive(Clone, Debug)]
pub struct Named {
    /// Its id, if it comes to be one.
    pub id: TaskId,
    /// The job.
    pub job: JobName,
    rate_limit: Option<RateLimit>,
    idempotency_key: Option<String>,
    unique_key: Option<String>,
}

impl Named {
    /// Of a task that goes to the store.
    pub fn of(taken: &Taken) -> Self {
        let Taken { task, rate_limit } = taken;
        Self {
            id: task.id,
            job: task.job.clone(),
            rate_limit: *rate_limit,
            idempotency_key: task.idempotency.as_ref().map(|idempotency| idempotency.key.clone()),
            unique_key: task.unique.as_ref().map(|unique| unique.key.clone()),
        }
    }

    /// What counts of it.
    pub fn rated(&self) -> Rated<'_> {
        Rated { job: &self.job, limit: self.rate_limit }
    }
}

/// What the store says against a task, as a rejection. `asked` tasks came with it.
pub fn rejection(refusal: EnqueueRefusal, task: &Named, asked: u64) -> Rejection {
    match refusal {
        EnqueueRefusal::IdempotencyConflict { task_id } => {
            Rejection::IdempotencyConflict { key: task.idempotency_key.clone().unwrap_or_default(), task_id }
        }
        EnqueueRefusal::UniqueConflict { task_id, state } => Rejection::UniqueConflict {
            job: task.job.to_string(),
            key: task.unique_key.clone().unwrap_or_default(),
            task_id,
            state,
        },
        EnqueueRefusal::QueueFull { open, allowed } => Rejection::QueueFull { open, asked, allowed },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainworker_domain::payload_pointer::PayloadPointer;

    fn key(pointer: &str, payload: &str) -> Option<String> {
        let rule = KeyRule { pointer: PayloadPointer::parse(pointer).unwrap(), running_max: 3 };
        concurrency_key_of(&rule, payload).map(|ConcurrencyKey { key, running_max }| {
            assert_eq!(running_max, 3);
            key
        })
    }

    #[test]
    fn equal_values_are_one_key_and_others_are_others() {
        let of = |value: &str| key("/account", &format!("{{\"account\": {value} , \"n\": 1}}"));
        assert_eq!(of("\"acme\""), Some("\"acme\"".to_owned()));
        assert_eq!(of("\"\\u0061cme\""), of("\"acme\""));
        assert_eq!(of("{\"b\":1, \"a\":[ ]}"), of("{\"a\":[],\"b\":1}"));
        assert_eq!(of("18446744073709551617"), Some("18446744073709551617".to_owned()));
        let values = ["\"1\"", "1", "1.0", "true", "\"true\"", "\"\"", "[]", "{}", "[1]", "false"];
        let keys: HashSet<_> = values.iter().map(|value| of(value).unwrap()).collect();
        assert_eq!(keys.len(), values.len());
    }

    #[test]
    fn where_there_is_no_value_there_is_no_key() {
        assert_eq!(key("/account", "{}"), None);
        assert_eq!(key("/account", r#"{"account":null}"#), None);
        assert_eq!(key("/account/id", r#"{"account":"acme"}"#), None);
        assert_eq!(key("", r#"{"b":1,"a":2}"#), Some(r#"{"a":2,"b":1}"#.to_owned()), "all of it");
    }

    #[test]
    fn a_long_value_is_its_hash() {
        let of = |characters: usize, last: &str| {
            key("/a", &format!(r#"{{"a":"{}{last}"}}"#, "ä".repeat(characters))).unwrap()
        };
        assert_eq!(of(KEY_CHARS_MAX - 3, "x").chars().count(), KEY_CHARS_MAX);
        let long = of(KEY_CHARS_MAX, "x");
        assert!(long.starts_with("sha256:") && long.len() == 71, "{long}");
        assert_eq!(long, of(KEY_CHARS_MAX, "x"));
        assert_ne!(long, of(KEY_CHARS_MAX, "y"));
    }
}
