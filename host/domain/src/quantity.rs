//! Sizes and durations as people write them in `job.toml` and in the settings.
//!
//! Sizes are whole numbers with `B`, `KiB`, `MiB` or `GiB`; powers of 1,024 only, since `MB` means two things.
//! Durations are `250ms`, `10s`, `15m`, `1h 30m`, to the millisecond.

/// Why a text is not a quantity of the expected kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Not a size.
    #[error("expected a size such as `64MiB` (B, KiB, MiB or GiB)")]
    NotASize,
    /// Not a duration.
    #[error("expected a duration such as `250ms`, `10s`, `15m` or `1h 30m`")]
    NotADuration,
}

const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Reads a size in bytes.
///
/// # Errors
/// [`QuantityError::NotASize`] for anything else, a size over 2^64 - 1 bytes included.
pub fn parse_bytes(text: &str) -> Result<u64, QuantityError> {
    let text = text.trim();
    for (unit, factor) in UNITS {
        if let Some(number) = text.strip_suffix(unit) {
            let number = number.trim_end();
            if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
                return Err(QuantityError::NotASize);
            }
            let count: u64 = number.parse().map_err(|_| QuantityError::NotASize)?;
            return count.checked_mul(factor).ok_or(QuantityError::NotASize);
        }
    }
    Err(QuantityError::NotASize)
}

/// Writes a size with the largest unit that divides it, so that [`parse_bytes`] gives the same number back.
pub fn format_bytes(bytes: u64) -> String {
    for (unit, factor) in UNITS {
        if bytes >= factor && bytes.is_multiple_of(factor) {
            return format!("{}{unit}", bytes / factor);
        }
    }
    format!("{bytes}B")
}

/// Writes a size for a person: at most one digit after the point, the unit that suits.
pub fn approximate_bytes(bytes: u64) -> String {
    for (unit, factor) in UNITS {
        if bytes >= factor && factor > 1 {
            let tenths = u128::from(bytes) * 10 / u128::from(factor);
            return if tenths.is_multiple_of(10) {
                format!("{} {unit}", tenths / 10)
            } else {
                format!("{}.{} {unit}", tenths / 10, tenths % 10)
            };
        }
    }
    format!("{bytes} B")
}

/// Reads a duration in milliseconds.
///
/// # Errors
/// [`QuantityError::NotADuration`] for anything else, parts of a millisecond included.
pub fn parse_ms(text: &str) -> Result<u64, QuantityError> {
    let duration = humantime::parse_duration(text).map_err(|_| QuantityError::NotADuration)?;
    if !duration.subsec_nanos().is_multiple_of(1_000_000) {
        return Err(QuantityError::NotADuration);
    }
    u64::try_from(duration.as_millis()).map_err(|_| QuantityError::NotADuration)
}

/// Writes a duration in hours and less, so that [`parse_ms`] gives the same number back.
pub fn format_ms(ms: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let mut rest = ms;
    let mut parts = Vec::new();
    for (unit, factor) in UNITS {
        if rest >= factor {
            parts.push(format!("{}{unit}", rest / factor));
            rest %= factor;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_and_durations_read_as_written() {
        assert_eq!(parse_bytes("64MiB"), Ok(64 << 20));
        assert_eq!(parse_bytes("1 GiB"), Ok(1 << 30));
        assert_eq!(parse_bytes("0B"), Ok(0));
        assert_eq!(parse_ms("1h 30m"), Ok(5_400_000));
        assert_eq!(approximate_bytes(1_572_864), "1.5 MiB");
    }

    #[test]
    fn ambiguous_or_broken_quantities_are_refused() {
        for bad in ["", "64", "64MB", "MiB", "-1MiB", "1.5MiB", "99999999999GiB", "1e3B", "+1B"] {
            assert!(parse_bytes(bad).is_err(), "{bad:?} was taken");
        }
        for bad in ["", "10", "10 parsecs", "1us", "-1s", "999999999999999999999s"] {
            assert!(parse_ms(bad).is_err(), "{bad:?} was taken");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(bytes: u64, ms in 0..u64::MAX / 1_000_000) {
            prop_assert_eq!(parse_bytes(&format_bytes(bytes)), Ok(bytes));
            prop_assert_eq!(parse_ms(&format_ms(ms)), Ok(ms));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = parse_bytes(&text);
            let _ = parse_ms(&text);
        }
    }
}
