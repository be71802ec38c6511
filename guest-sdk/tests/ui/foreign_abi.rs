use mainworker::{Failure, RawObject, Task};

#[mainworker::job]
extern "C" fn run(_task: &Task, payload: RawObject) -> Result<RawObject, Failure> {
    Ok(payload)
}

fn main() {}
