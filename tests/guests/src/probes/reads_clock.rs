//! Reads both clocks.

use crate::asked::Asked;
use mainworker::Failure;
use serde_json::{Value, json};
use std::time::{Instant, SystemTime};

pub(super) fn run(_asked: &Asked) -> Result<Value, Failure> {
    let start = Instant::now();
    let unix_s = SystemTime::UNIX_EPOCH.elapsed()?.as_secs();
    Ok(json!({ "unixSeconds": unix_s, "wentBack": Instant::now() < start }))
}
