//! A moment, given by whoever has a clock.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970-01-01 UTC, up to the end of the year 9999, so that each one can be stored and printed.
///
/// Printed as RFC 3339, such as `2015-05-17T08:05:32.000Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00.000Z.
    pub const MIN: Self = Self(0);
    /// 9999-12-31T23:59:59.999Z.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// The moment so many milliseconds after 1970-01-01 UTC; what lies outside of the range is its nearest end.
    pub const fn from_ms(ms: i64) -> Self {
        if ms < Self::MIN.0 {
            Self::MIN
        } else if ms > Self::MAX.0 {
            Self::MAX
        } else {
            Self(ms)
        }
    }

    /// The moment that an RFC 3339 text names, with any offset; finer parts than milliseconds are cut off. None for another
    /// text, and for a moment out of range.
    pub fn parse(text: &str) -> Option<Self> {
        let ms = text.parse::<jiff::Timestamp>().ok()?.as_millisecond();
        (Self::MIN.0..=Self::MAX.0).contains(&ms).then_some(Self(ms))
    }

    /// Milliseconds since 1970-01-01 UTC.
    pub const fn as_ms(self) -> i64 {
        self.0
    }

    /// The moment `ms` milliseconds later, or the last there is.
    #[must_use]
    pub const fn after_ms(self, ms: u64) -> Self {
        Self::from_ms(self.0.saturating_add_unsigned(ms))
    }

    /// Milliseconds from `earlier` to this moment; 0 if the clock went back in between.
    pub fn ms_since(self, earlier: Self) -> u64 {
        u64::try_from(self.0 - earlier.0).unwrap_or(0)
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self::from_ms(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since_epoch = Duration::from_millis(self.ms_since(Self::MIN));
        fmt::Display::fmt(&humantime::format_rfc3339_millis(UNIX_EPOCH + since_epoch), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_outside_of_the_range_is_its_nearest_end() {
        assert_eq!(Timestamp::from_ms(-1), Timestamp::MIN);
        assert_eq!(Timestamp::from_ms(i64::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::from_ms(5).after_ms(u64::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::from(UNIX_EPOCH - Duration::from_secs(1)), Timestamp::MIN);
        assert_eq!(Timestamp::from(UNIX_EPOCH + Duration::from_millis(7)), Timestamp::from_ms(7));
    }

    #[test]
    fn no_time_passes_when_the_clock_goes_back() {
        assert_eq!(Timestamp::from_ms(9).ms_since(Timestamp::from_ms(4)), 5);
        assert_eq!(Timestamp::from_ms(4).ms_since(Timestamp::from_ms(9)), 0);
    }

    #[test]
    fn a_text_with_an_offset_is_a_moment() {
        let moment = Timestamp::from_ms(1_431_849_932_017);
        for text in ["2015-05-17T08:05:32.017Z", "2015-05-17T10:05:32.0179+02:00"] {
            assert_eq!(Timestamp::parse(text), Some(moment), "{text}");
        }
        for text in
            ["", "now", "2015-05-17", "2015-05-17T08:05:32", "2015-02-30T00:00:00Z", "1969-12-31T23:59:59Z"]
        {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn each_moment_can_be_printed() {
        assert_eq!(Timestamp::MIN.to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_ms(1_431_849_932_017).to_string(), "2015-05-17T08:05:32.017Z");
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59.999Z");
    }
}
