//! The probes by name, one file each.

mod allocates;
mod asks_for_itself;
mod asks_for_tasks;
mod completes;
mod counts_attempts;
mod draws_random;
mod exits;
mod floods_log;
mod floods_progress;
mod floods_streams;
mod indexes_outside;
mod looks_around;
mod marks_memory;
mod opens_handles;
mod panics;
mod reads_clock;
mod reads_configuration;
mod reads_environment;
mod reads_outside_memory;
mod recurses;
mod returns_much;
mod says_much;
mod sends_http;
mod sends_secret;
mod sleeps;
mod spins;
mod spins_in_host_calls;
mod tells_secrets;
mod traps;
mod writes_files;

use crate::asked::Asked;
use mainworker::Failure;
use serde_json::Value;

pub(crate) fn run(asked: &Asked) -> Result<Value, Failure> {
    match asked.text("probe") {
        "allocates" => allocates::run(asked),
        "asks_for_itself" => asks_for_itself::run(asked),
        "asks_for_tasks" => asks_for_tasks::run(asked),
        "completes" => completes::run(asked),
        "counts_attempts" => counts_attempts::run(asked),
        "draws_random" => draws_random::run(asked),
        "exits" => exits::run(asked),
        "floods_log" => floods_log::run(asked),
        "floods_progress" => floods_progress::run(asked),
        "floods_streams" => floods_streams::run(asked),
        "indexes_outside" => indexes_outside::run(asked),
        "looks_around" => looks_around::run(asked),
        "marks_memory" => marks_memory::run(asked),
        "opens_handles" => opens_handles::run(asked),
        "panics" => panics::run(asked),
        "reads_clock" => reads_clock::run(asked),
        "reads_configuration" => reads_configuration::run(asked),
        "reads_environment" => reads_environment::run(asked),
        "reads_outside_memory" => reads_outside_memory::run(asked),
        "recurses" => recurses::run(asked),
        "returns_much" => returns_much::run(asked),
        "says_much" => says_much::run(asked),
        "sends_http" => sends_http::run(asked),
        "sends_secret" => sends_secret::run(asked),
        "sleeps" => sleeps::run(asked),
        "spins" => spins::run(asked),
        "spins_in_host_calls" => spins_in_host_calls::run(asked),
        "tells_secrets" => tells_secrets::run(asked),
        "traps" => traps::run(asked),
        "writes_files" => writes_files::run(asked),
        other => Err(Failure::rejected(format_args!("there is no probe `{other}`"))),
    }
}
