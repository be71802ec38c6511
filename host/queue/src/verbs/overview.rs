//! Overview: how many tasks there are, by job and state. Answered from counts that are kept, however many there are.

use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::State;
use std::collections::BTreeMap;

/// All jobs that ever had a task here, were paused or were deployed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// By name.
    pub jobs: BTreeMap<JobName, JobOverview>,
    /// Whether everything is paused.
    pub paused: bool,
    /// Bytes of all that is stored; 0 where nothing is written to a disk.
    pub store_bytes: u64,
}

/// One job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobOverview {
    /// Whether it is paused.
    pub paused: bool,
    /// Tasks by state; a state without any may be left out.
    pub tasks: BTreeMap<State, u64>,
    /// How many attempts of it may run at a time, if it ever had a task.
    pub concurrency_max: Option<u32>,
}

impl JobOverview {
    /// How many tasks are in `state`.
    pub fn count(&self, state: State) -> u64 {
        self.tasks.get(&state).copied().unwrap_or(0)
    }
}

impl Overview {
    /// Tasks of all jobs in `state`.
    pub fn count(&self, state: State) -> u64 {
        self.jobs.values().map(|job| job.count(state)).sum()
    }
}
