//! Moments on the clock of a time zone.

use crate::terminal;
use jiff::Timestamp;

/// The zone whose clock needs no second column.
const UTC: &str = "UTC";

/// A moment of an answer as the clock of a zone shows it, such as `Mon 2026-06-01 06:00:00 CEST`. None for UTC, in which
/// answers are, for a zone that is not known here, and for what is no time.
pub(super) fn on_clock(moment: &str, zone: &str) -> Option<String> {
    if zone == UTC {
        return None;
    }
    let zone = jiff::tz::db().get(zone).ok()?;
    let moment: Timestamp = moment.parse().ok()?;
    Some(moment.to_zoned(zone).strftime("%a %Y-%m-%d %H:%M:%S %Z").to_string())
}

/// The same, with the moment itself behind it.
pub(super) fn on_both_clocks(moment: &str, zone: &str) -> String {
    let shown = terminal::printable_line(moment);
    match on_clock(moment, zone) {
        Some(on_clock) => format!("{on_clock} ({shown})"),
        None => shown.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_as_people_there_see_it() {
        for (moment, zone, shown) in [
            (
                "2026-06-01T04:00:00.000Z",
                "Europe/Berlin",
                "Mon 2026-06-01 06:00:00 CEST (2026-06-01T04:00:00.000Z)",
            ),
            (
                "2026-10-25T01:30:00.000Z",
                "Europe/Berlin",
                "Sun 2026-10-25 02:30:00 CET (2026-10-25T01:30:00.000Z)",
            ),
            ("2026-06-01T04:00:00.000Z", "UTC", "2026-06-01T04:00:00.000Z"),
            ("2026-06-01T04:00:00.000Z", "Mars/Olympus", "2026-06-01T04:00:00.000Z"),
            ("soon\u{1b}", "Europe/Berlin", "soon\\u{1b}"),
        ] {
            assert_eq!(on_both_clocks(moment, zone), shown);
        }
    }
}
