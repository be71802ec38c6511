//! The program. Everything is in the library, so that this stays thin.

use std::process::ExitCode;

fn main() -> ExitCode {
    mainworker_server::main()
}
