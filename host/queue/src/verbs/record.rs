//! Record: what attempts say while they run.

use crate::attempt::Held;
use mainworker_domain::event::{LogLine, Progress};

/// Lines of an attempt's log, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogPiece {
    /// The number of the first, from 0. Lines with numbers up to the last that is kept are left as they are; numbers may be
    /// left out.
    pub first_line: u32,
    /// The lines.
    pub lines: Vec<LogLine>,
}

/// Keeps what one attempt said.
#[derive(Clone, Debug)]
pub struct Record {
    /// Which one. From one that does not run, nothing is kept.
    pub held: Held,
    /// What it logged.
    pub log: LogPiece,
    /// How far it has come, if that is new.
    pub progress: Option<Progress>,
}
