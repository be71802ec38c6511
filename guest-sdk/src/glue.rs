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

/// Compiles for payloads only. The bounds are here and not on [`Job`], where the compiler would not speak of them in the
/// words above.
pub const fn assert_payload<P: Payload>() {}

/// Compiles for reports only.
pub const fn assert_report<R: Report>() {}

/// One attempt, from JSON text to JSON text.
#[cfg(any(target_arch = "wasm32", test))]
fn attempt<J: Job<Payload: Payload, Report: Report>>(task: &Task, payload: &str) -> Result<String, Failure> {
    // The host has already checked the payload against the job's schema, so this speaks up only where the type knows
    // more than its schema says.
    let payload = serde_json::from_str(payload).map_err(|error| {
        Failure::rejected(format_args!("the payload does not fit the job's type: {error}"))
    })?;
    let report = J::run(task, payload)?;
    serde_json::to_string(&report)
        .map_err(|error| Failure::failed(format_args!("the report cannot be written as JSON: {error}")))
}

/// The schema of what a payload may be, as JSON text.
#[cfg(any(target_arch = "wasm32", test))]
fn payload_schema<J: Job<Payload: Payload>>() -> String {
    use schemars::generate::SchemaSettings;
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    settings.into_generator().into_root_schema_for::<J::Payload>().as_value().to_string()
}

/// The schema of what a result will be, as JSON text.
#[cfg(any(target_arch = "wasm32", test))]
fn report_schema<J: Job<Report: Report>>() -> String {
    use schemars::generate::SchemaSettings;
    // What is written differs from what may be read: a field with a default is always there.
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<J::Report>().as_value().to_string()
}

#[cfg(target_arch = "wasm32")]
pub use sandboxed::Export;

#[cfg(target_arch = "wasm32")]
mod sandboxed {
    use std::io::Write as _;
    use std::marker::PhantomData;

    use super::{Job, Payload, Report, attempt, payload_schema, report_schema};
    use crate::bindings::exports::mainworker::job::{handler, schema};
    use crate::bindings::mainworker::job::types;
    use crate::{Failure, Task};

    /// The exports of a component whose job is `J`.
    #[derive(Debug)]
    pub struct Export<J>(PhantomData<J>);

    impl<J: Job<Payload: Payload, Report: Report>> handler::Guest for Export<J> {
        fn run(task: types::Task, payload: String) -> Result<String, types::Failure> {
            let answer = attempt::<J>(&task.into(), &payload);
            // What was printed without a line end waits in a buffer that nobody would empty: there is no `main` to return
            // from. A log that cannot be written is no reason to fail.
            let _ = std::io::stdout().flush();
            Ok(answer?)
        }
    }

    impl<J: Job<Payload: Payload, Report: Report>> schema::Guest for Export<J> {
        fn payload() -> String {
            payload_schema::<J>()
        }

        fn result() -> String {
            report_schema::<J>()
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

        fn run(_task: &Task, payload: RawObject) -> Result<RawObject, Failure> {
            Ok(payload)
        }
    }

    #[test]
    fn text_goes_in_and_text_comes_out() {
        let result = attempt::<CountDays>(&testing::task("count-days"), r#"{"firstDay": 30}"#);
        assert_eq!(result, Ok(String::from(r#"{"dayCount":2}"#)));
    }

    #[test]
    fn numbers_pass_as_written() {
        let text = r#"{"a": 1.0, "b": 1e5, "c": 12345678901234567890123}"#;
        assert_eq!(attempt::<Echo>(&testing::task("echo"), text), Ok(String::from(text)));
    }

    #[test]
    fn a_payload_that_does_not_fit_is_rejected_with_its_place() {
        let result = attempt::<CountDays>(&testing::task("count-days"), r#"{"firstDay": 300}"#);
        let expected = "the payload does not fit the job's type: \
                        invalid value: integer `300`, expected u8 at line 1 column 16";
        assert_eq!(result, Err(Failure::rejected(expected)));
    }

    #[test]
    fn a_payload_schema_asks_for_what_must_be_sent() {
        let schema: serde_json::Value = serde_json::from_str(&payload_schema::<CountDays>()).unwrap();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["required"], serde_json::json!(["firstDay"]));
        assert_eq!(schema["additionalProperties"], serde_json::json!(false));
    }

    #[test]
    fn a_report_schema_promises_what_is_always_written() {
        let schema: serde_json::Value = serde_json::from_str(&report_schema::<CountDays>()).unwrap();
        assert_eq!(schema["required"], serde_json::json!(["dayCount"]));
    }
}
