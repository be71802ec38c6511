//! Who pays for what is served, as the accounts service tells it.
//!
//! What it answers may have more fields than are read here: it serves others as well, and grows.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

/// An account's name, as the company's own records spell it.
pub type Account = String;

/// A stream's name, as an edge server writes it to its log. Bytes that are not UTF-8 are shown as U+FFFD.
pub type Stream = String;

/// The account that each stream belongs to. An account can have many streams, a stream has one account.
pub type StreamAccounts = BTreeMap<Stream, Account>;

/// What the accounts service answers to `GET /streams`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streams {
    /// The account of each stream.
    pub streams: StreamAccounts,
}

/// What the accounts service answers to `GET /plans`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plans {
    /// The plan of each account.
    pub plans: BTreeMap<Account, Plan>,
}

/// What an account has agreed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Bytes that it may serve in a month; no limit without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_month: Option<NonZeroU64>,
    /// Who is told when the limit comes near. As the account's owner typed it, so it need not be an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}
