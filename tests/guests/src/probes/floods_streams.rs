//! Prints without end and, on stderr, without a line's end. Must complete: the log takes it up to its limits.

use crate::asked::Asked;
use mainworker::Failure;
use serde_json::{Value, json};
use std::io::Write;

pub(super) fn run(asked: &Asked) -> Result<Value, Failure> {
    let part = vec![b'y'; 1_000];
    for _ in 0..asked.number("parts") {
        match asked.text("stream") {
            "stderr" => std::io::stderr().write_all(&part)?,
            _ => writeln!(std::io::stdout(), "{}", String::from_utf8_lossy(&part))?,
        }
    }
    Ok(json!({}))
}
