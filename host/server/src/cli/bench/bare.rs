//! The yardstick: what an attempt costs at the least.

use crate::failure::Failure;
use mainworker_sandbox::bare;
use mainworker_sandbox::module::Module;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// The cores of this machine.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Bare attempts a second on all cores, each a fresh instance and a call, for `time`.
pub(crate) fn turn(module: &Arc<Module>, payload: &str, time: Duration) -> Result<f64, Failure> {
    let failed = |error: String| Failure::host(format!("a bare attempt failed: {error}"));
    let started = Instant::now();
    let counts: Vec<Result<u32, String>> = thread::scope(|scope| {
        let one_core = || -> Result<u32, String> {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .map_err(|error| error.to_string())?;
            let mut count = 0;
            while started.elapsed() < time {
                runtime.block_on(bare::attempt(module, payload)).map_err(|error| format!("{error:#}"))?;
                count += 1;
            }
            Ok(count)
        };
        let threads: Vec<_> = (0..cores()).map(|_| scope.spawn(one_core)).collect();
        threads.into_iter().map(|one| one.join().unwrap_or_else(|_| Err("it panicked".to_owned()))).collect()
    });
    let seconds = started.elapsed().as_secs_f64();
    let mut total = 0_u32;
    for count in counts {
        total += count.map_err(failed)?;
    }
    Ok(f64::from(total) / seconds)
}
