//! What CI runs, as a program: `cargo gate`, and beside it `cargo demo`.
//!
//! A gate written in the language of the project is read, tested and changed like the rest of it, and is the same on a
//! laptop and in CI. It stands on few and small crates, because nothing is checked before it is built itself. It
//! checks and reports; the only things it changes are the target directory and, in its first step, the toolchain.

pub mod console;
pub mod demo;
pub mod deps;
pub mod finding;
pub mod process;
pub mod runner;
pub mod steps;
pub mod tidy;
pub mod workspace;
