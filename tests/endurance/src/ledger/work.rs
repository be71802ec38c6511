//! What a task is for: its job, its payload, and how it may end.

use mainworker_client::wire::Task;
use serde_json::{Value, json};

/// The work of one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// `echo`: the payload comes back.
    Echo,
    /// Says which attempt it is.
    Completes,
    /// Sleeps for so many milliseconds.
    Sleeps(u64),
    /// Computes until its time is over.
    Spins,
    /// Logs so many lines.
    Logs(u64),
    /// Panics.
    Panics,
    /// A payload that can never work.
    IsRejected,
    /// Asks for so many tasks of another job and completes.
    Asks(u64),
    /// Asks for tasks and fails: they never come to be.
    AsksAndFails,
    /// Puts its secret somewhere.
    TellsSecret(&'static str),
}

/// A line of [`Work::Logs`].
const LOG_CONTEXT: &str = "flood";

impl Work {
    /// Its job.
    pub fn job(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            _ => "prober",
        }
    }

    /// Whether its job is granted the configuration that the envelope brings.
    pub fn is_configured(self) -> bool {
        self.job() != "echo"
    }

    /// Its payload, as JSON text. `token` is its own.
    pub fn payload(self, token: &str) -> String {
        let probe = |name: &str, mut parameters: Value| {
            parameters["probe"] = json!(name);
            parameters["token"] = json!(token);
            parameters.to_string()
        };
        match self {
            // Numbers come back as they were written.
            Self::Echo => format!(r#"{{"token":"{token}","number":1.50,"text":"ü {token}"}}"#),
            Self::Completes => probe("completes", json!({})),
            Self::Sleeps(ms) => probe("sleeps", json!({ "ms": ms })),
            Self::Spins => probe("spins", json!({})),
            Self::Logs(lines) => probe("floods_log", json!({ "lines": lines, "bytes": 80 })),
            Self::Panics => probe("panics", json!({ "text": token })),
            Self::IsRejected => probe("no such probe", json!({})),
            Self::Asks(times) => {
                let payload = json!({ "probe": "completes", "token": token });
                probe("asks_for_tasks", json!({ "job": "child", "times": times, "payload": payload }))
            }
            Self::AsksAndFails => {
                let payload = json!({ "probe": "completes", "token": token });
                probe("asks_for_tasks", json!({ "job": "child", "times": 2, "payload": payload, "fail": 1 }))
            }
            Self::TellsSecret(place) => probe("tells_secrets", json!({ "place": place })),
        }
    }

    /// How its task may end if nothing comes in between: the words of its state and outcome.
    pub fn ends(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Echo
            | Self::Completes
            | Self::Sleeps(_)
            | Self::Logs(_)
            | Self::Asks(_)
            | Self::TellsSecret("log" | "progress" | "result") => &[("completed", "completed")],
            Self::TellsSecret("panic") | Self::Panics => &[("failed", "trapped")],
            Self::TellsSecret(_) | Self::AsksAndFails => &[("failed", "failed")],
            // Its time is over on the wall and on its processor at about the same moment.
            Self::Spins => &[("failed", "timed-out"), ("failed", "over-cpu")],
            Self::IsRejected => &[("failed", "rejected")],
        }
    }

    /// Whether its task fails if nothing comes in between.
    pub fn fails(self) -> bool {
        self.ends().iter().any(|(state, _)| *state == "failed")
    }

    /// What is wrong with the result of a task of this work that completed, if anything is.
    pub fn result_problem(self, token: &str, result: &str, task: &Task) -> Option<String> {
        let value: Value = serde_json::from_str(result).unwrap_or_default();
        let expected = match self {
            Self::Echo => self.payload(token),
            // The job was told which one it was: another figure is the result of another attempt.
            Self::Completes => json!({ "attempt": attempts_counted(task, true) + 1 }).to_string(),
            Self::Asks(times) => {
                let ids = value["answers"]
                    .as_array()
                    .map_or(0, |answers| answers.iter().filter(|answer| answer["id"].is_string()).count());
                let fits = u64::try_from(ids) == Ok(times);
                return (!fits)
                    .then(|| format!("it has {ids} ids of asked tasks, expected {times}: {result}"));
            }
            Self::TellsSecret("result") => return None,
            _ => "{}".to_owned(),
        };
        (result != expected).then(|| format!("its result is `{result}`, expected `{expected}`"))
    }

    /// How many lines the log of its last attempt has, if that is known.
    pub fn log_lines(self) -> Option<(&'static str, u64)> {
        match self {
            Self::Logs(lines) => Some((LOG_CONTEXT, lines)),
            _ => None,
        }
    }
}

/// Attempts of a task that count against `max-attempts`; without the last one if that is `before_last`.
pub fn attempts_counted(task: &Task, before_last: bool) -> u32 {
    let attempts =
        &task.attempts[..task.attempts.len() - usize::from(before_last && !task.attempts.is_empty())];
    let count = attempts
        .iter()
        .filter(|attempt| {
            !matches!(attempt.outcome.as_deref(), Some("interrupted" | "lost" | "module-unavailable"))
        })
        .count();
    u32::try_from(count).unwrap_or(u32::MAX)
}
