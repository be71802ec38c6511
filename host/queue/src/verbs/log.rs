//! Log: what the attempts of a task said, in order.

use mainworker_domain::event::LogLine;
use mainworker_domain::lifecycle::State;
use mainworker_domain::task_id::TaskId;

/// A line's place in the log of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPlace {
    /// The attempt, from 1.
    pub attempt: u32,
    /// The line in it, from 0.
    pub line: u32,
}

/// Reads lines of a task's log.
#[derive(Clone, Copy, Debug)]
pub struct ReadLog {
    /// The task.
    pub task: TaskId,
    /// From here on; the default is the beginning.
    pub from: LogPlace,
    /// Bytes of lines after which no further piece is read. A page has at least one line, if there is one.
    pub bytes_max: usize,
}

/// Some lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogPage {
    /// The lines, each with its attempt.
    pub lines: Vec<(u32, LogLine)>,
    /// Where the next lines will be.
    pub next: LogPlace,
    /// Whether more lines were there already.
    pub more: bool,
    /// The task's state when they were read: nothing follows the last lines of a terminal one.
    pub state: Option<State>,
}
