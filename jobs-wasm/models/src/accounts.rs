//! Who pays for what is served.

use std::collections::BTreeMap;

/// An account's name, as the company's own records spell it.
pub type Account = String;

/// A stream's name, as an edge server writes it to its log. Bytes that are not UTF-8 are shown as U+FFFD.
pub type Stream = String;

/// The account that each stream belongs to. An account can have many streams, a stream has one account.
pub type StreamAccounts = BTreeMap<Stream, Account>;
