//! Memory, tables and instances of one attempt.
//!
//! Growth beyond a limit stops the guest where it asks, rather than telling it that there is no memory: most guests
//! would abort then anyway, with a worse message, and a guest that went on would be hard to reason about.

use crate::control::Control;
use mainworker_domain::limits::{Limit, Limits};
use mainworker_domain::outcome::LimitBreach;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use wasmtime::ResourceLimiter;

/// Memories and tables that one component may have. Each costs address space in the pool; composed components have a
/// handful.
pub(crate) const MEMORIES_MAX: usize = 16;
pub(crate) const TABLES_MAX: usize = 32;

/// Counts what one store has been given.
#[derive(Debug)]
pub(crate) struct Limiter {
    control: Arc<Control>,
    memory_bytes: u64,
    memory_bytes_max: u64,
    table_elements: u64,
    table_elements_max: u64,
    instances_max: usize,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits, control: Arc<Control>) -> Self {
        Self {
            control,
            memory_bytes: 0,
            memory_bytes_max: limits.get(Limit::Memory),
            table_elements: 0,
            table_elements_max: limits.get(Limit::TableElements),
            instances_max: limits.get_usize(Limit::Instances),
        }
    }
}

/// `total` with one part of it grown from `current` to `desired`, if that is within `allowed`.
fn grown(limit: Limit, total: u64, current: usize, desired: usize, allowed: u64) -> Result<u64, LimitBreach> {
    let more = desired.saturating_sub(current) as u64;
    let observed = total.saturating_add(more);
    if observed > allowed { Err(LimitBreach { limit, observed, allowed }) } else { Ok(observed) }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.memory_bytes = grown(Limit::Memory, self.memory_bytes, current, desired, self.memory_bytes_max)?;
        self.control.peak_memory_bytes.fetch_max(self.memory_bytes, Ordering::Relaxed);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.table_elements =
            grown(Limit::TableElements, self.table_elements, current, desired, self.table_elements_max)?;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.instances_max
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }
}
