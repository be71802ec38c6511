//! Pause: no attempt of a job, or none at all, begins until it is resumed. Tasks are taken all the same, running ones go on.

use mainworker_domain::job_name::JobName;

/// Pauses or resumes. Lasts beyond a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// The job; none for all of them together. The two are apart: resuming everything leaves a paused job paused.
    pub job: Option<JobName>,
    /// Whether to pause rather than resume.
    pub paused: bool,
}
