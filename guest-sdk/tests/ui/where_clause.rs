use mainworker::{Failure, RawObject, Task};

#[mainworker::job]
fn run(_task: &Task, payload: RawObject) -> Result<RawObject, Failure>
where
    RawObject: Clone,
{
    Ok(payload)
}

fn main() {}
