//! The scheduler as it is used: a real runtime, stores of both kinds, a clock that stands still until a test moves it.
//!
//! What is due is decided in the domain and what happens to a run in the store, each tested there. Here: that a look happens when
//! it has to, that nothing is lost or doubled between the two, and that somebody is told.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../sqlite/child.rs"]
mod child;
mod clocks;
mod kills;
mod looks;
mod stage;
#[path = "../dispatch/store.rs"]
mod store;
mod troubles;
mod two;
