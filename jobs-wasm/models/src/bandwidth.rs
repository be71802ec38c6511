//! What the job `account-bandwidth` takes and what it returns, and when an account is warned.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Account, Month};

/// Which month to add up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountBandwidthPayload {
    /// The month in UTC, for example `2015-05`. It need not be over.
    pub month: Month,
}

/// What each account served in a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccountBandwidthReport {
    /// The month in UTC.
    pub month: Month,
    /// Log files whose reports were added up, those without a line of the month included.
    pub files: u64,
    /// Other files in the folder of reports. They add to nothing.
    pub foreign_files: u64,
    /// What each account served that served anything.
    pub accounts: BTreeMap<Account, AccountBandwidth>,
    /// Bytes of streams that have no account.
    pub unknown_bytes: u64,
    /// Log files that changed between two runs of `edge-logs`, so that several reports of the month have their name; at most
    /// 100. All were added up, and what is in more than one of them counts twice.
    pub repeated_files: Vec<String>,
    /// Accounts that served something, but of which the accounts service knows no plan.
    pub without_plan: Vec<Account>,
    /// Warnings that were due, but for which no e-mail could be asked for.
    pub unsent: Vec<UnsentWarning>,
}

/// What one account served in a month.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccountBandwidth {
    /// Bytes served.
    pub bytes: u64,
    /// Bytes that its plan allows in a month, if that has a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_bytes: Option<NonZeroU64>,
    /// Bytes served of those allowed, in whole percent, rounded down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u64>,
    /// The thresholds in percent that were reached, and for which an e-mail was asked for. Asking again for the same
    /// account, month and threshold sends no second one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warned: Vec<u8>,
}

/// A warning that could not be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnsentWarning {
    /// Whom it concerns.
    pub account: Account,
    /// The threshold in percent that was reached.
    pub threshold: u8,
    /// Why not.
    pub reason: String,
}

/// Percent of a plan's limit at which an account is warned: once while it can still act, once when it is too late.
pub const WARNING_THRESHOLDS: [u8; 2] = [90, 100];

/// How much of `limit` so many bytes are, in whole percent, rounded down, so that 90 is not said before it is reached.
pub fn percent_of_limit(bytes: u64, limit: NonZeroU64) -> u64 {
    let percent = u128::from(bytes) * 100 / u128::from(limit.get());
    u64::try_from(percent).unwrap_or(u64::MAX)
}
