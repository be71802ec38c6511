//! That each payload names the job that takes it, and what that job returns.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use mainworker_models::{
    AccountBandwidthPayload, ArchiveStreamPayload, ChargeAccountsPayload, EdgeLogsPayload, JobPayload,
    SendEmailPayload,
};
use std::any::type_name;
use std::fs;
use std::path::Path;

/// What the crate of a job says: its manifest and its source.
fn job(name: &str) -> (String, String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
    (read("job.toml"), read("src/lib.rs"))
}

fn last_word<T>() -> &'static str {
    type_name::<T>().rsplit("::").next().unwrap()
}

#[track_caller]
fn belongs_to_its_job<P: JobPayload>() {
    let (manifest, source) = job(P::JOB);
    assert!(manifest.contains(&format!("[job]\nname = \"{}\"\n", P::JOB)), "{manifest}");
    let signature =
        format!("payload: {}) -> Result<{}, Failure>", last_word::<P>(), last_word::<P::Result>());
    assert!(source.contains(&signature), "`{}` has no function with `{signature}`", P::JOB);
}

#[test]
fn each_payload_is_what_its_job_takes_and_gives_what_that_returns() {
    belongs_to_its_job::<AccountBandwidthPayload>();
    belongs_to_its_job::<ArchiveStreamPayload>();
    belongs_to_its_job::<ChargeAccountsPayload>();
    belongs_to_its_job::<EdgeLogsPayload>();
    belongs_to_its_job::<SendEmailPayload>();
}
