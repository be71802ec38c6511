//! Returns its payload: the smallest job there is, to try a host with.

use mainworker::{Failure, RawObject, Task, log};

/// Logs one line and returns the payload as it came.
///
/// # Errors
/// None: what is an object can be returned.
#[mainworker::job]
pub fn run(task: &Task, payload: RawObject) -> Result<RawObject, Failure> {
    log::info!("{} bytes from {}", payload.get().len(), task.source);
    Ok(payload)
}
