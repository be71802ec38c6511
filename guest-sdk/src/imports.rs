//! The seam between the SDK and the outside: one function for each thing a job may ask of its host.
//!
//! In a sandbox they call the imports of the world; in a native test they go to the thread's [`Host`](crate::testing::Host).
//! Each is reached only from the module that is named after it: a job that never uses that module has no such import.

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::http::sandboxed::exchange;
#[cfg(target_arch = "wasm32")]
pub(crate) use sandboxed::{configuration, enqueue, log, now, progress};

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::{configuration, enqueue, exchange, log, now, progress};

#[cfg(target_arch = "wasm32")]
mod sandboxed {
    use std::time::SystemTime;

    use crate::bindings::mainworker::job::{progress as progress_import, schedule};
    use crate::bindings::wasi::config::store;
    use crate::bindings::wasi::logging::logging;
    use crate::log::Level;
    use crate::schedule::{Options, Refused};

    pub(crate) fn configuration(key: &str) -> Result<Option<String>, String> {
        store::get(key).map_err(|error| match error {
            store::Error::Upstream(message) | store::Error::Io(message) => message,
        })
    }

    pub(crate) fn log(level: Level, context: &str, message: &str) {
        let level = match level {
            Level::Trace => logging::Level::Trace,
            Level::Debug => logging::Level::Debug,
            Level::Info => logging::Level::Info,
            Level::Warn => logging::Level::Warn,
            Level::Error => logging::Level::Error,
            Level::Critical => logging::Level::Critical,
        };
        logging::log(level, context, message);
    }

    pub(crate) fn progress(percent: u8, message: &str) {
        progress_import::report(percent, message);
    }

    pub(crate) fn now() -> SystemTime {
        SystemTime::now()
    }

    pub(crate) fn enqueue(job: &str, payload: &str, options: Options) -> Result<String, Refused> {
        let Options { delay, priority, label, tags, idempotency_key, unique_key } = options;
        // Rounded up: "not before" must hold.
        let delay_ms =
            delay.map(|delay| u64::try_from(delay.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX));
        let options = schedule::Options { delay_ms, priority, label, tags, idempotency_key, unique_key };
        schedule::enqueue(job, payload, &options).map_err(|refusal| match refusal {
            schedule::Refusal::NotGranted(message) => Refused::NotGranted(message),
            schedule::Refusal::Rejected(message) => Refused::Rejected(message),
            schedule::Refusal::OverLimit(message) => Refused::OverLimit(message),
        })
    }
}
