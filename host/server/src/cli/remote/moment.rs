//! Times and durations as people write them after a flag, and as they read them.

use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::quantity::parse_ms;

/// A moment as it was written: itself, or how far away it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Moment {
    /// A time.
    At(Timestamp),
    /// So many milliseconds away; in which direction, the flag knows.
    Away(u64),
}

impl Moment {
    /// The moment, if a duration means the future.
    pub(in crate::cli) fn after(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(moment) => moment,
            Self::Away(ms) => now.after_ms(ms),
        }
    }

    /// Whether it takes a clock to know it.
    pub(in crate::cli) fn is_away(self) -> bool {
        matches!(self, Self::Away(_))
    }

    /// The moment, if a duration means the past.
    pub(in crate::cli) fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(moment) => moment,
            Self::Away(ms) => {
                Timestamp::from_ms(now.as_ms().saturating_sub(i64::try_from(ms).unwrap_or(i64::MAX)))
            }
        }
    }
}

/// Reads a moment that a duration puts into the future.
pub(in crate::cli) fn ahead(text: &str) -> Result<Moment, String> {
    read(text).ok_or_else(|| {
        "expected a time such as `2015-05-17T08:05:32Z`, or a duration such as `2h` for two hours from now".to_owned()
    })
}

/// Reads a moment that a duration puts into the past.
pub(in crate::cli) fn ago(text: &str) -> Result<Moment, String> {
    read(text).ok_or_else(|| {
        "expected a time such as `2015-05-17T08:05:32Z`, or a duration such as `2h` for two hours ago"
            .to_owned()
    })
}

fn read(text: &str) -> Option<Moment> {
    Timestamp::parse(text).map(Moment::At).or_else(|| parse_ms(text).ok().map(Moment::Away))
}

/// Reads a duration.
pub(in crate::cli) fn milliseconds(text: &str) -> Result<u64, String> {
    parse_ms(text).map_err(|error| error.to_string())
}

/// A duration for a person: two parts at the most.
pub(in crate::cli) fn shown_ms(ms: u64) -> String {
    const SECOND: u64 = 1_000;
    const MINUTE: u64 = 60 * SECOND;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    match ms {
        ..SECOND => format!("{ms}ms"),
        SECOND..MINUTE => format!("{}.{}s", ms / SECOND, ms % SECOND / 100),
        MINUTE..HOUR => format!("{}m {:02}s", ms / MINUTE, ms % MINUTE / SECOND),
        HOUR..DAY => format!("{}h {:02}m", ms / HOUR, ms % HOUR / MINUTE),
        _ => format!("{}d {:02}h", ms / DAY, ms % DAY / HOUR),
    }
}

/// How long ago a moment of an answer was, or how far away it is. Another text than a time stays as it is.
pub(in crate::cli) fn shown_since(moment: &str, now: Timestamp) -> String {
    match Timestamp::parse(moment) {
        Some(moment) if moment > now => format!("in {}", shown_ms(moment.ms_since(now))),
        Some(moment) => format!("{} ago", shown_ms(now.ms_since(moment))),
        None => moment.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_431_849_932_017);

    #[test]
    fn a_duration_is_a_moment_on_one_side_of_now() {
        assert_eq!(ago("90s"), Ok(Moment::Away(90_000)));
        assert_eq!(ago("90s").unwrap().before(NOW), Timestamp::from_ms(NOW.as_ms() - 90_000));
        assert_eq!(ahead("90s").unwrap().after(NOW), NOW.after_ms(90_000));
        assert_eq!(ago("2015-05-17T08:05:32.017Z"), Ok(Moment::At(NOW)));
        assert_eq!(ago("1000000h").unwrap().before(NOW), Timestamp::MIN);
        assert!(ago("yesterday").unwrap_err().ends_with("for two hours ago"));
        assert!(ahead("tomorrow").unwrap_err().ends_with("for two hours from now"));
    }

    #[test]
    fn durations_have_two_parts_at_the_most() {
        for (ms, shown) in [
            (0, "0ms"),
            (999, "999ms"),
            (1_999, "1.9s"),
            (59_999, "59.9s"),
            (60_000, "1m 00s"),
            (3_599_999, "59m 59s"),
            (3_600_000, "1h 00m"),
            (90_000_000, "1d 01h"),
        ] {
            assert_eq!(shown_ms(ms), shown);
        }
        assert_eq!(shown_since("2015-05-17T08:05:30.017Z", NOW), "2.0s ago");
        assert_eq!(shown_since("2015-05-17T08:05:34.017Z", NOW), "in 2.0s");
        assert_eq!(shown_since("?", NOW), "?");
    }
}
