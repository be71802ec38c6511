//! What hostile and broken jobs may try, and how each attempt must end.
//!
//! The probes are one component, `tests/guests`, with a row in its `probes.toml` for each case. Modules that no Rust
//! program can be are written by hand here, in the text form of components.

#[cfg(test)]
#[path = "../support/mod.rs"]
mod support;

#[cfg(test)]
mod admission;
#[cfg(test)]
mod cache;
#[cfg(test)]
mod ends;
#[cfg(test)]
mod files;
#[cfg(test)]
mod floods;
#[cfg(test)]
mod hand_made;
#[cfg(test)]
mod http;
#[cfg(test)]
mod http_ends;
#[cfg(test)]
mod http_secrets;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod schedule;
#[cfg(test)]
mod schemas;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod stops;
#[cfg(test)]
mod table;
#[cfg(test)]
mod timer_latency;
