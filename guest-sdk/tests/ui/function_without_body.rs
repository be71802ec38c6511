use mainworker::{Failure, RawObject, Task};

trait Work {
    #[mainworker::job]
    fn run(_task: &Task, payload: RawObject) -> Result<RawObject, Failure>;
}

fn main() {}
