//! Calls itself without end. Must end as trapped, with a backtrace that was cut short.

use crate::asked::Asked;
use mainworker::Failure;
use serde_json::{Value, json};
use std::hint::black_box;

pub(super) fn run(_asked: &Asked) -> Result<Value, Failure> {
    Ok(json!({ "depth": deeper(1) }))
}

#[inline(never)]
#[expect(unconditional_recursion, reason = "the probe is about it")]
fn deeper(depth: u64) -> u64 {
    black_box(deeper(black_box(depth + 1))) + depth
}
