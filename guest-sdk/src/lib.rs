//! What a job author writes against.
//!
//! A job is a function. MainWorker calls it once for each attempt at a task, in a WebAssembly sandbox that is thrown
//! away afterwards. The function gets the task and the payload, and returns a report or says how it failed:
//!
//! ```
//! use mainworker::{Context, Failure, Task, config, log};
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! pub struct Payload { file: String }
//!
//! #[derive(Serialize, JsonSchema)]
//! pub struct Report { lines: usize }
//!
//! #[mainworker::job]
//! pub fn run(task: &Task, payload: Payload) -> Result<Report, Failure> {
//!     let folder = config::get("folder")?.unwrap_or_else(|| String::from("/edge-logs"));
//!     let text = std::fs::read_to_string(format!("{folder}/{}", payload.file)).context("reading the log")?;
//!     log::info!("read {} bytes for task {}", text.len(), task.id);
//!     Ok(Report { lines: text.lines().count() })
//! }
//! ```
//!
//! # What a job can reach
//!
//! Nothing that its manifest, `job.toml`, does not ask for and the host's settings do not grant.
//!
//! - **Configuration**: [`config`], the keys that the manifest names under `[configuration]`.
//! - **Files**: plain [`std::fs`] below `/MOUNT`, for each mount under `[grants] files`. With
//!   `files = [{ mount = "edge-logs", access = "read" }]` a job reads `/edge-logs/2026-01-31.gz`; no other path exists,
//!   and there is no current folder.
//! - **Servers**: [`http`], the origins, methods and paths under `[grants] http`.
//! - **Other jobs**: [`schedule`], the jobs under `[grants] schedule`.
//! - **Log**: [`log`], always granted. What is printed to stdout and stderr, the text of a panic included, becomes
//!   lines of the same log.
//! - **Progress**: [`progress`], always granted.
//! - **Time and randomness**: [`clock`] or [`std::time`], and whatever draws on WASI's random.
//!
//! An interface that a job never calls does not appear in its module, so it needs no grant.
//!
//! # Secrets
//!
//! A configuration key with `secret = true` is masked wherever people could see it. With `only-to` as well the job never has
//! the value: it gets a placeholder, different in each attempt, and sends that in its requests as if it were the value. The
//! host puts the value in on the way out; [`http`] says where that works and where it cannot.
//!
//! # How a job ends
//!
//! `?` turns any error into [`Failure::failed`]: the retry policy of the manifest decides what follows. A payload that can
//! never work is [`Failure::rejected`], and [`Failure::retry_after`] asks for another attempt at a later time. A panic is
//! a trap: the host reports its text and a backtrace.
//!
//! # Testing a job
//!
//! Natively the crate is an ordinary library and the job an ordinary function. [`testing`] makes tasks, gives configuration,
//! the time and recorded answers to requests, and keeps what was logged, sent and asked for:
//!
//! ```
//! use mainworker::{Failure, RawObject, Task, log, testing};
//!
//! #[mainworker::job]
//! fn run(task: &Task, payload: RawObject) -> Result<RawObject, Failure> {
//!     log::info!("attempt {} of {}", task.attempt, task.max_attempts);
//!     Ok(payload)
//! }
//!
//! let host = testing::Host::new();
//! let report = host.run(|| run(&testing::task("echo"), r#"{"a": 1.0}"#.parse()?))?;
//! assert_eq!(report.get(), r#"{"a": 1.0}"#);
//! assert_eq!(host.logs()[0].message, "attempt 1 of 1");
//! # Ok::<(), Failure>(())
//! ```

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod bindings;
pub mod clock;
pub mod config;
mod context;
mod failure;
mod glue;
pub mod http;
mod imports;
pub mod log;
pub mod progress;
mod raw_object;
pub mod schedule;
mod task;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use context::Context;
pub use failure::Failure;
pub use mainworker_guest_sdk_macros::job;
pub use raw_object::RawObject;
pub use task::Task;

/// What the code that [`macro@job`] writes calls. Not for authors: it changes without notice.
#[doc(hidden)]
pub mod __private {
    #[cfg(target_arch = "wasm32")]
    pub use crate::bindings;
    #[cfg(target_arch = "wasm32")]
    pub use crate::glue::Export;
    pub use crate::glue::{Exports, Job, exports};
}

// The examples of the README are compiled and run like those above.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
