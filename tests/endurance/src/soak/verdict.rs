//! Whether what was measured stayed flat.

use super::sample::{Sample, mib, part};
use anyhow::{Result, ensure};

/// The last third may be this many tenths of the middle one.
const TENTHS_MAX: u64 = 13;
/// Memory moves by so much for other reasons: allocators keep pages.
const RSS_SLACK_BYTES: u64 = 16 << 20;
/// The file grows in steps, and is emptied once a minute.
const STORE_SLACK_BYTES: u64 = 4 << 20;
/// A machine that does something else for a moment.
const LATENCY_SLACK_US: u64 = 20_000;

/// One thing that was measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// What.
    pub name: &'static str,
    /// In the middle third.
    pub middle: String,
    /// In the last third.
    pub last: String,
    /// What the last third may be.
    pub allowed: String,
    /// Whether it is no more than that.
    pub is_flat: bool,
}

/// Compares the last third of the samples with the middle one.
///
/// # Errors
/// Too few samples for thirds, or a third without any request.
pub fn judge(samples: &[Sample]) -> Result<Vec<Judged>> {
    let third = samples.len() / 3;
    ensure!(third >= 2, "{} samples are too few: two are needed for each third", samples.len());
    let (middle, last) = (&samples[third..2 * third], &samples[2 * third..]);
    ensure!(
        [middle, last].iter().all(|third| third.iter().any(|sample| !sample.enqueue_us.is_empty())),
        "no request was answered"
    );
    let store = |samples: &[Sample]| {
        let bytes = samples.iter().map(|sample| sample.store_bytes + sample.wal_bytes);
        bytes.max().unwrap_or_default()
    };
    let rss = |samples: &[Sample]| {
        let mut bytes: Vec<u64> = samples.iter().map(|sample| sample.rss_bytes).collect();
        bytes.sort_unstable();
        part(&bytes, 50)
    };
    // The median of what the samples show: a machine that does something else for some seconds is not what is looked for.
    let p99 = |samples: &[Sample], latencies: fn(&Sample) -> &Vec<u64>| {
        let mut each: Vec<u64> = samples.iter().map(|sample| part(latencies(sample), 99)).collect();
        each.sort_unstable();
        part(&each, 50)
    };
    let enqueue_us = |samples| p99(samples, |sample| &sample.enqueue_us);
    let start_us = |samples| p99(samples, |sample| &sample.start_ms) * 1_000;
    let bytes = |bytes| format!("{} MiB", mib(bytes));
    let ms = |us: u64| format!("{} ms", us / 1_000);
    Ok(vec![
        compare("rss (median)", rss(middle), rss(last), RSS_SLACK_BYTES, bytes),
        compare("store and wal (largest)", store(middle), store(last), STORE_SLACK_BYTES, bytes),
        compare("enqueue p99 (median)", enqueue_us(middle), enqueue_us(last), LATENCY_SLACK_US, ms),
        compare("start p99 (median)", start_us(middle), start_us(last), LATENCY_SLACK_US, ms),
    ])
}

fn compare(name: &'static str, middle: u64, last: u64, slack: u64, shown: impl Fn(u64) -> String) -> Judged {
    let allowed = middle * TENTHS_MAX / 10 + slack;
    let is_flat = last <= allowed;
    Judged { name, middle: shown(middle), last: shown(last), allowed: shown(allowed), is_flat }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat() -> Vec<Sample> {
        let sample = Sample {
            rss_bytes: 100 << 20,
            store_bytes: 10 << 20,
            enqueue_us: vec![1_000; 100],
            start_ms: vec![2; 100],
            ..Sample::default()
        };
        vec![sample; 9]
    }

    fn grown(samples: &[Sample]) -> Vec<&'static str> {
        judge(samples)
            .unwrap()
            .into_iter()
            .filter(|judged| !judged.is_flat)
            .map(|judged| judged.name)
            .collect()
    }

    #[test]
    fn what_stays_the_same_is_flat_whatever_the_warming_up() {
        let mut samples = flat();
        assert!(grown(&samples).is_empty());
        samples[..3].iter_mut().for_each(|sample| sample.rss_bytes = 0);
        assert!(grown(&samples).is_empty());
    }

    #[test]
    fn what_grows_is_named() {
        let change = |change: fn(&mut Sample)| {
            let mut samples = flat();
            samples[6..].iter_mut().for_each(change);
            samples
        };
        assert_eq!(grown(&change(|sample| sample.rss_bytes = 147 << 20)), ["rss (median)"]);
        assert_eq!(grown(&change(|sample| sample.wal_bytes = 8 << 20)), ["store and wal (largest)"]);
        assert_eq!(
            grown(&change(|sample| sample.enqueue_us[0] = 30_000)),
            [""; 0],
            "one of hundreds is not p99"
        );
        assert_eq!(grown(&change(|sample| sample.enqueue_us[98..].fill(30_000))), ["enqueue p99 (median)"]);
        assert_eq!(grown(&change(|sample| sample.start_ms[98..].fill(30))), ["start p99 (median)"]);
    }

    #[test]
    fn too_little_is_no_verdict() {
        assert!(judge(&flat()[..5]).is_err());
        let mut samples = flat();
        samples.iter_mut().for_each(|sample| sample.enqueue_us.clear());
        assert!(judge(&samples).is_err());
    }
}
