//! Which tasks are asked for, and with what beside them.

use crate::ledger::Work;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::task_options::{TaskOptions, UniquePolicy};
use rand::RngExt;
use rand::rngs::StdRng;
use std::time::SystemTime;

/// The tag of tasks that are due long after the test: they are cancelled at its end.
pub(crate) const FAR_TAG: &str = "far";
/// Milliseconds until they are due.
const FAR_MS: u64 = 24 * 3_600_000;
/// Keys under which a worker has one task at a time.
const UNIQUE_KEYS: u32 = 3;

/// The work of a task, at random. Of a hundred, so many are each.
pub(super) fn work(random: &mut StdRng) -> Work {
    // Most are short; some are there at nearly every kill.
    let ms = if random.random_bool(0.8) { random.random_range(1..40) } else { random.random_range(40..400) };
    match random.random_range(0..100) {
        0..50 => Work::Echo,
        50..58 => Work::Completes,
        58..72 => Work::Sleeps(ms),
        72 => Work::Spins,
        73..77 => Work::Logs(random.random_range(1..200)),
        77..80 => Work::Panics,
        80..83 => Work::IsRejected,
        83..90 => Work::Asks(random.random_range(1..4)),
        90..93 => Work::AsksAndFails,
        _ => {
            let places = ["log", "progress", "result", "failed", "panic"];
            Work::TellsSecret(places[random.random_range(0..places.len())])
        }
    }
}

/// What goes with a task, at random.
pub(super) fn options(worker: u32, work: Work, random: &mut StdRng) -> TaskOptions {
    let mut options = TaskOptions::default();
    if random.random_bool(0.5) {
        options.priority = Some(random.random_range(0..10));
    }
    if random.random_bool(0.15) {
        options.delay_ms = Some(random.random_range(1..800));
    }
    if random.random_bool(0.3) {
        options.label = Some(format!("worker {worker}"));
        options.tags = vec![format!("worker-{worker}"), work.job().to_owned()];
    }
    if work == Work::Spins {
        options.timeout_ms = Some(60);
    }
    match random.random_range(0..100) {
        0..3 => {
            options.delay_ms = Some(FAR_MS);
            options.tags = vec![FAR_TAG.to_owned()];
        }
        3..6 => {
            let now = Timestamp::from(SystemTime::now());
            let begins_at = options.begins_at(now);
            options.expires_at = Some(begins_at.after_ms(random.random_range(200..2_000)));
        }
        6..14 => {
            let policies = UniquePolicy::ALL;
            options.unique_key = Some(format!("worker {worker} key {}", random.random_range(0..UNIQUE_KEYS)));
            options.unique_policy = policies[random.random_range(0..policies.len())];
        }
        _ => {}
    }
    options
}
