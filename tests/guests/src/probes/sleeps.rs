//! Sleeps, parked in a host call. Must end as timed-out, or be cancelled, without waking up by itself.

use crate::asked::Asked;
use mainworker::{Failure, log};
use serde_json::{Value, json};
use std::thread;
use std::time::Duration;

pub(super) fn run(asked: &Asked) -> Result<Value, Failure> {
    log::info!("ready");
    thread::sleep(Duration::from_millis(asked.number("ms")));
    Ok(json!({}))
}
