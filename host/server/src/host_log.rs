//! What the host's own log says of tasks and of credentials: what somebody should see in the morning who was not there at
//! night.
//!
//! Failures only, and not each of thousands: of one job, and of all credentials, at most one line in ten seconds, with how many
//! others there were.
//! All of them are in the store, in the metrics and, if somebody asked for it, in notices.

use crate::events::{Observer, Stamped};
use mainworker_domain::event::Event;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::outcome::Outcome;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Milliseconds between two lines about one job, or about credentials.
const QUIET_MS: u64 = 10_000;
/// Characters of a message that are shown; all of it is in `mainworker status`.
const MESSAGE_CHARS_MAX: usize = 300;

/// The host's own log of tasks.
#[derive(Debug, Default)]
pub struct HostLog {
    jobs: Mutex<HashMap<JobName, Spoken>>,
    credentials: Mutex<Option<Spoken>>,
    interrupted: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
struct Spoken {
    at: Timestamp,
    /// Failures since then.
    others: u64,
}

impl HostLog {
    /// Sees each event.
    pub fn observer(self: &Arc<Self>) -> Observer {
        let log = Arc::clone(self);
        Box::new(move |stamped| log.hear(stamped))
    }

    /// Attempts that were interrupted because the host stops.
    pub fn interrupted(&self) -> u64 {
        self.interrupted.load(Ordering::Relaxed)
    }

    fn hear(&self, Stamped { at, event }: &Stamped) {
        if let Event::CredentialRefused { why, address, token } = event {
            // Whole, or not there.
            let mut spoken = self.credentials.lock().unwrap_or_else(PoisonError::into_inner);
            let others = match spoken.as_mut() {
                Some(spoken) => spoken.others_if_due(*at),
                None => Some(0),
            };
            if let Some(others) = others {
                spoken.get_or_insert(Spoken { at: *at, others: 0 });
                let token = token.as_ref().map(tracing::field::display);
                tracing::warn!(why, address, token, others, "a credential was refused");
            }
            return;
        }
        let Event::AttemptEnded { task_id, job, attempt, outcome, code, message, state, .. } = event else {
            return;
        };
        if *outcome == Outcome::Interrupted {
            self.interrupted.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let told = match (state, outcome) {
            (State::Failed, _) => "a task failed for good",
            // Nothing of the job ran: somebody has to mend something that is not the job.
            (_, Outcome::HostError | Outcome::ModuleUnavailable) => {
                "an attempt could not run, and is tried again"
            }
            _ => return,
        };
        let Some(others) = self.others_of_job(job, *at) else { return };
        let problem: String = message.iter().flat_map(|text| text.chars()).take(MESSAGE_CHARS_MAX).collect();
        let code = code.as_deref().unwrap_or_default();
        tracing::warn!(task = %task_id, %job, attempt, %outcome, code, problem, others, "{told}");
    }

    /// How many failures of the job there were since its last line, if it may have another one.
    fn others_of_job(&self, job: &JobName, now: Timestamp) -> Option<u64> {
        // Entries are put in whole.
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        match jobs.get_mut(job) {
            Some(spoken) => spoken.others_if_due(now),
            None => {
                jobs.insert(job.clone(), Spoken { at: now, others: 0 });
                Some(0)
            }
        }
    }
}

impl Spoken {
    /// How many there were since the last line, if there may be another one.
    fn others_if_due(&mut self, now: Timestamp) -> Option<u64> {
        // A clock that went back keeps nobody quiet for longer.
        if self.at <= now && now.ms_since(self.at) < QUIET_MS {
            self.others += 1;
            return None;
        }
        let others = self.others;
        *self = Self { at: now, others: 0 };
        Some(others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_job_there_is_one_line_in_a_while() {
        let (log, at) = (HostLog::default(), Timestamp::from_ms);
        let (echo, other) = (JobName::parse("echo").unwrap(), JobName::parse("other").unwrap());
        assert_eq!(log.others_of_job(&echo, at(1_000)), Some(0));
        assert_eq!(log.others_of_job(&echo, at(2_000)), None);
        assert_eq!(log.others_of_job(&other, at(2_000)), Some(0));
        assert_eq!(log.others_of_job(&echo, at(10_999)), None);
        assert_eq!(log.others_of_job(&echo, at(11_000)), Some(2));
        // The clock goes back.
        assert_eq!(log.others_of_job(&echo, at(5_000)), Some(0));
    }
}
