use mainworker::{Failure, RawObject, Task};

#[mainworker::job(retries = 3)]
fn run(_task: &Task, payload: RawObject) -> Result<RawObject, Failure> {
    Ok(payload)
}

fn main() {}
