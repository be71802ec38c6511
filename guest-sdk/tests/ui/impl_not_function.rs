struct Run;

#[mainworker::job]
impl Run {}

fn main() {}
