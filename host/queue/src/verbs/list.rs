//! List: tasks by what they are and how they went, the newest first.
//!
//! A page looks at a bounded number of tasks. One that found fewer than asked for says where the next goes on; only a page
//! without a next is the last.

use crate::verbs::task::TaskSummary;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::outcome::Outcome;
use mainworker_domain::schedule::ScheduleName;

/// Which tasks: those that fit all that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// In one of these states; any, if there are none here.
    pub states: Vec<State>,
    /// Of this job.
    pub job: Option<JobName>,
    /// Asked for by this source.
    pub source: Option<String>,
    /// With this label.
    pub label: Option<String>,
    /// With this tag.
    pub tag: Option<String>,
    /// Of this schedule, or a former one of its name.
    pub schedule: Option<ScheduleName>,
    /// With this word beside the state.
    pub outcome: Option<Outcome>,
    /// Accepted at or after.
    pub created_from: Option<Timestamp>,
    /// Accepted before.
    pub created_to: Option<Timestamp>,
    /// Whose newest attempt ran longer than so many milliseconds, or runs since then.
    pub longer_than_ms: Option<u64>,
}

/// Reads a page.
#[derive(Clone, Debug)]
pub struct List {
    /// Which tasks.
    pub filter: Filter,
    /// Accepted before the task at this place; none for the newest.
    pub before: Option<u64>,
    /// How many to answer at the most.
    pub tasks_max: usize,
    /// How many to look at, at the most.
    pub examined_max: usize,
    /// When, for attempts that run.
    pub now: Timestamp,
}

/// A page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The tasks, the newest first.
    pub tasks: Vec<TaskSummary>,
    /// [`List::before`] of the next page; none if this is the last.
    pub next: Option<u64>,
}
