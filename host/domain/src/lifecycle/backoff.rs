//! How long a task waits for its next attempt: exponential with full jitter, capped.

use crate::limits::{ATTEMPTS_MAX, RETRY_AFTER_MS_MAX};
use crate::manifest::Retry;

/// A number drawn evenly from 0 up to, not including, 1: so many parts of 2^64. Whoever settles draws it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jitter(u64);

impl Jitter {
    /// From 64 random bits.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// So much of `ms`, rounded down: less than `ms` unless that is 0.
    fn of(self, ms: u64) -> u64 {
        // The product of two numbers below 2^64, over 2^64, is below 2^64.
        u64::try_from((u128::from(ms) * u128::from(self.0)) >> 64).unwrap_or(ms)
    }
}

/// The policy of one task: its job's, with the number of attempts that the task's own options ask for. At least one attempt,
/// at most [`ATTEMPTS_MAX`].
pub fn retry_policy(job: Retry, max_attempts: Option<u32>) -> Retry {
    Retry { max_attempts: max_attempts.unwrap_or(job.max_attempts).clamp(1, ATTEMPTS_MAX), ..job }
}

/// The most milliseconds to wait after `attempts` that did not work: `base`, doubled for each after the first, up to `cap`.
pub fn backoff_bound_ms(policy: &Retry, attempts: u32) -> u64 {
    let factor = 1_u64.checked_shl(attempts.saturating_sub(1)).unwrap_or(u64::MAX);
    policy.base_ms.saturating_mul(factor).min(policy.cap_ms)
}

/// Milliseconds to wait after `attempts` that did not work: anything from 0 to the bound, so that tasks that failed together
/// do not come back together.
pub fn backoff_ms(policy: &Retry, attempts: u32, jitter: Jitter) -> u64 {
    jitter.of(backoff_bound_ms(policy, attempts))
}

/// Milliseconds to wait when the job asked for `asked_ms`: never less, and spread over at most as long again or `base`,
/// whichever is less. The doubling and the cap do not apply, since the job knows better when it will work; one that named no
/// time waits as after a failure. More than [`RETRY_AFTER_MS_MAX`] cannot be asked for.
pub fn wait_asked_ms(policy: &Retry, asked_ms: u64, attempts: u32, jitter: Jitter) -> u64 {
    if asked_ms == 0 {
        return backoff_ms(policy, attempts, jitter);
    }
    let asked_ms = asked_ms.min(RETRY_AFTER_MS_MAX);
    asked_ms.saturating_add(jitter.of(asked_ms.min(policy.base_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Retry = Retry { max_attempts: 5, base_ms: 10_000, cap_ms: 60_000 };
    const HALF: Jitter = Jitter::from_bits(1 << 63);
    const MOST: Jitter = Jitter::from_bits(u64::MAX);

    #[test]
    fn the_bound_doubles_up_to_the_cap() {
        let bounds: Vec<u64> = (0..6).map(|attempts| backoff_bound_ms(&POLICY, attempts)).collect();
        assert_eq!(bounds, [10_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
        for attempts in [64, 65, 66, u32::MAX] {
            assert_eq!(backoff_bound_ms(&POLICY, attempts), 60_000);
        }
        let endless = Retry { max_attempts: 1, base_ms: u64::MAX, cap_ms: u64::MAX };
        assert_eq!(backoff_bound_ms(&endless, u32::MAX), u64::MAX);
    }

    #[test]
    fn the_wait_is_a_part_of_the_bound() {
        assert_eq!(backoff_ms(&POLICY, 3, Jitter::from_bits(0)), 0);
        assert_eq!(backoff_ms(&POLICY, 3, HALF), 20_000);
        assert_eq!(backoff_ms(&POLICY, 3, MOST), 39_999);
    }

    #[test]
    fn a_wait_that_was_asked_for_is_spread_but_never_shortened() {
        assert_eq!(wait_asked_ms(&POLICY, 1_000, 4, Jitter::from_bits(0)), 1_000);
        assert_eq!(wait_asked_ms(&POLICY, 1_000, 4, MOST), 1_999, "no doubling");
        assert_eq!(wait_asked_ms(&POLICY, 7_200_000, 1, HALF), 7_205_000, "no cap");
        assert_eq!(wait_asked_ms(&POLICY, 0, 2, HALF), 10_000, "no time was named");
        assert_eq!(wait_asked_ms(&POLICY, u64::MAX, 1, Jitter::from_bits(0)), RETRY_AFTER_MS_MAX);
    }

    #[test]
    fn a_task_may_ask_for_its_own_number_of_attempts() {
        assert_eq!(retry_policy(POLICY, None), POLICY);
        for (asked, given) in [(0, 1), (1, 1), (9, 9), (u32::MAX, ATTEMPTS_MAX)] {
            assert_eq!(retry_policy(POLICY, Some(asked)), Retry { max_attempts: given, ..POLICY });
        }
    }
}
