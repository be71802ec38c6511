use mainworker::Failure;

#[mainworker::job]
fn run() -> Result<(), Failure> {
    Ok(())
}

fn main() {}
