#[mainworker::job]
struct Run {
    payload: String,
}

fn main() {}
