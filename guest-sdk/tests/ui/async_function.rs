use mainworker::{Failure, RawObject, Task};

#[mainworker::job]
async fn run(_task: &Task, payload: RawObject) -> Result<RawObject, Failure> {
    Ok(payload)
}

fn main() {}
