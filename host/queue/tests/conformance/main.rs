//! What every store of tasks must do: one file a verb, each test run on each store.
//!
//! The documentation of the verbs is the specification; a sentence there has a test here.

#[cfg(test)]
#[path = "../support/mod.rs"]
mod support;

#[cfg(test)]
mod audit;
#[cfg(test)]
mod cancel;
#[cfg(test)]
mod claim;
#[cfg(test)]
mod claim_room;
#[cfg(test)]
mod concurrency;
#[cfg(test)]
mod deployments;
#[cfg(test)]
mod enqueue;
#[cfg(test)]
mod expire;
#[cfg(test)]
mod extend;
#[cfg(test)]
mod fire;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod list;
#[cfg(test)]
mod log;
#[cfg(test)]
mod overview;
#[cfg(test)]
mod pause;
#[cfg(test)]
mod prune;
#[cfg(test)]
mod record;
#[cfg(test)]
mod reopen;
#[cfg(test)]
mod rescue;
#[cfg(test)]
mod retry;
#[cfg(test)]
mod schedules;
#[cfg(test)]
mod settle;
#[cfg(test)]
mod settle_asked;
#[cfg(test)]
mod task;
#[cfg(test)]
mod tokens;
