struct Worker;

impl Worker {
    #[mainworker::job]
    fn run(&self, _task: &mainworker::Task, payload: String) -> Result<String, mainworker::Failure> {
        Ok(payload)
    }
}

fn main() {}
