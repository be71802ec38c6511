use mainworker::{Failure, RawObject, Task};

#[derive(serde::Deserialize)]
struct Payload {}

#[mainworker::job]
fn run(_task: &Task, _payload: Payload) -> Result<RawObject, Failure> {
    Err(Failure::failed("not yet"))
}

fn main() {}
