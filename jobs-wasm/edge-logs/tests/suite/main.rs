//! The job as a whole, natively, over folders of log files.
//!
//! `counting`: what lines add up to, however they are stored · `selection`: which files a payload means · `reports`: what
//! is kept per file · `owners`: the accounts service · `access_log`: the real log, counted in another way · `any_bytes`: nothing makes a parser panic.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod access_log;
mod any_bytes;
mod counting;
mod edge;
mod owners;
mod reports;
mod selection;
