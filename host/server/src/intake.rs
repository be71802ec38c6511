//! The intake: what every envelope passes on its way to the store, whoever brings it.
//!
//! size, syntax, shape → options → job known → source → payload → configuration → sealed → a task for the store. The store
//! adds the last checks: keys and room.

use crate::access::Caller;
use crate::door::{Door, told_to_a_job};
use crate::failure::Failure;
use crate::sealing::Sealer;
use mainworker_domain::access::SCHEDULER;
use mainworker_domain::admission::Admitted;
use mainworker_domain::audit::Actor;
use mainworker_domain::catalog::Revision;
use mainworker_domain::envelope::Envelope;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{Timestamp, retry_policy};
use mainworker_domain::limits::{Limit, LimitValues, Limits, TASK_DEPTH_MAX};
use mainworker_domain::rejection::Rejection;
use mainworker_domain::task_id::TaskId;
use mainworker_domain::task_options::TaskOptions;
use mainworker_queue::verbs::enqueue::{EnqueueRefusal, Idempotency, NewTask, Unique};
use mainworker_sandbox::capabilities::schedule::{AskedTask, Intake};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap};
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

/// Makes tasks of envelopes.
#[derive(Debug)]
pub struct TaskIntake {
    door: Door,
    sealer: Arc<Sealer>,
    ceilings: LimitValues,
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
    pub fn new(door: Door, sealer: Arc<Sealer>, ceilings: LimitValues) -> Self {
        Self { door, sealer, ceilings }
    }

    /// The door.
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// A task for the store of what a caller asks for.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn take(&self, caller: &Caller, asked: &Asked, now: Timestamp) -> Result<NewTask, Refused> {
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
    ) -> Result<NewTask, Failure> {
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
        Ok(NewTask { configuration, by: Some(caller.actor.clone()), ..self.task(draft, now) })
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
        NewTask {
            id,
            job: manifest.job.name.clone(),
            source: source.to_owned(),
            revision: revision.digest(),
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
            concurrency_key: None,
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

/// JSON with its fields sorted and without white space. Numbers stay as they are written: two that no double tells apart are
/// two. The syntax was checked, and how deep it goes.
fn canonical(json: &str) -> String {
    let json = json.trim();
    let joined = |parts: Vec<String>| parts.join(",");
    match json.as_bytes().first() {
        Some(b'{') => serde_json::from_str::<BTreeMap<String, &RawValue>>(json).map(|fields| {
            let fields =
                fields.iter().map(|(name, value)| format!("{}:{}", json!(name), canonical(value.get())));
            format!("{{{}}}", joined(fields.collect()))
        }),
        Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(json).map(|values| {
            format!("[{}]", joined(values.iter().map(|value| canonical(value.get())).collect()))
        }),
        Some(b'"') => serde_json::from_str::<String>(json).map(|text| json!(text).to_string()),
        _ => return json.to_owned(),
    }
    .unwrap_or_else(|_| json.to_owned())
}

/// The tasks that one attempt asks for: they pass the door when they are asked for, and become tasks of the store if the
/// attempt completes.
#[derive(Debug)]
pub struct AttemptIntake {
    intake: Arc<TaskIntake>,
    /// How many tasks are above those that it asks for.
    depth: u32,
    /// By task id: the revision that was pinned at the call.
    taken: Mutex<HashMap<String, Arc<Revision>>>,
}

impl AttemptIntake {
    /// Of one attempt at a task that so many tasks are above of.
    pub fn new(intake: Arc<TaskIntake>, depth: u32) -> Self {
        Self { intake, depth: depth.saturating_add(1), taken: Mutex::default() }
    }

    /// The tasks that the attempt asked for, for the store.
    pub fn tasks(&self, asked: Vec<AskedTask>, parent: TaskId, now: Timestamp) -> Vec<NewTask> {
        let taken = self.taken();
        let nothing = SecretString::from("{}");
        let tasks = asked.into_iter().filter_map(|AskedTask { task_id, job, source, payload, options }| {
            let (revision, id) = (taken.get(&task_id)?, TaskId::parse(&task_id)?);
            let fingerprint = options
                .idempotency_key
                .is_some()
                .then(|| self.intake.fingerprint(&job, &source, &payload, &nothing, &options));
            let draft = Draft { id, revision, source: &source, payload, options: &options, fingerprint };
            Some(NewTask { parent: Some(parent), depth: self.depth, ..self.intake.task(draft, now) })
        });
        tasks.collect()
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<String, Arc<Revision>>> {
        // Entries are put in whole.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intake for AttemptIntake {
    fn admit(&self, envelope: &[u8]) -> Result<String, String> {
        if self.depth > TASK_DEPTH_MAX {
            return Err(format!(
                "task_depth: {} tasks are above this one, each of which asked for the next; expected at most {TASK_DEPTH_MAX}",
                self.depth
            ));
        }
        let pass = || -> Result<Admitted, Failure> {
            let door = self.intake.door();
            door.admit(door.find(Envelope::parse(envelope)?)?)
        };
        let admitted = pass().map_err(told_to_a_job)?;
        let id = TaskId::from_uuid(Uuid::now_v7()).to_string();
        self.taken().insert(id.clone(), Arc::clone(admitted.revision()));
        Ok(id)
    }
}

/// What is left to say of a task that went to the store.
#[derive(Clone, Debug)]
pub struct Named {
    /// Its id, if it comes to be one.
    pub id: TaskId,
    /// The job.
    pub job: JobName,
    idempotency_key: Option<String>,
    unique_key: Option<String>,
}

impl Named {
    /// Of a task that goes to the store.
    pub fn of(task: &NewTask) -> Self {
        Self {
            id: task.id,
            job: task.job.clone(),
            idempotency_key: task.idempotency.as_ref().map(|idempotency| idempotency.key.clone()),
            unique_key: task.unique.as_ref().map(|unique| unique.key.clone()),
        }
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
    use super::canonical;

    #[test]
    fn layout_and_order_do_not_count_and_each_digit_does() {
        let same = [
            "{\"b\": [1, {\"d\":null,\"c\":\"\\u00e4\"}], \"a\":true}",
            "{\"a\":true,\"b\":[1,{\"c\":\"ä\",\"d\":null}]}",
        ];
        assert_eq!(canonical(same[0]), same[1]);
        assert_eq!(canonical(same[1]), same[1]);
        for (one, other) in [
            ("{\"n\":18446744073709551616}", "{\"n\":18446744073709551617}"),
            ("[0.1]", "[0.10000000000000000001]"),
            ("[\"1\"]", "[1]"),
            ("{}", "[]"),
        ] {
            assert_ne!(canonical(one), canonical(other));
        }
    }
}
