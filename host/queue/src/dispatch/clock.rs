//! Where time and chance come from.

use mainworker_domain::lifecycle::Timestamp;

/// Tells the time, twice.
pub trait Clock: Send + Sync {
    /// By the wall: for people and for what is due. It may jump.
    fn now(&self) -> Timestamp;

    /// For leases and waits: it goes on evenly and never back. Where it began does not matter, but all hosts of one store must
    /// have begun alike; the wall's time when the process started, and what has passed since, is good enough for that.
    fn steady(&self) -> Timestamp;
}

/// Draws random numbers.
pub trait Random: Send + Sync {
    /// 64 bits that nobody had before.
    fn bits(&self) -> u64;
}
