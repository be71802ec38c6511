//! What keeps an attempt from being ended, extended or rescued by anybody but whoever runs it.
//!
//! Each check runs on each store, where it must hold; on a broken twin, which lacks the one guard that the check is about and
//! must not pass; and on a twin that lacks nothing, so that it is the guard alone that makes the difference.

#[cfg(test)]
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "conformance is what needs all of it")]
mod support;
#[cfg(test)]
#[path = "../twin/mod.rs"]
mod twin;

#[cfg(test)]
mod check;

#[cfg(test)]
mod cancel;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod deployments;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod names;
#[cfg(test)]
mod races;
#[cfg(test)]
mod rescue;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod schedules;
#[cfg(test)]
mod stale;
