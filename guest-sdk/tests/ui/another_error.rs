use mainworker::{RawObject, Task};

#[mainworker::job]
fn run(_task: &Task, payload: RawObject) -> Result<RawObject, std::io::Error> {
    Ok(payload)
}

fn main() {}
