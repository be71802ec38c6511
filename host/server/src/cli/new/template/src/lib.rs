//! Greets somebody: a job to start from. Change what it does, keep its shape.

use mainworker::{Failure, Task, log};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the job is asked for: the envelope's `jobPayload`. What does not fit never reaches the job.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// Whom to greet.
    pub name: String,
}

/// What the job answers.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct Report {
    /// The greeting.
    pub greeting: String,
}

/// Greets `payload.name`.
///
/// # Errors
/// Rejects a blank name: no other attempt could do better, so there is none.
#[mainworker::job]
pub fn run(task: &Task, payload: Payload) -> Result<Report, Failure> {
    let name = payload.name.trim();
    if name.is_empty() {
        return Err(Failure::rejected("`name` is blank"));
    }
    log::info!("greeting {name} for {}", task.source);
    let greeting = format!("Hello, {name}!");
    Ok(Report { greeting })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainworker::testing::{Host, task};

    fn greet(name: &str) -> Result<Report, Failure> {
        let name = name.to_owned();
        run(&task("JOB_NAME"), Payload { name })
    }

    #[test]
    fn somebody_is_greeted_and_the_log_says_whom() {
        let host = Host::new();
        let report = host.run(|| greet(" Ada ")).unwrap();
        assert_eq!(report.greeting, "Hello, Ada!");
        assert_eq!(host.logs()[0].message, "greeting Ada for api");
    }

    #[test]
    fn a_blank_name_is_rejected() {
        assert_eq!(greet("  "), Err(Failure::rejected("`name` is blank")));
    }
}
