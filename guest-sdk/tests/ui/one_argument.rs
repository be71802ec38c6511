use mainworker::{Failure, RawObject};

#[mainworker::job]
fn run(payload: RawObject) -> Result<RawObject, Failure> {
    Ok(payload)
}

fn main() {}
