//! `cargo run -p endurance --bin soak -- --minutes 30`: a constant load, and whether memory, file size and latency stay flat.

use anyhow::Result;
use clap::Parser;
use endurance::console;
use endurance::jobs::Tried;
use endurance::soak::{self, SoakOptions};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// Loads the host at a constant rate and samples memory, file size and latency each five seconds. Fails if the last third of the
/// time shows more than 1.3 times what the middle third shows.
#[derive(Debug, Parser)]
#[command(name = "soak")]
struct Args {
    /// How long
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    minutes: u32,
    /// Requests a second
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// The program [default: `mainworker` beside this one]
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// The modules that `mainworker module build` made [default: `modules` in the target folder]
    #[arg(long, value_name = "DIR")]
    modules: Option<PathBuf>,
    /// Print all samples as one JSON array at the end
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            console::note(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<bool> {
    let tried = Tried::find(args.binary, args.modules)?;
    let folder = tempfile::Builder::new().prefix("mainworker-soak-").tempdir()?;
    let options = SoakOptions { minutes: args.minutes, rate: args.rate, tried };
    let samples = soak::run(&options, folder.path())?;
    if args.json {
        console::line(&json!(soak::figures(&samples)).to_string());
    }
    let judged = soak::judge(&samples)?;
    for judged in &judged {
        let word = if judged.is_flat { "flat" } else { "GROWN" };
        console::line(&format!(
            "{:<24} {:>10} then {:>10}, allowed {:>10}: {word}",
            judged.name, judged.middle, judged.last, judged.allowed
        ));
    }
    Ok(judged.iter().all(|judged| judged.is_flat))
}
