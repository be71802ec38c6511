//! The keys by which a service or the queue knows that it was asked for the same thing before.
//!
//! Two things never have the same key: the parts behind the account have a fixed form, and an account's name is written so
//! that it can stand in a header and two names never look the same.

use std::fmt::Write;

use crate::{Account, Month};

/// The key of an account's charge for a month: `acme:2015-05`.
pub fn charge_key(account: &Account, month: Month) -> String {
    format!("{}:{month}", in_a_header(account))
}

/// The key of an account's warning for a month and a threshold in percent: `acme:2015-05:90`.
pub fn warning_key(account: &Account, month: Month, threshold: u8) -> String {
    format!("{}:{month}:{threshold}", in_a_header(account))
}

/// As written if it is of visible ASCII without `%`; every other byte percent-encoded.
fn in_a_header(account: &str) -> String {
    account.bytes().fold(String::with_capacity(account.len()), |mut text, byte| {
        if byte.is_ascii_graphic() && byte != b'%' {
            text.push(char::from(byte));
        } else {
            // Writing into a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}
