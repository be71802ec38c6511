//! The job: finds the probe that the payload names.

use crate::asked::Asked;
use crate::probes;
use mainworker::{Failure, RawObject, Task};

/// Runs one probe. What it found is the report.
///
/// # Errors
/// A probe that is not there, or that is about failing.
#[mainworker::job]
pub(crate) fn run(task: &Task, payload: RawObject) -> Result<RawObject, Failure> {
    let asked = Asked::read(task, payload.get())?;
    let found = probes::run(&asked)?;
    Ok(found.to_string().parse()?)
}
