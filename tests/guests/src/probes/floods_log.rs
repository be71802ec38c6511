//! Logs far more lines than are kept. Must complete: further lines are counted.

use crate::asked::Asked;
use mainworker::{Failure, log};
use serde_json::{Value, json};

pub(super) fn run(asked: &Asked) -> Result<Value, Failure> {
    let text = "x".repeat(asked.count("bytes"));
    for _ in 0..asked.number("lines") {
        log::write(log::Level::Info, "flood", &text);
    }
    Ok(json!({}))
}
