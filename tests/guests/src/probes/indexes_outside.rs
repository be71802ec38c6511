//! Indexes past the end of a list. Must end as trapped, with Rust's text for it.

use crate::asked::Asked;
use mainworker::Failure;
use serde_json::{Value, json};

pub(super) fn run(asked: &Asked) -> Result<Value, Failure> {
    let list = [1, 2, 3];
    Ok(json!({ "found": list[asked.count("index")] }))
}
