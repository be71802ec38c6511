//! What time it is, in a way that a test can decide.

use std::time::SystemTime;

use crate::imports;

/// The time now: the host's clock, or in a native test the one given by [`Host::clock`](crate::testing::Host::clock).
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use mainworker::{clock, testing};
///
/// let june = SystemTime::UNIX_EPOCH + Duration::from_secs(1_433_116_800); // 2015-06-01T00:00:00Z
/// assert_eq!(testing::Host::new().clock(june).run(clock::now), june);
/// ```
#[must_use]
pub fn now() -> SystemTime {
    imports::now()
}
