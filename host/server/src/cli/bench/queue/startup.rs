//! The program as a service: how long it takes until it serves, and what it weighs when it does nothing.

use crate::cli::bench::figures::{Figures, percentile};
use crate::failure::Failure;
use crate::modules_folder::ModulesFolder;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Starts; the first makes the store and is not counted.
const STARTS: usize = 6;
/// What a host allocates for its first moments is given back by then.
const SETTLED: Duration = Duration::from_secs(1);

/// Starts the program some times on the same store.
pub(super) fn serving(folder: &ModulesFolder, data: &Path, figures: &mut Figures) -> Result<(), Failure> {
    let mut times = Vec::new();
    let mut idle_bytes = 0.0;
    let settings = data.with_extension("toml");
    fs::write(&settings, "").map_err(Failure::host)?;
    for start in 0..STARTS {
        let started = Instant::now();
        let mut served = Served::start(folder, data, &settings)?;
        if start > 0 {
            times.push(started.elapsed().as_secs_f64() * 1_000.0);
        }
        if start + 1 == STARTS {
            std::thread::sleep(SETTLED);
            idle_bytes = memory_bytes(&served.0.id().to_string(), "VmRSS:");
        }
        served.stop()?;
    }
    figures.add("startupMs", percentile(&mut times, 50), "from starting the program until it listens");
    figures.add("idleRssBytes", idle_bytes, "memory of a host that listens and has nothing to do");
    Ok(())
}

/// The most memory that this process had.
pub(super) fn peak_resident_bytes() -> f64 {
    memory_bytes("self", "VmHWM:")
}

fn memory_bytes(process: &str, line: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let kib =
        status.lines().find_map(|text| text.strip_prefix(line)?.trim().strip_suffix(" kB")?.parse().ok());
    kib.unwrap_or(0.0) * 1_024.0
}

/// A host of its own, which ends with this.
struct Served(Child);

impl Served {
    fn start(folder: &ModulesFolder, data: &Path, settings: &Path) -> Result<Self, Failure> {
        let program = std::env::current_exe().map_err(Failure::host)?;
        let mut child = Command::new(program)
            .args(["serve", "--dev", "--listen", "127.0.0.1:0"])
            .arg("--modules")
            .arg(folder.path())
            .arg("--data")
            .arg(data)
            // Not the settings of whoever measures.
            .arg("--settings")
            .arg(settings)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // It says that it is stopping; what is wrong with it is seen from its not listening.
            .stderr(Stdio::null())
            .spawn()
            .map_err(Failure::host)?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).map_err(Failure::host)?;
        }
        let served = Self(child);
        if line.starts_with("listening on ") {
            Ok(served)
        } else {
            Err(Failure::host(format!("the program did not serve: it printed {line:?}")))
        }
    }

    fn stop(&mut self) -> Result<(), Failure> {
        if let Some(pid) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM).map_err(Failure::host)?;
        }
        self.0.wait().map(drop).map_err(Failure::host)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It is gone already unless something failed before.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
