//! Reads where its memory ends. Must end as trapped by the engine, not as a panic.

use crate::asked::Asked;
use mainworker::Failure;
use serde_json::{Value, json};

#[expect(unsafe_code, reason = "a safe program cannot do this")]
pub(super) fn run(_asked: &Asked) -> Result<Value, Failure> {
    let at = 0xFFFF_FFF0_usize as *const u64;
    // SAFETY: there is none; the sandbox has to stop it.
    let word = unsafe { at.read_volatile() };
    Ok(json!({ "word": word }))
}
