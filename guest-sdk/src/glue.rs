//! Between a job's function, which speaks in types, and the exports of its component, which speak JSON text.
//!
//! `#[mainworker::job]` writes one `impl Job`, on every target, so that a native build checks the same types. Only in a
//! sandboxed build does it also export the component's functions. A payload goes from the host's text straight into the
//! job's type: an intermediate value would lose how its numbers were written.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Failure, Task};

/// A job's function with its types.
pub trait Job {
    /// What the envelope's `jobPayload` is read into.
    type Payload;
    /// What the result is written from.
    type Report;
    /// What its component exports: always [`exports`].
    const EXPORTS: Exports;

    /// The author's function.
    fn run(task: &Task, payload: Self::Payload) -> Result<Self::Report, Failure>;
}

/// A type that a payload can be read into.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the payload of a job",
    label = "is not read from JSON, or has no JSON Schema",
    note = "a payload needs `#[derive(serde::Deserialize, schemars::JsonSchema)]` and borrows nothing"
)]
pub trait Payload: DeserializeOwned + JsonSchema {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + JsonSchema> Payload for T {}

/// A type that a result can be written from.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the report of a job",
    label = "is not written as JSON, or has no JSON Schema",
    note = "a report needs `#[derive(serde::Serialize, schemars::JsonSchema)]`"
)]
pub trait Report: Serialize + JsonSchema {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + JsonSchema> Report for T {}

/// What a component exports for a job, without the job's types.
#[cfg_attr(not(any(target_arch = "wasm32", test)), expect(dead_code, reason = "only a component exports it"))]
#[derive(Clone, Copy, Debug)]
pub struct Exports {
    /// One attempt, from JSON text to JSON text.
    attempt: fn(&Task, &str) -> Result<String, Failure>,
    /// The schema of what a payload may be, as JSON text.
    payload_schema: fn() -> String,
    /// The schema of what a result will be, as JSON text.
    report_schema: fn() -> String,
}

/// The exports of `J`. The only place that asks what a payload and a report must be: a type that is neither is reported
/// once, in the words above, and not again for each export.
pub const fn exports<J: Job<Payload = P, Report = R>, P: Payload, R: Report>() -> Exports {
    Exports {
        attempt: attempt::<J, P, R>,
        payload_schema: payload_schema::<P>,
        report_schema: report_schema::<R>,
    }
}

fn attempt<J, P, R>(task: &Task, payload: &str) -> Result<String, Failure>
where
    J: Job<Payload = P, Report = R>,
    P: Payload,
    R: Report,
{
    // The host has already checked the payload against the job's schema, so this speaks up only where the type knows
    // more than its schema says.
    let payload = serde_json::from_str(payload).map_err(|error| {
        Failure::rejected(format_args!("the payload does not fit the job's type: {error}"))
    })?;
    let report = J::run(task, payload)?;
    serde_json::to_string(&report)
        .map_err(|error| Failure::failed(format_args!("the report cannot be written as JSON: {error}")))
}

fn payload_schema<P: Payload>() -> String {
    use schemars::generate::SchemaSettings;
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    settings.into_generator().into_root_schema_for::<P>().as_value().to_string()
}

fn report_schema<R: Report>() -> String {
    use schemars::generate::SchemaSettings;
    // What is written differs from what may be read: a field with a default is always there.
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<R>().as_value().to_string()
}

#[cfg(target_arch = "wasm32")]
pub use sandboxed::Export;

#[cfg(target_arch = "wasm32")]
mod sandboxed {
    use std::io::Write as _;
    use std::marker::PhantomData;

    use super::Job;
    use crate::bindings::exports::mainworker::job::{handler, schema};
    use crate::bindings::mainworker::job::types;
    use crate::{Failure, Task};

    /// The exports of a component whose job is `J`.
    #[derive(Debug)]
    pub struct Export<J>(PhantomData<J>);

