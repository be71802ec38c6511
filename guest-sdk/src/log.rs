//! Lines for the attempt's log.
//!
//! ```
//! use mainworker::log;
//!
//! let files = ["a.gz", "b.gz"];
//! log::info!("read {} files", files.len());
//! log::write(log::Level::Warn, "reader", "b.gz ends in the middle of a line");
//! ```
//!
//! The macros take what [`format!`] takes, and give the module they are written in as the line's context. The host keeps the
//! lines with the attempt, up to a limit in bytes and lines; lines beyond it are counted, not kept. It masks secrets.

use crate::imports;

#[doc(inline)]
pub use crate::{
    __log_debug as debug, __log_error as error, __log_info as info, __log_trace as trace, __log_warn as warn,
};

/// How much a line matters, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Each step, for whoever follows one attempt closely.
    Trace,
    /// What helps to find a fault.
    Debug,
    /// What an operator likes to see of a good run.
    Info,
    /// Something is odd, but the attempt goes on.
    Warn,
    /// Something went wrong.
    Error,
    /// Something went wrong that concerns more than this attempt.
    Critical,
}

/// Adds a line to the attempt's log. `context` says which part of the job speaks and may be empty.
pub fn write(level: Level, context: &str, message: &str) {
    imports::log(level, context, message);
}

/// Adds a line of level [`Trace`](crate::log::Level::Trace): `log::trace!("…")`.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_trace {
    ($($message:tt)+) => { $crate::__log_line!(Trace, $($message)+) };
}

/// Adds a line of level [`Debug`](crate::log::Level::Debug): `log::debug!("…")`.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_debug {
    ($($message:tt)+) => { $crate::__log_line!(Debug, $($message)+) };
}

/// Adds a line of level [`Info`](crate::log::Level::Info): `log::info!("…")`.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_info {
    ($($message:tt)+) => { $crate::__log_line!(Info, $($message)+) };
}

/// Adds a line of level [`Warn`](crate::log::Level::Warn): `log::warn!("…")`.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_warn {
    ($($message:tt)+) => { $crate::__log_line!(Warn, $($message)+) };
}

/// Adds a line of level [`Error`](crate::log::Level::Error): `log::error!("…")`.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_error {
    ($($message:tt)+) => { $crate::__log_line!(Error, $($message)+) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_line {
    ($level:ident, $($message:tt)+) => {
        $crate::log::write($crate::log::Level::$level, ::core::module_path!(), &::std::format!($($message)+))
    };
}

#[cfg(test)]
mod tests {
    use super::Level;
    use crate::testing::Host;

    #[test]
    fn each_macro_writes_a_line_of_its_level() {
        let host = Host::new();
        host.run(|| {
            let files = 2;
            crate::log::trace!("{files} files");
            crate::log::debug!("{} files", files);
            crate::log::info!("{n} files", n = files);
            crate::log::warn!("no files");
            crate::log::error!("gone",);
        });
        let lines: Vec<_> = host.logs().into_iter().map(|line| (line.level, line.message)).collect();
        let expected = [
            (Level::Trace, "2 files"),
            (Level::Debug, "2 files"),
            (Level::Info, "2 files"),
            (Level::Warn, "no files"),
            (Level::Error, "gone"),
        ];
        assert_eq!(lines, expected.map(|(level, message)| (level, String::from(message))));
    }

    #[test]
    fn a_macro_gives_its_module_as_context() {
        let host = Host::new();
        host.run(|| crate::log::info!("here"));
        assert_eq!(host.logs()[0].context, "mainworker::log::tests");
    }
}
