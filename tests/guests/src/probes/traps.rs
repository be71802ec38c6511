//! Executes `unreachable`. Must end as trapped, and not as a panic.

use crate::asked::Asked;
use mainworker::Failure;
use serde_json::Value;

pub(super) fn run(_asked: &Asked) -> Result<Value, Failure> {
    core::arch::wasm32::unreachable()
}
