//! Adds up what each account served in a month, and warns those near their limit.
//!
//! The job `edge-logs` leaves a report for each log file, named by the digest of the file's bytes. A run adds up the month in
//! all of them ([`reports`]), so that each log file counts once however often it was read. The accounts service says what
//! each account may serve and whom to tell; for each threshold that an account has reached ([`warnings`]) the run asks for
//! a `send-email`. Its idempotency key is made of account, month and threshold, so that a month can be added up every hour
//! and each warning is sent once.
//!
//! A damaged report ends the run: a sum without it would be too small, and nobody would see it. A file that is no report at
//! all is counted and left alone.

pub mod reports;
pub mod warnings;

use std::collections::BTreeMap;
use std::path::Path;

use mainworker::{Failure, Task, log};
use mainworker_models::{
    AccountBandwidth, AccountBandwidthPayload, AccountBandwidthReport, Plan, percent_of_limit,
};
use mainworker_services::Accounts;

const REPORTS: &str = "/reports";

/// The job: reads the mount `reports`, asks the accounts service, asks for e-mails.
///
/// # Errors
///
/// Those of [`sum`].
#[mainworker::job]
pub fn run(_task: &Task, payload: AccountBandwidthPayload) -> Result<AccountBandwidthReport, Failure> {
    sum(Path::new(REPORTS), &payload)
}

/// Adds up the reports in `folder`, and warns.
///
/// # Errors
///
/// Failed if a report is damaged or cannot be read, if the accounts service does not tell the plans, or if no e-mail can be
/// asked for at all. To be tried again later if the accounts service asks for a pause.
pub fn sum(folder: &Path, payload: &AccountBandwidthPayload) -> Result<AccountBandwidthReport, Failure> {
    let month = payload.month;
    let served = reports::read(folder, month)?;
    log::info!(
        "reports_read month={month} files={} foreign={} accounts={}",
        served.files,
        served.foreign_files,
        served.accounts.len()
    );
    let plans = Accounts::require()?.plans()?;
    let mut report = AccountBandwidthReport {
        month,
        files: served.files,
        foreign_files: served.foreign_files,
        accounts: BTreeMap::new(),
        unknown_bytes: served.unknown_bytes,
        repeated_files: served.repeated_files.into_iter().collect(),
        without_plan: Vec::new(),
        unsent: Vec::new(),
    };
    for (account, bytes) in served.accounts {
        let plan = plans.get(&account);
        if plan.is_none() {
            log::warn!("account_without_plan account={account} bytes={bytes}");
            report.without_plan.push(account.clone());
        }
        let mut bandwidth = compared(bytes, plan);
        if let (Some(plan), Some(percent)) = (plan, bandwidth.percent) {
            let asked = warnings::ask(&account, month, percent, plan)?;
            bandwidth.warned = asked.warned;
            report.unsent.extend(asked.unsent);
        }
        report.accounts.insert(account, bandwidth);
    }
    Ok(report)
}

fn compared(bytes: u64, plan: Option<&Plan>) -> AccountBandwidth {
    let limit_bytes = plan.and_then(|plan| plan.bytes_per_month);
    let percent = limit_bytes.map(|limit| percent_of_limit(bytes, limit));
    AccountBandwidth { bytes, limit_bytes, percent, warned: Vec::new() }
}
