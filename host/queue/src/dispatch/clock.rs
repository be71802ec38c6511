//! Where time and chance come from.

use mainworker_domain::lifecycle::Timestamp;
use std::time::{Instant, SystemTime};

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

/// The clock of this machine.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    began: Instant,
    began_at: Timestamp,
}

impl SystemClock {
    /// Looks at the wall once; from then on `steady` counts by itself.
    #[expect(clippy::new_without_default, reason = "a default that depends on the time would be a trap")]
    pub fn new() -> Self {
        Self { began: Instant::now(), began_at: Timestamp::from(SystemTime::now()) }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from(SystemTime::now())
    }

    fn steady(&self) -> Timestamp {
        self.began_at.after_ms(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}
