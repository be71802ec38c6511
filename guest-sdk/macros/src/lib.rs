//! The job attribute of the guest SDK.
//!
//! Job crates reach it as `mainworker::job`; its paths are only right there.

mod expansion;
mod job_function;

use proc_macro::TokenStream;

/// Makes a function a job: `fn run(task: &Task, payload: Payload) -> Result<Report, Failure>`.
///
/// The payload is any type that implements `serde::Deserialize` and `schemars::JsonSchema` and borrows nothing; the report
/// any that implements `serde::Serialize` and `schemars::JsonSchema`. In a build for `wasm32` the crate exports what
/// MainWorker calls: the attempt, and the schemas of payload and report. In every build the function stays an ordinary one,
/// for tests to call. A crate has one job.
#[proc_macro_attribute]
pub fn job(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expansion::expand(attribute.into(), item.into()).into()
}
