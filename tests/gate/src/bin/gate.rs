//! `cargo gate`: everything that CI runs. `cargo gate STEP…` runs some of it, `cargo gate --list` shows what there is.

use gate::console::Console;
use gate::runner::{self, Gate, Request};
use gate::workspace::Workspace;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo gate [--list] [STEP… [--OPTION N]]\n\nWithout a STEP, all of them run but those that have to be named, in this order:";

fn main() -> ExitCode {
    let console = Console::detect();
    let args: Vec<_> = std::env::args().skip(1).collect();
    let (steps, told) = match runner::request(&args) {
        Ok(Request::Run(steps, told)) => (steps, told),
        Ok(Request::List) => {
            runner::list(console);
            return ExitCode::SUCCESS;
        }
        Ok(Request::Help) => {
            console.line(USAGE);
            runner::list(console);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            console.failure(&error);
            console.hint("`cargo gate --list` says what each step is for");
            return ExitCode::from(2);
        }
    };
    match Workspace::load() {
        Ok(workspace) => {
            let passed = runner::run(&Gate { workspace, console, told }, &steps);
            if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            console.failure(&error);
            ExitCode::FAILURE
        }
    }
}
