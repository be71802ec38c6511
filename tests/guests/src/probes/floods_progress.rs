//! Reports progress for half a second as fast as it can. Must complete, with some ten reports a second shown.

use crate::asked::Asked;
use mainworker::{Failure, progress};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

pub(super) fn run(asked: &Asked) -> Result<Value, Failure> {
    let end = Instant::now() + Duration::from_millis(asked.number("ms"));
    let mut reports = 0_u64;
    while Instant::now() < end {
        reports += 1;
        progress::report(50, format!("report {reports}"));
    }
    progress::report(200, "the last one");
    Ok(json!({ "reports": reports }))
}
