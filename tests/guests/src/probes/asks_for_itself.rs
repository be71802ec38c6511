//! Asks for a task like its own, which does the same: a chain without an end, unless somebody stops it.

use crate::asked::Asked;
use mainworker::{Failure, schedule};
use serde_json::{Value, json};

pub(super) fn run(asked: &Asked) -> Result<Value, Failure> {
    match schedule::task(asked.text("job"), &asked.payload()).enqueue() {
        Ok(id) => Ok(json!({ "id": id })),
        Err(refused) => Err(Failure::rejected(refused)),
    }
}
