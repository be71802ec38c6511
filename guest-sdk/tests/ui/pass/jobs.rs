//! What the attribute takes, under the lints of this workspace; and two jobs in one program, as tests link them.
#![deny(missing_docs, unreachable_pub, unsafe_code, unused, warnings)]

mod counts {
    use mainworker::{Failure, Task};

    /// Named like what the attribute speaks of.
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    pub(crate) struct Job {
        pub(crate) words: Vec<String>,
    }

    #[derive(serde::Serialize, schemars::JsonSchema)]
    pub(crate) struct Report {
        pub(crate) count: usize,
    }

    #[mainworker::job]
    pub(crate) fn run(_: &Task, mut payload: Job) -> Result<Report, Failure> {
        payload.words.dedup();
        Ok(Report { count: payload.words.len() })
    }
}

mod paths {
    #[mainworker::job]
    pub(crate) fn run(
        task: &mainworker::Task,
        _payload: std::collections::BTreeMap<String, u32>,
    ) -> std::result::Result<(), mainworker::Failure> {
        mainworker::log::info!("attempt {}", task.attempt);
        Ok(())
    }
}

/// Called by nobody, as a private job is in a native build.
mod uncalled {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Payload {
        text: String,
    }

    #[mainworker::job]
    fn run(_task: &mainworker::Task, payload: Payload) -> Result<String, mainworker::Failure> {
        Ok(payload.text)
    }
}

fn main() {
    let task = mainworker::testing::task("any");
    let words = vec![String::from("a"), String::from("a")];
    assert_eq!(counts::run(&task, counts::Job { words }).map(|report| report.count), Ok(1));
    assert_eq!(paths::run(&task, Default::default()), Ok(()));
}
