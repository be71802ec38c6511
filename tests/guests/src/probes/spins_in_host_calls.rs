//! Never computes anything itself: one host call after the other, for ever.

use crate::asked::Asked;
use mainworker::{Failure, config, log, progress};
use serde_json::Value;

pub(crate) fn run(asked: &Asked) -> Result<Value, Failure> {
    let call: fn() = match asked.text("call") {
        "clock" => || assert!(std::time::SystemTime::now() > std::time::UNIX_EPOCH),
        "random" => || drop(wasip2::random::random::get_random_bytes(64)),
        "configuration" => || drop(config::get("granted")),
        "log" => || log::debug!("again"),
        "progress" => || progress::report(1, "again"),
        "schedule" => || drop(mainworker::schedule::task("nobody", &Value::Null).enqueue()),
        "folders" => || drop(wasip2::filesystem::preopens::get_directories()),
        "poll" => || wasip2::clocks::monotonic_clock::subscribe_duration(0).block(),
        "fields" => || drop(wasip2::http::types::Fields::new()),
        other => return Err(Failure::rejected(format_args!("there is no call `{other}`"))),
    };
    loop {
        call();
    }
}
