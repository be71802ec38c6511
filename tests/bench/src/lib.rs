//! Benchmarks and native twins.
