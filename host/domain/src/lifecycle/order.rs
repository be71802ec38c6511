//! Which of the tasks that are due is next.

use super::Timestamp;
use crate::limits::{PRIORITY_MAX, PRIORITY_STEP_MS};

/// A task's place among those that are due, least first; ties go by the order in
/// which tasks were accepted, so the whole order is `(OrderKey, place of acceptance)`.
///
/// It is fixed when the task enters the queue: the time it is due, less a head start for its priority. Whoever waits moves
/// up only because later ones come in behind, so an index on the key never has to be rewritten, and a task that is due
/// 9 × 60 s later than another never goes before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderKey(i64);

impl OrderKey {
    /// The place of a task that is due at `run_at`. A priority over the highest is the highest.
    pub fn new(run_at: Timestamp, priority: u8) -> Self {
        let steps = i64::from(priority.min(PRIORITY_MAX));
        Self(run_at.as_ms().saturating_sub(steps.saturating_mul(PRIORITY_STEP_MS)))
    }

    /// The key that [`OrderKey::as_i64`] gave.
    pub const fn from_i64(key: i64) -> Self {
        Self(key)
    }

    /// As it is stored. It can be negative.
    pub const fn as_i64(self) -> i64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_of_priority_is_worth_a_minute() {
        let key = |seconds: i64, priority| OrderKey::new(Timestamp::from_ms(seconds * 1_000), priority);
        assert_eq!(key(600, 0), OrderKey::from_i64(600_000));
        assert_eq!(key(600, 9), key(60, 0));
        assert!(key(600, 1) < key(541, 0) && key(600, 1) > key(539, 0));
        assert_eq!(key(0, 9).as_i64(), -540_000);
        assert_eq!(key(0, u8::MAX), key(0, 9));
    }

    #[test]
    fn ties_go_by_acceptance() {
        let key = OrderKey::from_i64(5);
        let mut order = [(OrderKey::from_i64(6), 1), (key, 3), (key, 2)];
        order.sort_unstable();
        assert_eq!(order.map(|(_, place)| place), [2, 3, 1]);
    }
}
