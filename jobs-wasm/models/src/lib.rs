//! The types and rules that jobs and their callers share.
//!
//! A payload or a report is described here once: the job reads and returns it, the API server and the dashboard build and
//! show it, and its JSON Schema travels in the job's module. Nothing here does I/O. Every map is ordered, so the same
//! value is always the same bytes of JSON.

mod accounts;
mod edge_logs;
mod seconds;

pub use accounts::{Account, Stream, StreamAccounts};
pub use edge_logs::{
    AccountTotals, EdgeLogsPayload, EdgeLogsReport, FileReport, LogFormat, MonthTotals, StreamTotals,
};
pub use seconds::Seconds;
