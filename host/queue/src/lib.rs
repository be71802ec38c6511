//! What moves: the store of tasks, and the dispatch that takes them out of it and settles them.
//!
//! The store's verbs are the domain's ([`store::Store`]); each has one request struct, under [`verbs`]. Two stores speak
//! them: [`memory`], the plainest code that is right, and [`sqlite`]. What becomes of a task is decided by
//! [`mainworker_domain::lifecycle`] alone, inside the transaction that writes it down.
//!
//! The promise: a task that was accepted ends, exactly once, in one terminal state. Attempts may be more than one. Every write
//! that ends, extends or rescues an attempt names the task, the number of the attempt and its lease, and is dropped if
//! that is not the attempt that runs.
//!
//! This crate knows no sandbox and no HTTP: attempts are run by whoever implements the runner of [`dispatch`].

#![forbid(unsafe_code)]

pub mod attempt;
pub mod dispatch;
pub mod memory;
pub mod runner;
pub mod scheduler;
pub mod sqlite;
pub mod store;
pub mod upkeep;
pub mod verbs;
