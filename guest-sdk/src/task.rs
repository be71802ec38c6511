//! What a job is told about the task it works on.

/// The task that an attempt is for. The same for each attempt at it, but for [`attempt`](Self::attempt).
///
/// A test makes one with [`testing::task`](crate::testing::task).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Identifies the task for ever: a UUID version 7 in its usual lower-case form. Fit to be an idempotency key.
    pub id: String,
    /// The job's name, as in its manifest.
    pub job: String,
    /// Who asked for the task, for example `api`, `scheduler` or `job:account-bandwidth`.
    pub source: String,
    /// Which attempt this is; the first is 1.
    pub attempt: u32,
    /// How many attempts the task gets at most, at least 1.
    pub max_attempts: u32,
    /// The tags that came with the task, in the order given.
    pub tags: Vec<String>,
}
