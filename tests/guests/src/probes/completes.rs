//! Does nothing and completes: what must still work after any other probe.

use crate::asked::Asked;
use mainworker::Failure;
use serde_json::{Value, json};

pub(super) fn run(asked: &Asked) -> Result<Value, Failure> {
    Ok(json!({ "attempt": asked.attempt }))
}
