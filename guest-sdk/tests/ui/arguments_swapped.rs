use mainworker::{Failure, RawObject, Task};

#[mainworker::job]
fn run(payload: RawObject, _task: &Task) -> Result<RawObject, Failure> {
    Ok(payload)
}

fn main() {}
