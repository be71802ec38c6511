//! The accounts service: who the streams belong to, what was agreed on, what is owed.

use std::collections::{BTreeMap, BTreeSet};

use mainworker::Failure;
use mainworker::config::ConfigError;
use mainworker_models::{Account, AccountCharge, Month, MonthCharges, Plan, Plans, StreamAccounts, Streams};

use crate::Service;

const NAME: &str = "accounts";

/// The accounts service.
#[derive(Clone, Debug)]
pub struct Accounts(Service);

impl Accounts {
    /// The service at `accounts.url`, or none.
    ///
    /// # Errors
    ///
    /// The configuration could not be read.
    pub fn find() -> Result<Option<Self>, ConfigError> {
        Ok(Service::find(NAME)?.map(Self))
    }

    /// The service at `accounts.url`, which the job cannot do without.
    ///
    /// # Errors
    ///
    /// It is not configured, or the configuration could not be read.
    pub fn require() -> Result<Self, ConfigError> {
        Service::require(NAME).map(Self)
    }

    /// The account of each stream: `GET /streams`.
    ///
    /// # Errors
    ///
    /// As of [`Service::send`] and [`Service::read`].
    pub fn streams(&self) -> Result<StreamAccounts, Failure> {
        let answer = self.0.send(self.0.get("streams"))?;
        let Streams { streams } = self.0.read(answer, r#"{"streams":{STREAM:ACCOUNT}}"#)?;
        Ok(streams)
    }

    /// The plan of each account: `GET /plans`.
    ///
    /// # Errors
    ///
    /// As of [`Service::send`] and [`Service::read`].
    pub fn plans(&self) -> Result<BTreeMap<Account, Plan>, Failure> {
        let answer = self.0.send(self.0.get("plans"))?;
        let expected = r#"{"plans":{ACCOUNT:{"bytesPerMonth":N,"email":ADDRESS}}}"#;
        let Plans { plans } = self.0.read(answer, expected)?;
        Ok(plans)
    }

    /// What each account owes for `month`, each account once: `GET /charges?month=MONTH`.
    ///
    /// # Errors
    ///
    /// As of [`Service::send`] and [`Service::read`]; failed, too, if an account is named twice, since one of the two would
    /// be charged and nobody knows which.
    pub fn charges(&self, month: Month) -> Result<Vec<AccountCharge>, Failure> {
        let answer = self.0.send(self.0.get("charges").query("month", month.to_string()))?;
        let expected = r#"{"charges":[{"account":ACCOUNT,"amountCents":N,"currency":"EUR"}]}"#;
        let MonthCharges { charges } = self.0.read(answer, expected)?;
        let mut seen = BTreeSet::new();
        match charges.iter().find(|charge| !seen.insert(charge.account.as_str())) {
            Some(doubled) => {
                let found = format!("names the account `{}` twice", doubled.account);
                Err(self.0.contradicts("GET", "charges", &found, "each account once"))
            }
            None => Ok(charges),
        }
    }
}
