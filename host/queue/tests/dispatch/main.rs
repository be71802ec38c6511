//! Dispatch as it is used: real threads and a real runtime, a memory store, attempts that wait for the test.
//!
//! The clock stands still unless a test moves it, so nothing here comes from a timer that happened to fire; every test waits
//! for what it is about.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod claims;
mod decisions;
mod drains;
mod leases;
mod records;
mod runner;
mod stage;
mod stops;
mod store;
mod trouble;
mod upkeep;
