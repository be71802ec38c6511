//! The load of the crash test: several clients at a time, each with its own tasks, and one that pauses and resumes.

mod mix;
mod operator;
mod worker;

pub use operator::Operator;
pub use worker::Worker;

use mainworker_client::wire::Problem;
use mainworker_client::{ClientError, ClientOptions};
use mainworker_domain::manifest::Retry;
use std::time::Instant;

/// A request is tried once: the driver itself repeats what it got no answer to, since it is to know of each try.
pub fn single_tries() -> ClientOptions {
    ClientOptions {
        connect_ms: 5_000,
        answer_ms: 20_000,
        retry: Retry { max_attempts: 1, base_ms: 1, cap_ms: 1 },
        reconnect_ms_max: 1,
        ..ClientOptions::default()
    }
}

/// The host does not answer any more.
#[derive(Clone, Debug)]
pub struct Broken {
    /// When that was noticed.
    pub at: Instant,
    /// What the network said.
    pub problem: String,
}

/// What the host said.
pub(crate) enum Answer<T> {
    /// It did it.
    Done(T),
    /// It did not.
    Refused(Box<Problem>),
}

/// Sorts an answer. A host that is stopping is as good as gone: it may have done what was asked before it stopped.
pub(crate) fn heard<T>(answer: Result<T, ClientError>) -> Result<Answer<T>, Broken> {
    match answer {
        Ok(done) => Ok(Answer::Done(done)),
        Err(ClientError::Problem(problem)) if problem.status < 500 => Ok(Answer::Refused(problem)),
        Err(error) => Err(Broken { at: Instant::now(), problem: error.to_string() }),
    }
}
