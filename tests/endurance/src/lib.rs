//! What a host must endure: being killed at any moment, and running for hours.
//!
//! `crash` loads the real program, kills it at random moments, restarts it on the same data folder, and at last audits
//! that nothing which was acknowledged is lost, doubled or stale. `soak` loads it at a constant rate and measures whether
//! memory, file size and latency stay flat. The misfortunes of one kind each are tests (`tests/misfortune`).
#![forbid(unsafe_code)]

pub mod audit;
pub mod console;
pub mod crash;
pub mod host_process;
pub mod jobs;
pub mod ledger;
pub mod load;
pub mod soak;
pub mod world;
