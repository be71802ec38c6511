//! Extend: the heartbeat of running attempts.

use crate::attempt::Held;
use mainworker_domain::lifecycle::Timestamp;

/// Puts off the end of the leases of attempts that still run.
#[derive(Clone, Debug)]
pub struct Extend {
    /// The attempts.
    pub held: Vec<Held>,
    /// Until when.
    pub lease_until: Timestamp,
}

/// Whether an attempt still has its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extended {
    /// It has.
    Kept {
        /// Whether somebody wants it to be stopped.
        cancel_requested: bool,
    },
    /// It has not: the attempt is to be stopped, its end will be stale.
    Stale,
}
