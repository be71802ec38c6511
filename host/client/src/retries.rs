//! Whether a request is tried again, and when. Decides; does not wait.
//!
//! What was certainly not done can be tried again whatever it is. What may have been done is tried again only if doing it
//! twice is as good as doing it once.

use crate::options::ClientOptions;
use crate::transport::{Answer, Trouble, TroubleKind};
use http::{StatusCode, header};
use mainworker_domain::lifecycle::{Jitter, backoff_ms, wait_asked_ms};

/// What doing a request twice does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// No more than doing it once.
    Harmless,
    /// More: it is tried again only if it was not done.
    Harmful,
}

/// The tries of one request so far.
#[derive(Debug)]
pub(crate) struct Retries<'a> {
    options: &'a ClientOptions,
    repeat: Repeat,
    tries: u32,
    spent_ms: u64,
}

impl<'a> Retries<'a> {
    pub(crate) fn new(options: &'a ClientOptions, repeat: Repeat) -> Self {
        Self { options, repeat, tries: 0, spent_ms: 0 }
    }

    /// How many milliseconds to wait before the next try, after one that took `took_ms`; none if this was the last.
    pub(crate) fn wait_ms(
        &mut self,
        tried: &Result<Answer, Trouble>,
        took_ms: u64,
        jitter: Jitter,
    ) -> Option<u64> {
        self.tries += 1;
        self.spent_ms = self.spent_ms.saturating_add(took_ms);
        if self.tries >= self.options.retry.max_attempts || !may_change(tried, self.repeat) {
            return None;
        }
        let wait_ms = pause_ms(self.options, tried, self.tries, jitter)?;
        self.spent_ms = self.spent_ms.saturating_add(wait_ms);
        (self.spent_ms < self.options.retry_ms_max).then_some(wait_ms)
    }
}

/// Milliseconds to wait after `failures` in a row: as long as the host asks for, if it does. None if it asks for longer than
/// anybody waits: before that it would say the same.
pub(crate) fn pause_ms(
    options: &ClientOptions,
    tried: &Result<Answer, Trouble>,
    failures: u32,
    jitter: Jitter,
) -> Option<u64> {
    match tried.as_ref().ok().and_then(retry_after_ms) {
        Some(asked_ms) if asked_ms > options.retry_after_ms_max => None,
        Some(asked_ms) => Some(wait_asked_ms(&options.retry, asked_ms, failures, jitter)),
        None => Some(backoff_ms(&options.retry, failures, jitter)),
    }
}

/// Whether a further try may end otherwise and does no harm.
pub(crate) fn may_change(tried: &Result<Answer, Trouble>, repeat: Repeat) -> bool {
    let harmless = repeat == Repeat::Harmless;
    match tried {
        Ok(answer) => match answer.status {
            // Whoever counts requests has not looked into this one.
            StatusCode::TOO_MANY_REQUESTS => true,
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
                harmless
            }
            _ => false,
        },
        Err(trouble) => match trouble.kind {
            TroubleKind::NotSent => true,
            TroubleKind::BrokenOff | TroubleKind::TimedOut => harmless,
            TroubleKind::TooLarge => false,
        },
    }
}

/// The seconds of `Retry-After`. A date, which only others than the host send, is as good as none.
fn retry_after_ms(answer: &Answer) -> Option<u64> {
    let seconds: u64 = answer.headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(seconds.saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::HeaderMap;
    use mainworker_domain::manifest::Retry;

    const HALF: Jitter = Jitter::from_bits(1 << 63);

    fn options() -> ClientOptions {
        let retry = Retry { max_attempts: 4, base_ms: 100, cap_ms: 5_000 };
        ClientOptions { retry, retry_ms_max: 60_000, ..ClientOptions::default() }
    }

    fn answered(status: u16, retry_after: Option<&'static str>) -> Result<Answer, Trouble> {
        let mut headers = HeaderMap::new();
        if let Some(retry_after) = retry_after {
            headers.insert(header::RETRY_AFTER, retry_after.parse().unwrap());
        }
        Ok(Answer { status: StatusCode::from_u16(status).unwrap(), headers, body: Bytes::new() })
    }

    fn troubled(kind: TroubleKind) -> Result<Answer, Trouble> {
        Err(Trouble { kind, problem: String::new() })
    }

    #[test]
    fn only_what_may_end_otherwise_and_does_no_harm_is_tried_again() {
        for (tried, harmless, harmful) in [
            (answered(200, None), false, false),
            (answered(409, None), false, false),
            (answered(500, None), false, false),
            (answered(429, None), true, true),
            (answered(502, None), true, false),
            (answered(503, None), true, false),
            (answered(504, None), true, false),
            (troubled(TroubleKind::NotSent), true, true),
            (troubled(TroubleKind::BrokenOff), true, false),
            (troubled(TroubleKind::TimedOut), true, false),
            (troubled(TroubleKind::TooLarge), false, false),
        ] {
            assert_eq!(may_change(&tried, Repeat::Harmless), harmless, "{tried:?}");
            assert_eq!(may_change(&tried, Repeat::Harmful), harmful, "{tried:?}");
        }
    }

    #[test]
    fn waits_double_and_tries_are_counted() {
        let options = options();
        let mut retries = Retries::new(&options, Repeat::Harmless);
        let refused = troubled(TroubleKind::NotSent);
        let waits: Vec<_> = (0..4).map(|_| retries.wait_ms(&refused, 1, HALF)).collect();
        assert_eq!(waits, [Some(50), Some(100), Some(200), None]);
    }

    #[test]
    fn no_try_begins_after_the_time_for_all_of_them() {
        let options = options();
        let mut retries = Retries::new(&options, Repeat::Harmless);
        let late = troubled(TroubleKind::TimedOut);
        assert_eq!(retries.wait_ms(&late, 30_000, HALF), Some(50));
        assert_eq!(retries.wait_ms(&late, 30_000, HALF), None);
    }

    #[test]
    fn the_host_says_how_long_to_wait_within_bounds() {
        let options = options();
        let wait = |retry_after| {
            Retries::new(&options, Repeat::Harmless).wait_ms(&answered(429, Some(retry_after)), 0, HALF)
        };
        assert_eq!(wait("2"), Some(2_050), "never less than asked for");
        assert_eq!(wait("30"), Some(30_050));
        for long in ["31", "86400", "18446744073709551615"] {
            assert_eq!(wait(long), None, "it is not asked earlier than it says");
        }
        for odd in ["0", "-1", "Wed, 21 Oct 2026 07:28:00 GMT", "soon"] {
            assert_eq!(wait(odd), Some(50), "{odd}");
        }
    }
}
