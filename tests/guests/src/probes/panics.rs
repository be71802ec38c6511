//! Logs and panics. Must end as trapped, with the panic's text and place, the function's name and the last log lines.

use crate::asked::Asked;
use mainworker::{Failure, log};
use serde_json::Value;

pub(super) fn run(asked: &Asked) -> Result<Value, Failure> {
    log::info!("before the panic");
    give_up(asked.text("text"))
}

#[inline(never)]
#[expect(clippy::panic, reason = "the probe is about it")]
fn give_up(text: &str) -> Result<Value, Failure> {
    panic!("the probe gives up: {text}")
}
