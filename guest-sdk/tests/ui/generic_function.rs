use mainworker::{Failure, RawObject, Task};

#[mainworker::job]
fn run<P: Into<RawObject>>(_task: &Task, payload: P) -> Result<RawObject, Failure> {
    Ok(payload.into())
}

fn main() {}
