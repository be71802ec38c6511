//! What to try after a rejection. The one place with this advice: a host answers with it over HTTP, and this library says it
//! of what it does not even send.

use mainworker_domain::access::{SCHEDULER, check_source};
use mainworker_domain::configuration::From as KeySource;
use mainworker_domain::lifecycle::State;
use mainworker_domain::rate::{OverRate, RateOf, RateProblem};
use mainworker_domain::rejection::{JsonProblem, Rejected, Rejection};
use mainworker_domain::task_options::OptionError;

/// The fields of a job's sample, which holds an envelope and is none.
const SAMPLE_FIELDS: [&str; 4] = ["about", "envelope", "given", "expect"];
/// What options look like.
pub const OPTIONS_EXAMPLE: &str = r#"options are such as {"delayMs": 90000, "priority": 5, "label": "…", "tags": ["…"], "idempotencyKey": "…"}"#;
const ENVELOPE: &str =
    r#"an envelope is {"configuration": {}, "jobName": "…", "source": "…", "jobPayload": {}}"#;

/// A rejection as whoever asked is told it, here as by a host.
pub fn told(rejection: &Rejection) -> Rejected {
    Rejected::of(rejection, of_rejection(rejection))
}

/// For an envelope that is not taken.
pub fn of_rejection(rejection: &Rejection) -> String {
    match rejection {
        Rejection::TooLarge { pointer: "/configuration", .. } => {
            "pass only the keys that the job names; `mainworker jobs show NAME` lists them".to_owned()
        }
        Rejection::BatchTooLarge { .. } => "send several batches".to_owned(),
        Rejection::TooLarge { .. } => "pass data in a mount and name it in the payload".to_owned(),
        Rejection::MalformedJson { problem: JsonProblem::DuplicateKey { key }, .. } => {
            format!("keep one `{key}` of the two")
        }
        Rejection::MalformedJson { .. } => format!("check the file with `jq .`; {ENVELOPE}"),
        Rejection::MissingField { field } => format!("add `\"{field}\": …`; {ENVELOPE}"),
        Rejection::UnknownField { field, .. } if SAMPLE_FIELDS.contains(&field.as_str()) => {
            "if it is a sample of a job, `mainworker module check` runs it".to_owned()
        }
        Rejection::UnknownField { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
        Rejection::UnknownField { nearest: None, .. } => {
            format!("remove it, or move it into `jobPayload`; {ENVELOPE}")
        }
        Rejection::WrongType { .. } => ENVELOPE.to_owned(),
        Rejection::UnknownJob { nearest, is_a_name, .. } => match (nearest.as_slice(), is_a_name) {
            ([], false) => {
                "a job name is 1 to 63 of a-z, 0-9 and `-`; `mainworker jobs` lists the jobs".to_owned()
            }
            ([], true) => "`mainworker jobs` lists the jobs; `--modules DIR` says where they are".to_owned(),
            (names, _) => {
                format!("did you mean `{}`? `mainworker jobs` lists the jobs", names.join("` or `"))
            }
        },
        Rejection::SourceNotAllowed { job, allowed, .. } => {
            match allowed.iter().find(|source| check_source(source).is_ok()) {
                Some(first) => format!(
                    "use a source that the job allows, such as `{first}`, or add yours to `[schedulable-by] sources` in the job.toml of `{job}`"
                ),
                None if allowed.iter().any(|source| source == SCHEDULER) => format!(
                    "only a schedule asks for it: `mainworker schedule put --help` makes one, for whoever has the role `admin`; or add the source to `[schedulable-by] sources` in the job.toml of `{job}`"
                ),
                None => format!("add the source to `[schedulable-by] sources` in the job.toml of `{job}`"),
            }
        }
        Rejection::PayloadInvalid { job, .. } => {
            format!("`mainworker jobs show {job}` shows the payload's schema")
        }
        Rejection::MissingConfiguration { key, from, secret, .. } => of_missing_key(key, *from, *secret),
        Rejection::SourceMismatch { source_name, .. } => {
            format!("write `\"source\": \"{source_name}\"`, or use the token of the other source")
        }
        Rejection::NotOfCredential { job, .. } => {
            format!(
                "use a token that is for `{job}` too: `mainworker token create --source … --jobs …,{job}`"
            )
        }
        Rejection::Options(OptionError::Unknown { nearest: Some(nearest), .. }) => {
            format!("did you mean `{nearest}`?")
        }
        Rejection::Options(_) => OPTIONS_EXAMPLE.to_owned(),
        Rejection::IdempotencyConflict { .. } => {
            "use a new key for new content; repeat a request as it was".to_owned()
        }
        Rejection::UniqueConflict { state: State::Running, .. } => {
            "wait until it has ended, cancel it, or take it with `\"uniquePolicy\": \"existing\"`".to_owned()
        }
        Rejection::UniqueConflict { .. } => {
            r#"cancel it, or say `"uniquePolicy": "replace"` or `"existing"`"#.to_owned()
        }
        Rejection::OverRate(over) => of_rate(over),
        Rejection::QueueFull { .. } => {
            "try again later; `tasks-max` under `[queue]` in the settings is the bound".to_owned()
        }
    }
}

fn of_rate(OverRate { of, problem, .. }: &OverRate) -> String {
    let rate = match of {
        RateOf::Job(job) => format!("`rate-limit` under `[run]` in the job.toml of `{job}`"),
        RateOf::Source(source) if source.contains(':') => {
            format!("`rate-limit` under `[sources.\"{source}\"]` in the settings")
        }
        RateOf::Source(source) => format!("`rate-limit` under `[sources.{source}]` in the settings"),
    };
    match problem {
        RateProblem::Now { .. } => {
            format!("wait as long as the header `Retry-After` says; {rate} is the rate")
        }
        RateProblem::Ever { at_once } => format!("send batches of at most {at_once}; {rate} is the rate"),
    }
}

/// For a configuration key that has no value: where one could come from.
pub fn of_missing_key(key: &str, from: KeySource, secret: bool) -> String {
    let envelope = format!("`\"configuration\": {{\"{key}\": …}}` in the envelope");
    let host = if secret {
        // A settings file is no place for a secret.
        format!(
            "a file `{key}` in the folder that `[configuration] files-dir` of the settings names, or the variable that `env-prefix` makes of it"
        )
    } else {
        format!("`\"{key}\" = …` under `[configuration.values]` in the settings")
    };
    match from {
        KeySource::Envelope => format!("add {envelope}"),
        KeySource::Host => format!("add {host}"),
        KeySource::Either => format!("add {envelope}, or {host}"),
    }
}
