//! Charges every account for a month that is over.
//!
//! What each account owes says the accounts service; the payments service charges it, one request each ([`payments`]). The
//! idempotency key of a request is made of account and month: however often a month is charged for, an account pays once,
//! and the payments service answers as it did the first time. So any attempt, and any task, can be repeated.
//!
//! A declined card is a result. Any other trouble with one account does not keep the others from being charged, but at its
//! end the attempt has failed: its message counts what was done and names the accounts that were not charged (the log has
//! all of them), and a further attempt charges those. Completed means that each account of the month is settled.
//!
//! Where further requests could only meet the same trouble the attempt stops earlier: when the payments service asks for a
//! pause, does not take the credential, or has not worked for [`FAILURES_IN_A_ROW`] accounts in a row.

mod ledger;
pub mod payments;

use mainworker::{Failure, Task, clock, log, progress};
use mainworker_models::{ChargeAccountsPayload, ChargeAccountsReport};
use mainworker_services::Accounts;

use ledger::Ledger;
use payments::{Payments, Settled, Trouble};

/// Accounts that one attempt can charge: one request each, of those that the manifest's `http-calls` allows.
pub const ACCOUNTS_MAX: usize = 20_000;

/// Failures of the payments service itself, in a row, after which it is not asked any more. Fewer can be an accident.
pub const FAILURES_IN_A_ROW: usize = 5;

/// The job: asks what is owed, then for each charge.
///
/// # Errors
///
/// Rejected while the month is not over. To be tried again later if a service asks for a pause. Failed if the accounts
/// service does not say what is owed, if that is more than one attempt can charge, or if any account could be neither
/// charged nor declined.
#[mainworker::job]
pub fn run(_task: &Task, payload: ChargeAccountsPayload) -> Result<ChargeAccountsReport, Failure> {
    let month = payload.month;
    if !month.is_over(clock::now()) {
        let found = "is not over (UTC): what is owed for it may still change";
        return Err(Failure::rejected(format!("the month {month} {found}")));
    }
    let (accounts, payments) = (Accounts::require()?, Payments::require()?);
    let charges = accounts.charges(month)?;
    log::info!("charges_read month={month} accounts={}", charges.len());
    if charges.len() > ACCOUNTS_MAX {
        // The host would end every attempt at the same account, and nobody behind it would ever be charged.
        let found = format!("{} accounts owe something for {month}", charges.len());
        return Err(Failure::failed(format!(
            "{found}; expected at most {ACCOUNTS_MAX}, which one attempt can charge"
        )));
    }
    let mut ledger = Ledger::new(month, charges.len());
    let mut failures_in_a_row = 0;
    for charge in &charges {
        progress::report(ledger.percent(), &charge.account);
        if charge.amount_cents == 0 {
            ledger.add_nothing_due();
            continue;
        }
        match payments.charge(charge, month) {
            Ok(Settled::Charged { id }) => ledger.add_charged(charge, &id),
            Ok(Settled::Declined { reason }) => ledger.add_declined(charge, reason),
            Err(Trouble::OfAccount(message)) => ledger.add_failed(charge, &message),
            Err(Trouble::OfAll(failure)) => return ledger.stopped(charge, failure),
            Err(Trouble::OfService(message)) => {
                ledger.add_failed(charge, &message);
                failures_in_a_row += 1;
                if failures_in_a_row == FAILURES_IN_A_ROW {
                    break;
                }
                continue;
            }
        }
        failures_in_a_row = 0;
    }
    ledger.report()
}
