use mainworker::{Failure, Task};

struct Payload {}

struct Report {}

#[mainworker::job]
fn run(_task: &Task, _payload: Payload) -> Result<Report, Failure> {
    Ok(Report {})
}

fn main() {}
