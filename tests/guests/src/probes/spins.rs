//! Computes without end and without a host call. Must end as over-cpu, or as timed-out where that comes first.

use crate::asked::Asked;
use mainworker::{Failure, log};
use serde_json::Value;
use std::hint::black_box;

pub(super) fn run(_asked: &Asked) -> Result<Value, Failure> {
    log::info!("ready");
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}
