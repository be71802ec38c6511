//! Sends one task, waits, and prints what came of it.
#![expect(clippy::print_stdout, reason = "it is a program that prints")]

use mainworker_client::{Client, Scheduler};
use mainworker_models::{EdgeLogsPayload, LogFormat};
use std::env;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::new(&env::var("MAINWORKER_HOST")?, Some(env::var("MAINWORKER_TOKEN")?.into()))?;
    let scheduler = Scheduler::new(client, "dashboard");

    let logs = EdgeLogsPayload { files: vec!["*".to_owned()], format: LogFormat::Auto, accounts: None };
    let task = scheduler.task(&logs).label("June").priority(7).send().await?;
    let report = task.result().await?;
    println!("{} lines, {} bytes", report.lines, report.bytes);
    Ok(())
}
