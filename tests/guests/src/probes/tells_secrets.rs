//! Puts a secret wherever a job can put a text. Nowhere may it be seen.

use crate::asked::Asked;
use mainworker::{Failure, config, log, progress};
use serde_json::{Value, json};
use std::io::Write;
use std::time::Duration;

#[expect(clippy::panic, reason = "a panic's text is one of the places")]
pub(super) fn run(asked: &Asked) -> Result<Value, Failure> {
    let secret = config::require("secret")?;
    let before = "b".repeat(asked.count("before"));
    let told = format!("{before}{secret}");
    match asked.text("place") {
        "log" => {
            log::info!("{told}");
            log::write(log::Level::Error, &told, "in the context");
        }
        "stdout" => writeln!(std::io::stdout(), "{told}")?,
        "stderr" => write!(std::io::stderr(), "{told}")?,
        "progress" => progress::report(10, &told),
        "rejected" => return Err(Failure::rejected(&told)),
        "failed" => return Err(Failure::failed(&told)),
        "retry" => return Err(Failure::retry_after(Duration::from_secs(1), &told)),
        "panic" => panic!("{told}"),
        "number" => return Ok(serde_json::from_str(&format!(r#"{{"told":{secret}}}"#))?),
        _ => return Ok(json!({ "told": told, told.clone(): [told] })),
    }
    Ok(json!({}))
}