    impl<J: Job> handler::Guest for Export<J> {
        fn run(task: types::Task, payload: String) -> Result<String, types::Failure> {
            let answer = (J::EXPORTS.attempt)(&task.into(), &payload);
            // What was printed without a line end waits in a buffer that nobody would empty: there is no `main` to return
            // from. A log that cannot be written is no reason to fail.
            let _ = std::io::stdout().flush();
            Ok(answer?)
        }
    }

    impl<J: Job> schema::Guest for Export<J> {
        fn payload() -> String {
            (J::EXPORTS.payload_schema)()
        }

        fn result() -> String {
            (J::EXPORTS.report_schema)()
        }
    }

    impl From<types::Task> for Task {
        fn from(task: types::Task) -> Self {
            let types::Task { id, job, source, attempt, max_attempts, tags } = task;
            Self { id, job, source, attempt, max_attempts, tags }
        }
    }

    impl From<Failure> for types::Failure {
        fn from(failure: Failure) -> Self {
            match failure {
                Failure::Rejected { message } => Self::Rejected(message),
                Failure::Failed { message } => Self::Failed(message),
                Failure::RetryAfter { after, message } => {
                    // Rounded up: "not before" must hold.
                    let after_ms = after.as_nanos().div_ceil(1_000_000);
                    Self::RetryAfter((u64::try_from(after_ms).unwrap_or(u64::MAX), message))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RawObject, testing};

    #[derive(serde::Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Window {
        first_day: u8,
        #[serde(default)]
        last_day: Option<u8>,
    }

    #[derive(Serialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    struct Days {
        #[serde(default)]
        day_count: u8,
    }

    struct CountDays;

    impl Job for CountDays {
        type Payload = Window;
        type Report = Days;
        const EXPORTS: Exports = exports::<Self, Window, Days>();

        fn run(_task: &Task, payload: Window) -> Result<Days, Failure> {
            let last_day = payload.last_day.unwrap_or(31);
            match last_day.checked_sub(payload.first_day) {
                Some(days) => Ok(Days { day_count: days + 1 }),
                None => Err(Failure::rejected("the window ends before it begins")),
            }
        }
    }

    struct Echo;

    impl Job for Echo {
        type Payload = RawObject;
        type Report = RawObject;
        const EXPORTS: Exports = exports::<Self, RawObject, RawObject>();

        fn run(_task: &Task, payload: RawObject) -> Result<RawObject, Failure> {
            Ok(payload)
        }
    }

    #[test]
    fn text_goes_in_and_text_comes_out() {
        let result = (CountDays::EXPORTS.attempt)(&testing::task("count-days"), r#"{"firstDay": 30}"#);
        assert_eq!(result, Ok(String::from(r#"{"dayCount":2}"#)));
    }

    #[test]
    fn numbers_pass_as_written() {
        let text = r#"{"a": 1.0, "b": 1e5, "c": 12345678901234567890123}"#;
        assert_eq!((Echo::EXPORTS.attempt)(&testing::task("echo"), text), Ok(String::from(text)));
    }

    #[test]
    fn a_payload_that_does_not_fit_is_rejected_with_its_place() {
        let result = (CountDays::EXPORTS.attempt)(&testing::task("count-days"), r#"{"firstDay": 300}"#);
        let expected = "the payload does not fit the job's type: \
                        invalid value: integer `300`, expected u8 at line 1 column 16";
        assert_eq!(result, Err(Failure::rejected(expected)));
    }

    #[test]
    fn a_payload_schema_asks_for_what_must_be_sent() {
        let schema: serde_json::Value = serde_json::from_str(&(CountDays::EXPORTS.payload_schema)()).unwrap();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["required"], serde_json::json!(["firstDay"]));
        assert_eq!(schema["additionalProperties"], serde_json::json!(false));
    }

    #[test]
    fn a_report_schema_promises_what_is_always_written() {
        let schema: serde_json::Value = serde_json::from_str(&(CountDays::EXPORTS.report_schema)()).unwrap();
        assert_eq!(schema["required"], serde_json::json!(["dayCount"]));
    }
}
