use mainworker::{Failure, RawObject, Task};

mod job {
    use super::*;

    #[mainworker::job]
    pub fn main(_task: &Task, payload: RawObject) -> Result<RawObject, Failure> {
        Ok(payload)
    }
}

fn main() {}
