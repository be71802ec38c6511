use mainworker::{RawObject, Task};

#[mainworker::job]
fn run(_task: &Task, _payload: RawObject) {}

fn main() {}
