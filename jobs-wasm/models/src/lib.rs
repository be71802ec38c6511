//! The types and rules that jobs and their callers share.
//!
//! A payload or a report is described here once: the job reads and returns it, the API server and the dashboard build and
//! show it, and its JSON Schema travels in the job's module. So is what the company's services answer to jobs. Nothing
//! here does I/O. Every map is ordered, so the same value is always the same bytes of JSON.

mod accounts;
mod archive;
mod bandwidth;
mod charges;
mod edge_logs;
mod email;
mod idempotency;
mod job_payload;
mod month;
mod seconds;

pub use accounts::{Account, Plan, Plans, Stream, StreamAccounts, Streams};
pub use archive::{ArchiveIndex, ArchiveStreamPayload, ArchiveStreamReport, ArchivedSegment};
pub use bandwidth::{
    AccountBandwidth, AccountBandwidthPayload, AccountBandwidthReport, UnsentWarning, WARNING_THRESHOLDS,
    percent_of_limit,
};
pub use charges::{
    AccountCharge, ChargeAccepted, ChargeAccountsPayload, ChargeAccountsReport, ChargeDeclined,
    ChargeRequest, Currency, DeclinedCharge, MonthCharges,
};
pub use edge_logs::{
    AccountTotals, EdgeLogsPayload, EdgeLogsReport, FileReport, LogFormat, MonthTotals, StreamTotals,
};
pub use email::{
    Email, EmailAccepted, EmailAddress, EmailTemplate, NotAnAddress, SendEmailPayload, SendEmailReport,
    VariableError,
};
pub use idempotency::{charge_key, warning_key};
pub use job_payload::JobPayload;
pub use month::{Month, NotAMonth};
pub use seconds::Seconds;
