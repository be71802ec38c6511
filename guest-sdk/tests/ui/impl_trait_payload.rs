use mainworker::{Failure, RawObject, Task};

#[mainworker::job]
fn run(_task: &Task, payload: impl Into<RawObject>) -> Result<RawObject, Failure> {
    Ok(payload.into())
}

fn main() {}
