//! Pause: no attempt of a job, or none at all, begins until it is resumed. Tasks are taken all the same, running ones go on.

use mainworker_domain::audit::{Action, Actor, Object};
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;

/// Pauses or resumes. Lasts beyond a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// The job; none for all of them together. The two are apart: resuming everything leaves a paused job paused.
    pub job: Option<JobName>,
    /// Whether to pause rather than resume.
    pub paused: bool,
    /// When.
    pub now: Timestamp,
    /// Who wants it; none if it is the host itself.
    pub by: Option<Actor>,
}

impl Pause {
    /// What the audit calls it.
    pub(crate) fn action(&self) -> Action {
        if self.paused { Action::Paused } else { Action::Resumed }
    }

    /// To what it is done.
    pub(crate) fn object(&self) -> Object {
        self.job.clone().map_or(Object::Host, Object::Job)
    }
}
