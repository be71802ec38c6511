use mainworker::{Failure, RawObject, Task};

#[mainworker::job]
fn run(_task: &Task, payload: &[mainworker::RawObject]) -> Result<RawObject, Failure> {
    Ok(payload[0].clone())
}

fn main() {}
