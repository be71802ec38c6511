use mainworker::{RawObject, Task};

#[mainworker::job]
fn run(_task: &Task, payload: RawObject) -> Vec<RawObject> {
    vec![payload]
}

fn main() {}
