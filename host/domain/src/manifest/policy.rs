//! `[retry]` and `[run]`: what follows a failed attempt, and how tasks of a job are run.

use crate::limits::ATTEMPTS_MAX;
use crate::quantity::{format_ms, parse_ms};
use crate::table::{Table, TableError};
use serde_json::{Value, json};

/// `[retry]`: exponential with full jitter, from `base_ms` up to `cap_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Attempts in all, the first included.
    pub max_attempts: u32,
    /// Milliseconds before the second attempt, at most.
    pub base_ms: u64,
    /// Milliseconds between two attempts, at most.
    pub cap_ms: u64,
}

impl Default for Retry {
    fn default() -> Self {
        Self { max_attempts: 5, base_ms: 10_000, cap_ms: 3_600_000 }
    }
}

impl Retry {
    pub(super) fn read(value: &Value) -> Result<Self, TableError> {
        let table = Table::open(value, "retry", &["max-attempts", "base", "cap"])?;
        let default = Self::default();
        let duration = |key: &str, default: u64| match table.string(key)? {
            None => Ok(default),
            Some(text) => parse_ms(text).map_err(|error| table.invalid(key, text, error.to_string())),
        };
        let attempts = table.count("max-attempts")?.unwrap_or(u64::from(default.max_attempts));
        let max_attempts = u32::try_from(attempts)
            .ok()
            .filter(|attempts| (1..=ATTEMPTS_MAX).contains(attempts))
            .ok_or_else(|| {
                table.invalid("max-attempts", &attempts.to_string(), format!("expected 1 to {ATTEMPTS_MAX}"))
            })?;
        let retry = Self {
            max_attempts,
            base_ms: duration("base", default.base_ms)?,
            cap_ms: duration("cap", default.cap_ms)?,
        };
        if retry.base_ms == 0 {
            return Err(table.invalid("base", "0s", "expected at least `1ms`"));
        }
        if retry.base_ms > retry.cap_ms {
            let cap = format_ms(retry.cap_ms);
            return Err(table.invalid(
                "base",
                &format_ms(retry.base_ms),
                format!("expected at most `cap`, `{cap}`"),
            ));
        }
        Ok(retry)
    }

    pub(super) fn to_json(self) -> Value {
        json!({
            "max-attempts": self.max_attempts,
            "base": format_ms(self.base_ms),
            "cap": format_ms(self.cap_ms),
        })
    }
}

/// Which revision a queued task runs with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RevisionChoice {
    /// The one it was accepted with.
    #[default]
    Pinned,
    /// The newest when it starts.
    Newest,
}

/// `[run]`: how tasks of the job are run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Attempts at a time; none for as many as the host has room for.
    pub max_concurrency: Option<u32>,
    /// Which revision.
    pub revision: RevisionChoice,
}

impl Run {
    pub(super) fn read(value: &Value) -> Result<Self, TableError> {
        let table = Table::open(value, "run", &["max-concurrency", "revision"])?;
        let max_concurrency = match table.count("max-concurrency")? {
            None => None,
            Some(count) => Some(u32::try_from(count).ok().filter(|&count| count >= 1).ok_or_else(|| {
                table.invalid("max-concurrency", &count.to_string(), "expected at least 1")
            })?),
        };
        let revision = match table.string("revision")? {
            None | Some("pinned") => RevisionChoice::Pinned,
            Some("newest") => RevisionChoice::Newest,
            Some(other) => return Err(table.invalid("revision", other, "expected `pinned` or `newest`")),
        };
        Ok(Self { max_concurrency, revision })
    }

    pub(super) fn to_json(self) -> Value {
        let mut run = json!({});
        if let Some(count) = self.max_concurrency {
            run["max-concurrency"] = json!(count);
        }
        if self.revision == RevisionChoice::Newest {
            run["revision"] = json!("newest");
        }
        run
    }
}
