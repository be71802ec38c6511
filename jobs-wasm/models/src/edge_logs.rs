//! What the job `edge-logs` takes and what it returns, and the report that it leaves for each log file.
//!
//! Bytes are those the edge server sent to viewers. A *line* is a line of a log file that is not a header. A *request* is
//! a billed line: one whose format says that its bytes are to be paid for.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Account, Seconds, Stream, StreamAccounts};

/// Which log files to add up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EdgeLogsPayload {
    /// Glob patterns of log files, relative to the mount `edge-logs`, for example `2015/05/*.log.gz`. `*` and `?` do not
    /// match `/`; `**` as a whole component matches any number of folders. A file counts once even if two patterns
    /// match it.
    #[schemars(length(min = 1, max = 100), inner(length(min = 1)))]
    pub files: Vec<String>,
    /// The format of all these files.
    #[serde(default)]
    pub format: LogFormat,
    /// The account of each stream. Streams that are not named here are reported as unknown. Without it the accounts service
    /// is asked, where the host names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts: Option<StreamAccounts>,
}

/// How an edge server writes its log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Each file's header decides; a file without a header is `combined`.
    #[default]
    Auto,
    /// The "combined" format of Apache and nginx.
    Combined,
    /// Amazon CloudFront, W3C extended, for live segments and recordings.
    Cloudfront,
    /// EdgeCast Flash Media Server (RTMP): one line per event.
    EdgecastFms,
    /// EdgeCast HTTP delivery.
    EdgecastWpc,
}

impl LogFormat {
    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Combined => "combined",
            Self::Cloudfront => "cloudfront",
            Self::EdgecastFms => "edgecast-fms",
            Self::EdgecastWpc => "edgecast-wpc",
        }
    }
}

/// What all matching log files add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EdgeLogsReport {
    /// Lines read, headers left out, broken and unbilled lines included.
    pub lines: u64,
    /// Lines that could not be read. They add to nothing else.
    pub broken: u64,
    /// Bytes served, the sum over all billed lines.
    pub bytes: u64,
    /// What the streams of each account add up to.
    pub accounts: BTreeMap<Account, AccountTotals>,
    /// What the streams without an account add up to. Beyond 1,000 names (or 128 KiB of them) the rest is added up under
    /// `other`.
    pub unknown: BTreeMap<Stream, StreamTotals>,
}

/// What the streams of one account add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountTotals {
    /// Bytes served.
    pub bytes: u64,
    /// Billed lines.
    pub requests: u64,
    /// Seconds that viewers were connected, to the millisecond. Only where the log says so: `edgecast-fms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<Seconds>,
}

/// What one stream without an account adds up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamTotals {
    /// Bytes served.
    pub bytes: u64,
    /// Billed lines.
    pub requests: u64,
}

/// What one log file adds up to, as it lies in the mount `reports` under `<digest>.json`.
///
/// Only the file's content, its name and the payload's accounts decide what is in it: not the time, nor the other files
/// of the run. So a month per account is the sum over these reports, each file once however often it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileReport {
    /// SHA-256 of the file's bytes as they are stored, in lower-case hexadecimal.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub digest: String,
    /// The file's path relative to the mount `edge-logs`.
    pub file: String,
    /// The format that it was read as; never `auto`.
    pub format: LogFormat,
    /// Lines read, headers left out, broken and unbilled lines included.
    pub lines: u64,
    /// Lines that could not be read.
    pub broken: u64,
    /// Bytes served, the sum over all billed lines.
    pub bytes: u64,
    /// The billed lines by the month in UTC in which they were written, for example `2015-05`. Under `other` are lines
    /// whose header names no date, and those of a 25th month and further ones in the same file.
    pub months: BTreeMap<String, MonthTotals>,
}

/// What one month of a log file adds up to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MonthTotals {
    /// What the streams of each account add up to.
    pub accounts: BTreeMap<Account, AccountTotals>,
    /// What the streams without an account add up to, at most 1,000 names in a file and then `other`.
    pub unknown: BTreeMap<Stream, StreamTotals>,
}
