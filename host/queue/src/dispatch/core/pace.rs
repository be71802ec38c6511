//! How fast attempts end, to know how many to claim ahead.

use mainworker_domain::lifecycle::Timestamp;

/// Milliseconds that are remembered.
const REMEMBERED_MS: usize = 128;

/// Ends by the millisecond they came in, of the last few.
#[derive(Debug)]
pub(super) struct Pace {
    ends: [usize; REMEMBERED_MS],
    newest: Timestamp,
}

impl Pace {
    pub(super) fn new(steady: Timestamp) -> Self {
        Self { ends: [0; REMEMBERED_MS], newest: steady }
    }

    /// When attempts ended last.
    pub(super) fn newest(&self) -> Timestamp {
        self.newest
    }

    /// So many attempts ended now.
    pub(super) fn add(&mut self, ends: usize, steady: Timestamp) {
        let passed =
            usize::try_from(steady.ms_since(self.newest)).unwrap_or(REMEMBERED_MS).min(REMEMBERED_MS);
        if passed > 0 {
            self.ends.copy_within(..REMEMBERED_MS - passed, passed);
            self.ends[..passed].fill(0);
            self.newest = steady;
        }
        self.ends[0] += ends;
    }

    /// Ends within the last `window_ms` milliseconds.
    pub(super) fn within(&self, window_ms: u64, steady: Timestamp) -> usize {
        let window = window_ms.saturating_sub(steady.ms_since(self.newest));
        let window = usize::try_from(window).unwrap_or(REMEMBERED_MS).min(REMEMBERED_MS);
        self.ends[..window].iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(1_000_000 + ms)
    }

    #[test]
    fn what_ended_is_forgotten_after_the_window() {
        let mut pace = Pace::new(at(0));
        pace.add(3, at(0));
        pace.add(2, at(1));
        pace.add(1, at(1));
        assert_eq!([at(1), at(7), at(8), at(9)].map(|now| pace.within(8, now)), [6, 6, 3, 0]);
        pace.add(5, at(1_000));
        assert_eq!(
            (pace.within(8, at(1_000)), pace.within(1, at(1_000)), pace.within(0, at(1_000))),
            (5, 5, 0)
        );
        assert_eq!(pace.within(u64::MAX, at(1_000)), 5, "no more than is remembered");
    }
}
