//! Time, as a guest sees it: `wasi:clocks` behind one seam, so that a test or a replay can supply it.

use crate::state::State;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use wasmtime::component::Linker;
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::clocks::{HostMonotonicClock, HostWallClock, WasiClocks, WasiClocksView};
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};

/// Where a guest's time comes from.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Time since 1970-01-01T00:00:00Z.
    fn wall(&self) -> Duration;
    /// Nanoseconds since some moment before the attempt; never fewer than before.
    fn monotonic_ns(&self) -> u64;
}

/// The machine's clocks, for an attempt whose host has none of its own.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// Monotonic time counts from here.
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn wall(&self) -> Duration {
        // A machine whose clock stands before 1970 gets 1970.
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }

    fn monotonic_ns(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

struct Wasi(Arc<dyn Clock>);

impl HostWallClock for Wasi {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        self.0.wall()
    }
}

impl HostMonotonicClock for Wasi {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        self.0.monotonic_ns()
    }
}

pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    monotonic_clock::add_to_linker::<State, WasiClocks>(linker, State::clocks)?;
    wall_clock::add_to_linker::<State, WasiClocks>(linker, State::clocks)
}

/// Gives the clock to one attempt.
pub(crate) fn build(wasi: &mut WasiCtxBuilder, clock: &Arc<dyn Clock>) {
    wasi.wall_clock(Wasi(Arc::clone(clock)));
    wasi.monotonic_clock(Wasi(Arc::clone(clock)));
}
