//! The same operations, drawn at random, on two stores: what they answer must be equal, and what is there in the end.
//!
//! The memory store is the plainest code that is right; another one is right if it cannot be told from it. That this would
//! show is itself tested: a broken twin of the memory store is found out within a few sequences.
//!
//! `MAINWORKER_SEED=n cargo test -p mainworker-queue --test differential` compares one sequence alone, `MAINWORKER_SEEDS=n` so many.

#[cfg(test)]
#[path = "../support/mod.rs"]
#[expect(dead_code, unused_imports, unused_macros, reason = "conformance is what needs all of it")]
mod support;
#[cfg(test)]
#[path = "../twin/mod.rs"]
mod twin;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod draw;
#[cfg(test)]
mod operation;
#[cfg(test)]
mod sequence;
