//! Leaves a number in a static. Each attempt must find it as the module was compiled: the count is always 1.

use crate::asked::Asked;
use mainworker::Failure;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};

static ATTEMPTS: AtomicU32 = AtomicU32::new(0);

pub(super) fn run(_asked: &Asked) -> Result<Value, Failure> {
    Ok(json!({ "count": ATTEMPTS.fetch_add(1, Ordering::Relaxed) + 1 }))
}
