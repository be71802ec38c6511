//! What is the SQLite store's alone: its files, its lock, what it does when the disk fails it or its process dies.
//!
//! What it must do like every store is in `conformance`. Here the database is looked at from outside as well: [`audit`] compares
//! its tables with one another.

#[cfg(test)]
#[path = "../support/mod.rs"]
#[expect(dead_code, unused_imports, unused_macros, reason = "conformance is what needs all of it")]
mod support;

#[cfg(test)]
#[path = "../differential/draw.rs"]
#[expect(dead_code, reason = "the differential test asks for more in the end")]
mod draw;
#[cfg(test)]
#[path = "../differential/operation.rs"]
mod operation;

#[cfg(test)]
mod audit;
#[cfg(test)]
mod child;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod files;
#[cfg(test)]
mod full;
#[cfg(test)]
mod lock;
#[cfg(test)]
mod read_only;
#[cfg(test)]
mod readers;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod sequences;
#[cfg(test)]
mod space;
#[cfg(test)]
mod upkeep;
