//! Which job a payload is for, and what that job returns.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{
    AccountBandwidthPayload, AccountBandwidthReport, ArchiveStreamPayload, ArchiveStreamReport,
    ChargeAccountsPayload, ChargeAccountsReport, EdgeLogsPayload, EdgeLogsReport, SendEmailPayload,
    SendEmailReport,
};

/// A payload that belongs to one job. Whoever sends it names neither the job nor the type of its result, so neither can be
/// mistaken for another.
pub trait JobPayload: Serialize {
    /// The job, as its `job.toml` calls it.
    const JOB: &'static str;

    /// What the job returns for such a payload.
    type Result: DeserializeOwned;
}

impl JobPayload for AccountBandwidthPayload {
    const JOB: &'static str = "account-bandwidth";
    type Result = AccountBandwidthReport;
}

impl JobPayload for ArchiveStreamPayload {
    const JOB: &'static str = "archive-stream";
    type Result = ArchiveStreamReport;
}

impl JobPayload for ChargeAccountsPayload {
    const JOB: &'static str = "charge-accounts";
    type Result = ChargeAccountsReport;
}

impl JobPayload for EdgeLogsPayload {
    const JOB: &'static str = "edge-logs";
    type Result = EdgeLogsReport;
}

impl JobPayload for SendEmailPayload {
    const JOB: &'static str = "send-email";
    type Result = SendEmailReport;
}
