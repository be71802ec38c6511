//! `[retry]` and `[run]`: what follows a failed attempt, and how tasks of a job are run.

use crate::limits::{ATTEMPTS_MAX, POINTER_CHARS_MAX};
use crate::payload_pointer::PayloadPointer;
use crate::quantity::{format_ms, parse_ms};
use crate::rate::RateLimit;
use crate::table::{Table, TableError, TableProblem};
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

/// `[run]`: how tasks of the job are run, and how many of them are taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Attempts at a time; none for as many as the host has room for.
    pub max_concurrency: Option<u32>,
    /// What tasks have in common of which only some attempts run at a time.
    pub concurrency_key: Option<KeyRule>,
    /// How many tasks are taken in a time; none for as many as are asked for.
    pub rate_limit: Option<RateLimit>,
    /// Which revision.
    pub revision: RevisionChoice,
}

/// `concurrency-key` and `max-concurrency-per-key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRule {
    /// Where in the payload the key stands.
    pub pointer: PayloadPointer,
    /// Attempts of one key at a time.
    pub running_max: u32,
}

impl Run {
    pub(super) fn read(value: &Value) -> Result<Self, TableError> {
        let known = &["max-concurrency", "concurrency-key", PER_KEY, "rate-limit", "revision"];
        let table = Table::open(value, "run", known)?;
        let max_concurrency = at_least_one(&table, "max-concurrency")?;
        let revision = match table.string("revision")? {
            None | Some("pinned") => RevisionChoice::Pinned,
            Some("newest") => RevisionChoice::Newest,
            Some(other) => return Err(table.invalid("revision", other, "expected `pinned` or `newest`")),
        };
        Ok(Self {
            max_concurrency,
            concurrency_key: read_key_rule(&table, max_concurrency)?,
            rate_limit: RateLimit::read(&table)?,
            revision,
        })
    }

    pub(super) fn to_json(&self) -> Value {
        let mut run = json!({});
        if let Some(count) = self.max_concurrency {
            run["max-concurrency"] = json!(count);
        }
        if let Some(KeyRule { pointer, running_max }) = &self.concurrency_key {
            run["concurrency-key"] = json!(pointer.as_str());
            if *running_max != 1 {
                run[PER_KEY] = json!(running_max);
            }
        }
        if let Some(rate) = self.rate_limit {
            run["rate-limit"] = rate.to_json();
        }
        if self.revision == RevisionChoice::Newest {
            run["revision"] = json!("newest");
        }
        run
    }
}

const PER_KEY: &str = "max-concurrency-per-key";

fn at_least_one(table: &Table<'_>, key: &str) -> Result<Option<u32>, TableError> {
    let Some(count) = table.count(key)? else { return Ok(None) };
    let fits = u32::try_from(count).ok().filter(|&count| count >= 1);
    fits.map(Some)
        .ok_or_else(|| table.invalid(key, &count.to_string(), format!("expected 1 to {}", u32::MAX)))
}

fn read_key_rule(table: &Table<'_>, max_concurrency: Option<u32>) -> Result<Option<KeyRule>, TableError> {
    let running_max = at_least_one(table, PER_KEY)?;
    let Some(text) = table.string("concurrency-key")? else {
        return match running_max {
            None => Ok(None),
            Some(_) => Err(table.error("concurrency-key", TableProblem::MissingKey)),
        };
    };
    let pointer = (text.chars().count() <= POINTER_CHARS_MAX).then(|| PayloadPointer::parse(text)).flatten();
    let pointer = pointer.ok_or_else(|| {
        let expected = format!(
            "expected a JSON pointer into the payload such as `/account`, of at most {POINTER_CHARS_MAX} characters"
        );
        table.invalid("concurrency-key", text, expected)
    })?;
    let running_max = running_max.unwrap_or(1);
    match max_concurrency {
        Some(all) if running_max > all => {
            let expected = format!("expected at most `max-concurrency`, {all}");
            Err(table.invalid(PER_KEY, &running_max.to_string(), expected))
        }
        _ => Ok(Some(KeyRule { pointer, running_max })),
    }
}
