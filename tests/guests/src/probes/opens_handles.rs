//! Opens a file again and again and keeps it open. Must end as over-limit.

use crate::asked::Asked;
use mainworker::{Context, Failure};
use serde_json::{Value, json};
use std::fs::File;

pub(super) fn run(asked: &Asked) -> Result<Value, Failure> {
    let mut held = Vec::new();
    for _ in 0..asked.number("count") {
        held.push(File::open(asked.text("path")).context("opening it once more")?);
    }
    Ok(json!({ "opened": held.len() }))
}
