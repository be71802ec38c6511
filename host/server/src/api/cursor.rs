//! Cursors: where a page ended, for whoever asks for the next one.
//!
//! Opaque to clients. A cursor is bound to the query that gave it, so that one of another query is an error and not a
//! page of something else.

use super::problem::ApiError;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mainworker_queue::verbs::log::LogPlace;
use sha2::{Digest, Sha256};

/// Bytes of the hash of a query in a cursor: a mistake is found, and nobody gains by making one up.
const BOUND_BYTES: usize = 8;

/// The cursor for `place` of the query that `query` says.
pub(super) fn write(query: &str, place: u64) -> String {
    let bytes = [bound(query), place.to_be_bytes()].concat();
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The place that [`write()`] wrote for the same query.
///
/// # Errors
/// `bad_cursor` for anything else.
pub(super) fn read(query: &str, cursor: &str) -> Result<u64, ApiError> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| ApiError::BadCursor)?;
    let (bound_to, place) = bytes.split_first_chunk::<BOUND_BYTES>().ok_or(ApiError::BadCursor)?;
    let place: [u8; 8] = place.try_into().map_err(|_| ApiError::BadCursor)?;
    if *bound_to == bound(query) { Ok(u64::from_be_bytes(place)) } else { Err(ApiError::BadCursor) }
}

/// A line's place in a log, as the place of a cursor.
pub(super) fn of_log(place: LogPlace) -> u64 {
    u64::from(place.attempt) << 32 | u64::from(place.line)
}

/// The place in a log that [`of_log`] gave.
pub(super) fn log_place(place: u64) -> LogPlace {
    let [a, b, c, d, e, f, g, h] = place.to_be_bytes();
    LogPlace { attempt: u32::from_be_bytes([a, b, c, d]), line: u32::from_be_bytes([e, f, g, h]) }
}

fn bound(query: &str) -> [u8; BOUND_BYTES] {
    let hash: [u8; 32] = Sha256::digest(query.as_bytes()).into();
    hash.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_query_alone() {
        for place in [0, 1, u64::MAX] {
            let cursor = write("state=queued", place);
            assert_eq!(read("state=queued", &cursor).unwrap(), place);
            assert_eq!(read("state=running", &cursor).unwrap_err().code(), "bad_cursor");
        }
    }

    #[test]
    fn what_nobody_wrote_is_no_cursor() {
        let good = write("", 7);
        let long = format!("{good}AA");
        for bad in ["", "x", "7", &good[1..], &long, "äöü", &"A".repeat(10_000)] {
            assert_eq!(read("", bad).unwrap_err().code(), "bad_cursor", "{bad}");
        }
    }

    #[test]
    fn a_place_in_a_log_comes_back() {
        for (attempt, line) in [(0, 0), (1, 9_999), (u32::MAX, u32::MAX)] {
            let place = LogPlace { attempt, line };
            assert_eq!(log_place(of_log(place)), place);
        }
        assert!(of_log(LogPlace { attempt: 2, line: 0 }) > of_log(LogPlace { attempt: 1, line: u32::MAX }));
    }
}
