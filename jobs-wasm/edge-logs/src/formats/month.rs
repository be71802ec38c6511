//! The calendar month in UTC of a line, as each format writes its date.

use mainworker_models::Month;

use super::number::{four_digits, two_digits, whole};

const MINUTES_PER_DAY: i32 = 1_440;

/// The month of `DD/Mon/YYYY:HH:MM:SS ±HHMM`, as the combined format writes it.
#[inline]
pub(super) fn of_combined(text: &[u8; 26]) -> Option<Month> {
    if (text[2], text[6], text[11], text[14], text[17], text[20]) != (b'/', b'/', b':', b':', b':', b' ') {
        return None;
    }
    let local = Month::new(four_digits(&text[7..11])?, month_of_name(&text[3..6])?)?;
    let day = two_digits(&text[0..2])?;
    let minute = minute_of_day(&text[12..14], &text[15..17], &text[18..20])?;
    let behind_utc = match text[21] {
        b'+' => -1,
        b'-' => 1,
        _ => return None,
    };
    let (hours, minutes) = (two_digits(&text[22..24])?, two_digits(&text[24..26])?);
    if day == 0 || day > local.days() || hours > 23 || minutes > 59 {
        return None;
    }
    // An offset is less than a day, so away from the ends of a month it cannot change it.
    if (2..=27).contains(&day) {
        return Some(local);
    }
    let offset = i32::from(hours) * 60 + i32::from(minutes);
    let minute_of_month = i32::from(day - 1) * MINUTES_PER_DAY + minute + behind_utc * offset;
    if minute_of_month < 0 {
        local.previous()
    } else if minute_of_month >= i32::from(local.days()) * MINUTES_PER_DAY {
        local.next()
    } else {
        Some(local)
    }
}

/// The month of `YYYY-MM-DD`, as W3C logs write it, always in UTC.
#[inline]
pub(super) fn of_date(text: &[u8]) -> Option<Month> {
    let text: &[u8; 10] = text.try_into().ok()?;
    if (text[4], text[7]) != (b'-', b'-') {
        return None;
    }
    let month = Month::new(four_digits(&text[0..4])?, two_digits(&text[5..7])?)?;
    let day = two_digits(&text[8..10])?;
    (1..=month.days()).contains(&day).then_some(month)
}

/// The month of so many seconds since 1970, decimals ignored, as WPC logs write it.
#[inline]
pub(super) fn of_timestamp(text: &[u8]) -> Option<Month> {
    let seconds = match text.iter().position(|&byte| byte == b'.') {
        Some(dot) if text[dot + 1..].iter().all(u8::is_ascii_digit) => &text[..dot],
        Some(_) => return None,
        None => text,
    };
    Month::of_unix_seconds(whole(seconds)?)
}

fn month_of_name(name: &[u8]) -> Option<u8> {
    Some(match *name {
        [b'J', b'a', b'n'] => 1,
        [b'F', b'e', b'b'] => 2,
        [b'M', b'a', b'r'] => 3,
        [b'A', b'p', b'r'] => 4,
        [b'M', b'a', b'y'] => 5,
        [b'J', b'u', b'n'] => 6,
        [b'J', b'u', b'l'] => 7,
        [b'A', b'u', b'g'] => 8,
        [b'S', b'e', b'p'] => 9,
        [b'O', b'c', b't'] => 10,
        [b'N', b'o', b'v'] => 11,
        [b'D', b'e', b'c'] => 12,
        _ => return None,
    })
}

/// Seconds may be 60, in a minute with a leap second.
fn minute_of_day(hours: &[u8], minutes: &[u8], seconds: &[u8]) -> Option<i32> {
    let (hours, minutes, seconds) = (two_digits(hours)?, two_digits(minutes)?, two_digits(seconds)?);
    (hours <= 23 && minutes <= 59 && seconds <= 60).then_some(i32::from(hours) * 60 + i32::from(minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn combined(text: &str) -> Option<String> {
        let text: &[u8; 26] = text.as_bytes().try_into().ok()?;
        of_combined(text).map(|month| month.to_string())
    }

    #[test]
    fn offset_moves_a_line_over_the_end_of_its_month() {
        let rows = [
            ("17/May/2015:10:05:03 +0000", Some("2015-05")),
            ("01/May/2015:00:59:59 +0100", Some("2015-04")),
            ("01/May/2015:01:00:00 +0100", Some("2015-05")),
            ("31/May/2015:23:59:60 +0000", Some("2015-05")),
            ("31/May/2015:22:59:59 -0100", Some("2015-05")),
            ("31/May/2015:23:00:00 -0100", Some("2015-06")),
            ("28/Feb/2016:23:59:59 -2359", Some("2016-02")),
            ("28/Feb/2015:23:59:59 -2359", Some("2015-03")),
            ("29/Feb/2016:12:00:00 -1200", Some("2016-03")),
            ("31/Dec/2015:20:00:00 -0800", Some("2016-01")),
            ("01/Jan/2015:05:29:59 +0530", Some("2014-12")),
            ("29/Feb/2015:12:00:00 +0000", None),
            ("00/May/2015:10:05:03 +0000", None),
            ("17/may/2015:10:05:03 +0000", None),
            ("17/May/2015:24:05:03 +0000", None),
            ("17/May/2015:10:05:03 +2400", None),
            ("17/May/2015:10:05:03  0000", None),
            ("01/Jan/0000:00:00:00 +0100", None),
            ("31/Dec/9999:23:59:59 -0100", None),
        ];
        for (text, month) in rows {
            assert_eq!(combined(text).as_deref(), month, "{text}");
        }
    }

    #[test]
    fn timestamp_falls_into_its_month() {
        let rows: [(&str, Option<&str>); 9] = [
            ("0", Some("1970-01")),
            ("951782399", Some("2000-02")),
            ("951868799", Some("2000-02")),
            ("951868800", Some("2000-03")),
            ("1430438399", Some("2015-04")),
            ("1430438400.999", Some("2015-05")),
            ("253402300799", Some("9999-12")),
            ("253402300800", None),
            ("1430438400.x", None),
        ];
        for (text, month) in rows {
            assert_eq!(of_timestamp(text.as_bytes()).map(|m| m.to_string()).as_deref(), month, "{text}");
        }
    }

    #[test]
    fn date_must_be_whole() {
        assert_eq!(of_date(b"2014-11-24").map(|m| m.to_string()).as_deref(), Some("2014-11"));
        for refused in ["2014-11-2", "2014-13-01", "2014-00-01", "2014-11-31", "2014/11/24", "-", ""] {
            assert_eq!(of_date(refused.as_bytes()), None, "{refused}");
        }
    }
}
