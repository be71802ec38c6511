use mainworker::{Failure, RawObject, Task};

type Result<T> = std::result::Result<T, Failure>;

#[mainworker::job]
fn run(_task: &Task, payload: RawObject) -> Result<RawObject> {
    Ok(payload)
}

fn main() {}
