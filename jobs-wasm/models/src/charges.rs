//! What the job `charge-accounts` takes and what it returns, and what a charge is between the services.
//!
//! Amounts are whole hundredths of a currency's unit: a sum of floating-point numbers would depend on their order.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Account, Month};

/// Which month to charge for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChargeAccountsPayload {
    /// The month in UTC, for example `2015-05`. It must be over.
    pub month: Month,
}

/// What became of a month's charges, all of which were settled: charged, declined, or nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChargeAccountsReport {
    /// The month in UTC.
    pub month: Month,
    /// Accounts that were charged, by this attempt or an earlier one.
    pub charged: u64,
    /// What they were charged, by currency.
    pub charged_cents: BTreeMap<Currency, u64>,
    /// Accounts that owe nothing for the month; nobody was asked to charge them.
    pub nothing_due: u64,
    /// Accounts whose card was declined.
    pub declined: Vec<DeclinedCharge>,
}

/// A charge that the account's bank did not allow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeclinedCharge {
    /// Whose.
    pub account: Account,
    /// How much it was.
    pub amount_cents: u64,
    /// Of what.
    pub currency: Currency,
    /// Why, in the payments service's words.
    pub reason: String,
}

/// What the accounts service answers to `GET /charges?month=MONTH`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthCharges {
    /// What each account owes for the month; each account at most once.
    pub charges: Vec<AccountCharge>,
}

/// What one account owes for a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountCharge {
    /// Who owes it.
    pub account: Account,
    /// How much; may be 0.
    pub amount_cents: u64,
    /// Of what.
    pub currency: Currency,
}

/// The body of `POST /charges` to the payments service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChargeRequest {
    /// Whom to charge.
    pub account: Account,
    /// What for.
    pub month: Month,
    /// How much.
    pub amount_cents: u64,
    /// Of what.
    pub currency: Currency,
}

/// What the payments service answers, with a status of success, when it has charged an account. The same answer comes to
/// the same idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeAccepted {
    /// What it calls the charge from now on.
    pub id: String,
}

/// What the payments service answers, with status 402, when a card was declined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeDeclined {
    /// Why.
    pub reason: String,
}

/// A currency by its three letters (ISO 4217), for example `EUR`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Currency(String);

impl Currency {
    /// The currency with these three upper-case letters.
    pub fn new(letters: &str) -> Option<Self> {
        let fits = letters.len() == 3 && letters.bytes().all(|letter| letter.is_ascii_uppercase());
        fits.then(|| Self(letters.to_owned()))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let letters = String::deserialize(deserializer)?;
        Self::new(&letters).ok_or_else(|| {
            serde::de::Error::custom("no currency; expected three upper-case letters, for example `EUR`")
        })
    }
}

impl JsonSchema for Currency {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Currency")
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Z]{3}$" })
    }
}
