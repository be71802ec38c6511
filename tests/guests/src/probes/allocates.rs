//! Takes memory and touches it, without end. Must end as out-of-memory at the request that went over.

use crate::asked::Asked;
use mainworker::Failure;
use serde_json::Value;
use std::hint::black_box;

pub(super) fn run(_asked: &Asked) -> Result<Value, Failure> {
    let mut held = Vec::new();
    loop {
        held.push(black_box(vec![1_u8; 1 << 20]));
    }
}
