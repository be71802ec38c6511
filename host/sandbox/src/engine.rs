//! The one engine of a host: how modules are compiled, where their memory comes from, and the clock that interrupts them.

use crate::limiter::{MEMORIES_MAX, TABLES_MAX};
use mainworker_domain::limits::{EPOCH_TICK_MS, Limit, LimitValues};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::thread;
use std::time::Duration;
use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, WasmBacktraceDetails,
};

/// Attempts that can hold memory at a time in the pool. Each slot reserves the address space of a whole 32-bit memory, so
/// that generated code needs no bounds checks; none of it is memory until it is touched.
const POOL_SLOTS: u32 = 256;

/// Memory that a slot keeps between attempts instead of giving it back to the system, in bytes, where the system can say
/// which pages were written (Linux 6.7 and newer): those are zeroed or restored in place. Giving pages back stops all
/// threads of the process for a moment; keeping what a small job writes made attempts seven times as many. With all slots
/// used at a time at most 128 MiB stay resident.
const KEEP_WRITTEN_BYTES: usize = 512 << 10;

/// The same where the system cannot say it: then so much is zeroed after each attempt, written or not.
const KEEP_LOWEST_BYTES: usize = 128 << 10;

/// Bytes of guest stack. Recursion ends in a trap at this depth.
const WASM_STACK_BYTES: usize = 512 << 10;

/// Bytes of native stack for one attempt: the guest's and what host calls need on top.
const ATTEMPT_STACK_BYTES: usize = 2 << 20;

/// Frames of a guest backtrace. The innermost say what broke; a runaway recursion has thousands.
const BACKTRACE_FRAMES_MAX: usize = 24;

/// Where instances get their memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// From a pool of slots reserved once.
    Pooled,
    /// From the system, each time; slower. With the reason why there is no pool.
    OnDemand(String),
}

/// The engine, ticking.
#[derive(Debug)]
pub struct Engine {
    wasmtime: WasmtimeEngine,
    allocation: Allocation,
}

#[derive(Clone)]
struct WasmtimeEngine(wasmtime::Engine);

impl std::fmt::Debug for WasmtimeEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("wasmtime::Engine")
    }
}

impl Engine {
    /// Starts the engine and the thread that ticks it. `ceilings` gives the size of a memory slot.
    ///
    /// # Errors
    /// An engine that can be built neither with nor without a pool, or no thread for its ticks.
    pub fn start(ceilings: &LimitValues) -> wasmtime::Result<Self> {
        let memory_bytes_max = ceilings.get(Limit::Memory).unwrap_or(Limit::Memory.spec().ceiling);
        let table_elements_max =
            ceilings.get(Limit::TableElements).unwrap_or(Limit::TableElements.spec().ceiling);
        let pool = pool(memory_bytes_max, table_elements_max);
        let (engine, allocation) = match wasmtime::Engine::new(&config(Some(pool))) {
            Ok(engine) => (engine, Allocation::Pooled),
            // Pooling reserves terabytes of address space, which containers and small machines may not give.
            Err(error) => {
                let reason = format!("{error:#}");
                tracing::warn!(%reason, "no memory pool, instances are allocated on demand");
                (wasmtime::Engine::new(&config(None))?, Allocation::OnDemand(reason))
            }
        };
        tick(&engine)?;
        Ok(Self { wasmtime: WasmtimeEngine(engine), allocation })
    }

    /// Where instances get their memory.
    pub fn allocation(&self) -> &Allocation {
        &self.allocation
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.wasmtime.0
    }

    /// Stands for everything that compiled code depends on beside its module. Differs between versions of the engine and
    /// between settings that change code.
    pub(crate) fn compatibility_hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.wasmtime().precompile_compatibility_hash().hash(&mut hasher);
        hasher.finish()
    }
}

fn config(pool: Option<PoolingAllocationConfig>) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .epoch_interruption(true)
        .cranelift_opt_level(OptLevel::Speed)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(ATTEMPT_STACK_BYTES)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(BACKTRACE_FRAMES_MAX))
        // Otherwise the process's environment could turn on the reading of debug sections.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        // Guests must not be able to tell machines apart by what their vector units do.
        .relaxed_simd_deterministic(true);
    match pool {
        Some(pool) => {
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        }
        // Where there is no address space for a pool there is none for memories of 4 GiB either: they are as large as they
        // are, are moved when they grow, and generated code checks its bounds.
        None => {
            config.memory_reservation(0).memory_reservation_for_growth(1 << 20).memory_guard_size(64 << 10);
        }
    }
    config
}

fn pool(memory_bytes_max: u64, table_elements_max: u64) -> PoolingAllocationConfig {
    let size = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    let mut pool = PoolingAllocationConfig::new();
    let keep_resident_bytes = if PoolingAllocationConfig::is_pagemap_scan_available() {
        KEEP_WRITTEN_BYTES
    } else {
        KEEP_LOWEST_BYTES
    };
    pool.total_component_instances(POOL_SLOTS * 4)
        .total_core_instances(POOL_SLOTS * 8)
        .total_memories(POOL_SLOTS)
        .total_tables(POOL_SLOTS * 4)
        .total_stacks(POOL_SLOTS)
        .max_memories_per_component(u32::try_from(MEMORIES_MAX).unwrap_or(u32::MAX))
        .max_tables_per_component(u32::try_from(TABLES_MAX).unwrap_or(u32::MAX))
        .max_memory_size(size(memory_bytes_max))
        .table_elements(size(table_elements_max))
        .pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(keep_resident_bytes)
        .table_keep_resident(16 << 10)
        .max_unused_warm_slots(POOL_SLOTS);
    pool
}

/// Ticks the engine's epoch from an OS thread of its own: a guest that computes cannot keep it from running. The thread
/// ends with the engine.
fn tick(engine: &wasmtime::Engine) -> wasmtime::Result<()> {
    let engine = engine.weak();
    thread::Builder::new().name("epoch".to_owned()).spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(Duration::from_millis(EPOCH_TICK_MS));
        }
    })?;
    Ok(())
}
