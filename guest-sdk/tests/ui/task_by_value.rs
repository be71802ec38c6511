use mainworker::{Failure, RawObject, Task};

#[mainworker::job]
fn run(_task: Task, payload: RawObject) -> Result<RawObject, Failure> {
    Ok(payload)
}

fn main() {}
