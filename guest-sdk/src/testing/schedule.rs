//! Tasks that a job asked for.

use std::time::Duration;

use serde_json::Value;

use super::{Host, SERVING};
use crate::schedule::{Options, Refused};

/// A task that the job asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduledTask {
    /// The job that is to do it.
    pub job: String,
    /// The envelope's `jobPayload`.
    pub payload: Value,
    /// What makes a second such task the first one.
    pub idempotency_key: Option<String>,
    /// What only one queued or running task may have.
    pub unique_key: Option<String>,
    /// How long it waits at least.
    pub delay: Option<Duration>,
    /// 0 to 9.
    pub priority: Option<u8>,
    /// For people and filters.
    pub label: Option<String>,
    /// For filters.
    pub tags: Vec<String>,
}

impl Host {
    /// Refuses every task of `job` with `refused`. All other jobs are granted.
    #[must_use]
    pub fn refuse_schedule(mut self, job: impl Into<String>, refused: Refused) -> Self {
        self.refused_jobs.insert(job.into(), refused);
        self
    }

    /// The tasks taken so far, in order. A second one with the same idempotency key is the first if it is equal, and
    /// refused if it is not.
    #[must_use]
    pub fn scheduled(&self) -> Vec<ScheduledTask> {
        self.seen.borrow().scheduled.iter().map(|(_, task)| task.clone()).collect()
    }

    fn enqueue(&self, task: ScheduledTask) -> Result<String, Refused> {
        if let Some(refused) = self.refused_jobs.get(&task.job) {
            return Err(refused.clone());
        }
        let mut seen = self.seen.borrow_mut();
        let same_key = |(_, earlier): &&(String, ScheduledTask)| {
            task.idempotency_key.is_some() && earlier.idempotency_key == task.idempotency_key
        };
        match seen.scheduled.iter().find(same_key) {
            Some((id, first)) if *first == task => return Ok(id.clone()),
            Some(_) => {
                let key = task.idempotency_key.unwrap_or_default();
                let message = format!("idempotency_conflict: there is another task with the key `{key}`");
                return Err(Refused::Rejected(message));
            }
            None => {}
        }
        let id = format!("01900000-0000-7000-8000-{:012x}", seen.scheduled.len() + 1);
        seen.scheduled.push((id.clone(), task));
        Ok(id)
    }
}

pub(crate) fn enqueue(job: &str, payload: &str, options: Options) -> Result<String, Refused> {
    let payload =
        serde_json::from_str(payload).map_err(|error| Refused::PayloadNotJson(error.to_string()))?;
    let Options { delay, priority, label, tags, idempotency_key, unique_key } = options;
    let job = job.to_owned();
    let task = ScheduledTask { job, payload, idempotency_key, unique_key, delay, priority, label, tags };
    SERVING.with_borrow(|host| match host {
        Some(host) => host.enqueue(task),
        None => Err(Refused::NotGranted(format!("no `testing::Host` serves the call for `{}`", task.job))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule;

    #[test]
    fn a_task_is_kept_with_its_options() {
        let host = Host::new();
        let id = host.run(|| {
            schedule::task("send-email", &[1, 2])
                .idempotency_key("acme-tv 2015-05 90")
                .unique_key("acme-tv")
                .delay(Duration::from_secs(60))
                .priority(9)
                .label("warning")
                .tag("mail")
                .tag("acme-tv")
                .enqueue()
        });
        assert_eq!(id.as_deref(), Ok("01900000-0000-7000-8000-000000000001"));
        let expected = ScheduledTask {
            job: String::from("send-email"),
            payload: serde_json::json!([1, 2]),
            idempotency_key: Some(String::from("acme-tv 2015-05 90")),
            unique_key: Some(String::from("acme-tv")),
            delay: Some(Duration::from_secs(60)),
            priority: Some(9),
            label: Some(String::from("warning")),
            tags: vec![String::from("mail"), String::from("acme-tv")],
        };
        assert_eq!(host.scheduled(), [expected]);
    }

    #[test]
    fn an_idempotency_key_makes_the_second_task_the_first() {
        let host = Host::new();
        host.run(|| {
            let ask = |key| schedule::task("send-email", &()).idempotency_key(key).enqueue();
            assert_eq!(ask("a"), ask("a"));
            assert_ne!(ask("a"), ask("b"));
            let other = schedule::task("send-email", &1).idempotency_key("a").enqueue();
            let conflict = "idempotency_conflict: there is another task with the key `a`";
            assert_eq!(other, Err(Refused::Rejected(String::from(conflict))));
            assert_ne!(
                schedule::task("send-email", &()).enqueue(),
                schedule::task("send-email", &()).enqueue()
            );
        });
        assert_eq!(host.scheduled().len(), 4);
    }

    #[test]
    fn a_refused_job_is_refused_and_others_are_not() {
        let refused = Refused::Rejected(String::from("`/to` is missing"));
        let host = Host::new().refuse_schedule("send-email", refused.clone());
        host.run(|| {
            assert_eq!(schedule::task("send-email", &()).enqueue(), Err(refused.clone()));
            assert!(schedule::task("echo", &()).enqueue().is_ok());
        });
        assert_eq!(host.scheduled().len(), 1);
        assert_eq!(refused.to_string(), "the task was not scheduled, rejected: `/to` is missing");
    }

    #[test]
    fn without_a_host_no_job_is_granted() {
        let refused = schedule::task("send-email", &()).enqueue().unwrap_err();
        assert_eq!(
            refused,
            Refused::NotGranted(String::from("no `testing::Host` serves the call for `send-email`"))
        );
    }

    #[test]
    fn a_payload_that_is_no_json_is_said_when_it_is_asked_for() {
        let unequal_keys = std::collections::BTreeMap::from([(vec![1], 1)]);
        let refused = schedule::task("send-email", &unequal_keys).enqueue().unwrap_err();
        assert!(matches!(refused, Refused::PayloadNotJson(_)), "{refused}");
    }
}
