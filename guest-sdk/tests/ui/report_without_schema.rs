use mainworker::{Failure, RawObject, Task};

#[derive(serde::Serialize)]
struct Report {}

#[mainworker::job]
fn run(_task: &Task, _payload: RawObject) -> Result<Report, Failure> {
    Ok(Report {})
}

fn main() {}
