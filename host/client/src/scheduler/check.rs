//! What a task passes before it is sent: the checks of the door, by the code of the door.

use super::Scheduler;
use super::builder::TaskBuilder;
use super::descriptions::Known;
use super::error::ScheduleError;
use crate::hints::told;
use mainworker_domain::admission::admit;
use mainworker_domain::catalog::{Catalog, Revision};
use mainworker_domain::envelope::Envelope;
use mainworker_domain::rejection::Rejection;
use mainworker_domain::task_options::TaskOptions;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A task as it goes over the wire. It may hold secrets, so it prints nothing.
pub(super) struct Prepared {
    pub(super) envelope: Envelope,
    pub(super) text: Box<RawValue>,
    pub(super) options: TaskOptions,
}

impl Prepared {
    pub(super) fn options_bytes(&self) -> usize {
        self.options.to_json().to_string().len()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fields<'a> {
    configuration: BTreeMap<&'a str, &'a str>,
    job_name: &'a str,
    source: &'a str,
    job_payload: &'a RawValue,
}

impl Scheduler {
    /// Size, syntax, shape, options.
    pub(super) fn write<R>(&self, task: TaskBuilder<R>) -> Result<Prepared, ScheduleError> {
        let TaskBuilder { job, payload, configuration, mut options, .. } = task;
        let not_json = |problem: String| ScheduleError::NotJson { job: job.clone(), problem };
        let payload = payload.map_err(not_json)?;
        let fields = Fields {
            configuration: configuration
                .iter()
                .map(|(key, value)| (key.as_str(), value.expose_secret()))
                .collect(),
            job_name: &job,
            source: self.source(),
            job_payload: &payload,
        };
        let text = serde_json::value::to_raw_value(&fields).map_err(|error| not_json(error.to_string()))?;
        let envelope = Envelope::parse(text.get().as_bytes())?;
        options.check((self.shared.clock.now)()).map_err(Rejection::Options)?;
        // Drawn here and not for each try, so that the size of a batch is known.
        options.idempotency_key.get_or_insert_with(|| (self.client().options().chance.key)());
        Ok(Prepared { envelope, text, options })
    }

    /// Job known, source, payload, and those keys of the configuration that only the envelope can give. What this library
    /// cannot know, such as the values of the host's own, is for the host to say.
    pub(super) async fn check(&self, task: &Prepared) -> Result<(), ScheduleError> {
        let job = task.envelope.job_name();
        let descriptions = &self.shared.descriptions;
        let client = self.client();
        let known = descriptions.of(client, &self.shared.clock, job).await?;
        let Err(rejection) = fits(task, known.revision()) else { return Ok(()) };
        // A new revision may take what the one that was known does not.
        let newest = match known {
            Known::Fresh(_) => None,
            Known::Kept(kept) => Some(descriptions.newer_than(&kept, client, &self.shared.clock, job).await?),
            Known::Not => None,
        };
        match newest {
            None => Err(rejection.into()),
            Some(newest) => Ok(fits(task, newest.revision())?),
        }
    }
}

/// Against a revision; without one everything fits, and the host decides.
fn fits(task: &Prepared, revision: Option<&Arc<Revision>>) -> Result<(), Rejection> {
    let Some(revision) = revision else { return Ok(()) };
    let known = Catalog::of([Arc::clone(revision)]).resolve(task.envelope.clone())?;
    // Whether the host has a value is not known here, so it is taken to have one.
    admit(known, &|_| Some(SecretString::default())).map(drop)
}

impl From<Rejection> for ScheduleError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(Box::new(told(&rejection)))
    }
}
