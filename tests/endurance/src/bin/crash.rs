//! `cargo run -p endurance --bin crash -- --rounds 200`: kills the host at random moments and audits what is left.

use anyhow::Result;
use clap::Parser;
use endurance::console;
use endurance::crash::{self, CrashOptions};
use endurance::jobs::Tried;
use rand::TryRng;
use rand::rngs::SysRng;
use std::path::PathBuf;
use std::process::ExitCode;

/// Loads the host, kills it at random moments, restarts it on the same data folder, and audits at last that nothing which was
/// acknowledged is lost, doubled or stale. The data folder is kept if something is.
#[derive(Debug, Parser)]
#[command(name = "crash")]
struct Args {
    /// How often the host is killed
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Where all luck comes from [default: a new one]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// The program [default: `mainworker` beside this one]
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// The modules that `mainworker module build` made [default: `modules` in the target folder]
    #[arg(long, value_name = "DIR")]
    modules: Option<PathBuf>,
    /// Print the figures as one JSON object
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
    let seed = match args.seed {
        Some(seed) => seed,
        None => SysRng.try_next_u64()?,
    };
    let folder = tempfile::Builder::new().prefix("mainworker-crash-").tempdir()?;
    console::note(&format!("seed {seed}"));
    let ended = crash::run(&CrashOptions { rounds: args.rounds, seed, tried }, folder.path());
    if !matches!(&ended, Ok((_, problems)) if problems.is_empty()) {
        let kept = folder.keep();
        console::note(&format!(
            "the data folder, the settings and the host's log are kept in `{}`",
            kept.display()
        ));
        console::note(&format!("the same luck: --rounds {} --seed {seed}", args.rounds));
    }
    let (figures, problems) = ended?;
    if args.json {
        console::line(&serde_json::to_string(&figures)?);
    } else {
        figures.lines().iter().for_each(|line| console::line(line));
    }
    problems.lines().iter().for_each(|problem| console::note(&format!("problem: {problem}")));
    if !problems.is_empty() {
        console::note(&format!("{} problems in all", problems.count()));
    }
    Ok(problems.is_empty())
}
