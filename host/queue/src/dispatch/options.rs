//! What a dispatch may take at a time, and how it keeps what it took.

/// How much a dispatch runs, and in whose name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DispatchOptions {
    /// Who runs attempts, for their rows. Two may have the same name: nothing is decided by it.
    pub host: String,
    /// Attempts that run at a time; at least one.
    pub slots: usize,
    /// Memory that the attempts which run may take together, in bytes. One that needs more than all of it runs while nothing
    /// else does.
    pub memory_bytes_max: u64,
    /// Milliseconds after which the attempts of a silent host are taken for lost.
    pub lease_ms: u64,
    /// Milliseconds between two heartbeats. Several go into one lease, so that one that fails does no harm.
    pub heartbeat_ms: u64,
    /// Attempts that may be claimed ahead of their start, at the most. How many are is decided by how fast attempts end.
    pub prefetch_max: usize,
}

impl DispatchOptions {
    /// The options that are right for most: leases of 15 s, a heartbeat each 5 s, up to 1,024 attempts claimed ahead.
    pub fn new(host: impl Into<String>, slots: usize, memory_bytes_max: u64) -> Self {
        Self {
            host: host.into(),
            slots: slots.max(1),
            memory_bytes_max,
            lease_ms: 15_000,
            heartbeat_ms: 5_000,
            prefetch_max: 1_024,
        }
    }
}
