//! What was done so far, and what is said of it at the end.

use std::collections::BTreeMap;
use std::fmt::Write;

use mainworker::{Context, Failure, log};
use mainworker_models::{Account, AccountCharge, ChargeAccountsReport, DeclinedCharge, Month};

/// Accounts that a failure names with what went wrong; a message has room for no more, and the log has all.
const NAMED_MAX: usize = 10;

/// Characters of what went wrong with one account, in a message.
const TROUBLE_CHARS_MAX: usize = 300;

/// What became of a month's charges so far.
pub(crate) struct Ledger {
    report: ChargeAccountsReport,
    accounts: usize,
    failed: usize,
    named: Vec<(Account, String)>,
}

impl Ledger {
    pub(crate) fn new(month: Month, accounts: usize) -> Self {
        let report = ChargeAccountsReport {
            month,
            charged: 0,
            charged_cents: BTreeMap::new(),
            nothing_due: 0,
            declined: Vec::new(),
        };
        Self { report, accounts, failed: 0, named: Vec::new() }
    }

    pub(crate) fn add_nothing_due(&mut self) {
        self.report.nothing_due += 1;
    }

    pub(crate) fn add_charged(&mut self, charge: &AccountCharge, id: &str) {
        let AccountCharge { account, amount_cents, currency } = charge;
        log::info!("account_charged account={account} cents={amount_cents} currency={currency} charge={id}");
        self.report.charged += 1;
        let sum = self.report.charged_cents.entry(currency.clone()).or_default();
        *sum = sum.saturating_add(*amount_cents);
    }

    pub(crate) fn add_declined(&mut self, charge: &AccountCharge, reason: String) {
        let AccountCharge { account, amount_cents, currency } = charge.clone();
        log::warn!(
            "account_declined account={account} cents={amount_cents} currency={currency} reason={reason}"
        );
        self.report.declined.push(DeclinedCharge { account, amount_cents, currency, reason });
    }

    pub(crate) fn add_failed(&mut self, charge: &AccountCharge, message: &str) {
        log::error!("account_not_charged account={} reason={message}", charge.account);
        self.failed += 1;
        if self.named.len() < NAMED_MAX {
            let message = message.chars().take(TROUBLE_CHARS_MAX).collect();
            self.named.push((charge.account.clone(), message));
        }
    }

    /// How many of the accounts were looked at, in percent.
    pub(crate) fn percent(&self) -> u8 {
        u8::try_from(self.done() * 100 / self.accounts.max(1)).unwrap_or(100)
    }

    fn done(&self) -> usize {
        let settled = self.report.charged + self.report.nothing_due;
        usize::try_from(settled).unwrap_or(usize::MAX) + self.report.declined.len() + self.failed
    }

    /// The attempt cannot go on: nothing more can be charged now.
    ///
    /// # Errors
    ///
    /// Always: `failure`, with where it happened.
    pub(crate) fn stopped(
        &self,
        at: &AccountCharge,
        failure: Failure,
    ) -> Result<ChargeAccountsReport, Failure> {
        let doing = || format!("charging `{}` for {} ({})", at.account, self.report.month, self.counts());
        Err(failure).with_context(doing)
    }

    /// The result, if every account is settled.
    ///
    /// # Errors
    ///
    /// Failed otherwise, with the accounts that are not.
    pub(crate) fn report(self) -> Result<ChargeAccountsReport, Failure> {
        if self.failed == 0 {
            return Ok(self.report);
        }
        let mut message = format!(
            "{} of {} accounts were not charged for {} ({})",
            self.failed,
            self.accounts,
            self.report.month,
            self.counts()
        );
        for (account, trouble) in &self.named {
            // Writing into a string cannot fail.
            let _ = write!(message, "\n`{account}`: {trouble}");
        }
        if self.failed > self.named.len() {
            let _ = write!(message, "\nand {} more, in the log", self.failed - self.named.len());
        }
        Err(Failure::failed(message))
    }

    fn counts(&self) -> String {
        let ChargeAccountsReport { charged, declined, nothing_due, .. } = &self.report;
        format!(
            "{charged} charged, {} declined, {nothing_due} with nothing due, {} not asked for",
            declined.len(),
            self.accounts - self.done()
        )
    }
}
