//! Numbers as logs write them.

/// So many digits always fit into `u64`, so that a usual number needs no check at each of them.
const MOST_DIGITS: usize = 19;

/// A whole number, digits only. `None` for anything else, and beyond `u64`.
#[inline]
pub(super) fn whole(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > MOST_DIGITS {
        return whole_of_any_length(text);
    }
    let mut value: u64 = 0;
    for &byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    Some(value)
}

#[cold]
fn whole_of_any_length(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    text.iter().try_fold(0_u64, |value, byte| value.checked_mul(10)?.checked_add(u64::from(byte - b'0')))
}

/// A number of bytes; `-` is how each of these servers writes "none".
#[inline]
pub(super) fn byte_count(text: &[u8]) -> Option<u64> {
    if text == b"-" { Some(0) } else { whole(text) }
}

/// The [`byte_count`] before the first space or the end of `text`.
#[inline]
pub(super) fn leading_byte_count(text: &[u8]) -> Option<u64> {
    let mut value: u64 = 0;
    for (place, &byte) in text.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 || place == MOST_DIGITS {
            // Anything but a usual number is looked at again, by the function that knows all of them.
            return if byte == b' ' && place > 0 { Some(value) } else { byte_count(first_word(text)) };
        }
        value = value * 10 + u64::from(digit);
    }
    if text.is_empty() { None } else { Some(value) }
}

#[cold]
fn first_word(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == b' ').next().unwrap_or_default()
}

/// Seconds, with or without decimals, as milliseconds; what is finer is cut off. `-` or nothing is no time.
pub(super) fn seconds(text: &[u8]) -> Option<Option<u64>> {
    if text.is_empty() || text == b"-" {
        return Some(None);
    }
    let (seconds, decimals) = match text.iter().position(|&byte| byte == b'.') {
        Some(dot) => (&text[..dot], &text[dot + 1..]),
        None => (text, &b"0"[..]),
    };
    if !decimals.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |place: usize| u64::from(decimals.get(place).map_or(0, |byte| byte - b'0'));
    let milliseconds = digit(0) * 100 + digit(1) * 10 + digit(2);
    whole(seconds)?.checked_mul(1_000)?.checked_add(milliseconds).map(Some)
}

/// Exactly two digits.
#[inline]
pub(super) fn two_digits(text: &[u8]) -> Option<u8> {
    match *text {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => Some((tens - b'0') * 10 + (ones - b'0')),
        _ => None,
    }
}

/// Exactly four digits.
#[inline]
pub(super) fn four_digits(text: &[u8]) -> Option<u16> {
    let (high, low) = text.split_at_checked(2)?;
    Some(u16::from(two_digits(high)?) * 100 + u16::from(two_digits(low)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_end_at_the_largest() {
        assert_eq!(whole(b"0"), Some(0));
        assert_eq!(whole(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(whole(b"0000000000000000000000012"), Some(12));
        for refused in [&b""[..], b"-", b"+1", b"-1", b"1.0", b" 1", b"1a", b"18446744073709551616"] {
            assert_eq!(whole(refused), None, "{}", String::from_utf8_lossy(refused));
        }
    }

    #[test]
    fn leading_number_is_that_of_the_first_word() {
        for word in [
            "",
            "-",
            "0",
            "12",
            "1x",
            "x",
            "1-",
            "+1",
            "9999999999999999999",
            "18446744073709551615",
            "18446744073709551616",
            "0000000000000000000000012",
        ] {
            for rest in ["", " ", " -", " 7 8"] {
                let text = format!("{word}{rest}");
                assert_eq!(leading_byte_count(text.as_bytes()), byte_count(word.as_bytes()), "{text}");
            }
        }
    }

    #[test]
    fn seconds_keep_milliseconds() {
        assert_eq!(seconds(b"12"), Some(Some(12_000)));
        assert_eq!(seconds(b"12.5"), Some(Some(12_500)));
        assert_eq!(seconds(b"0.0019"), Some(Some(1)));
        assert_eq!(seconds(b"12."), Some(Some(12_000)));
        assert_eq!(seconds(b"-"), Some(None));
        assert_eq!(seconds(b""), Some(None));
        for refused in [&b"."[..], b".5", b"x", b"-3", b"1.x", b"18446744073709551615"] {
            assert_eq!(seconds(refused), None, "{}", String::from_utf8_lossy(refused));
        }
    }
}
