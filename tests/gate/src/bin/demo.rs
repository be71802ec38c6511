//! `cargo demo`: builds the host and two jobs, runs one on a sample, and shows how to do it by hand.

use gate::console::Console;
use std::process::ExitCode;

fn main() -> ExitCode {
    let console = Console::detect();
    match gate::demo::run(console) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            console.failure(&error);
            console.hint("`cargo gate toolchain host jobs` checks the parts one by one");
            ExitCode::FAILURE
        }
    }
}
