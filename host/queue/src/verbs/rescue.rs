//! Rescue: attempts whose host is gone.
//!
//! An attempt whose lease ended is settled as lost, by the same rules as any end. Whoever ran it may still be there: its end
//! is stale then.

use crate::attempt::Held;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{Timestamp, Transition};

/// Ends attempts as lost.
#[derive(Clone, Debug)]
pub struct Rescue {
    /// Those whose lease ends at or before, by the clock that leases are given with. [`Timestamp::MAX`] takes all: whoever
    /// alone owns a store and has just opened it knows that nobody runs them.
    pub leases_until: Timestamp,
    /// How many at the most; those whose lease ended first.
    pub tasks_max: usize,
    /// When, by the wall clock.
    pub now: Timestamp,
}

/// An attempt that was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rescued {
    /// The attempt.
    pub held: Held,
    /// Its job.
    pub job: JobName,
    /// How its task went on.
    pub transition: Transition,
}
