//! Benchmarks beside the program's own `mainworker bench`: what needs two builds of one crate in one process.
//!
//! `cargo bench --package mainworker-bench` after `mainworker module build edge-logs`.
