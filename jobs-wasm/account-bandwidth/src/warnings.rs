//! Whom to warn, and asking for it.

use mainworker::schedule::{self, Refused};
use mainworker::{Context, Failure, log};
use mainworker_models::{
    Account, Email, EmailAddress, JobPayload, Month, Plan, SendEmailPayload, UnsentWarning,
    WARNING_THRESHOLDS, warning_key,
};

/// What became of the warnings to one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The thresholds for which an e-mail was asked for, by this run or an earlier one.
    pub warned: Vec<u8>,
    /// Those for which none could be.
    pub unsent: Vec<UnsentWarning>,
}

/// Asks for an e-mail for each threshold that `percent` reaches.
///
/// What is asked for depends on account, month and threshold alone, not on today's bytes: it is the same task each time.
///
/// # Errors
///
/// Failed if no further e-mail can be asked for: the job is not granted it, or has asked for too many.
pub fn ask(account: &Account, month: Month, percent: u64, plan: &Plan) -> Result<Asked, Failure> {
    let mut asked = Asked::default();
    for threshold in WARNING_THRESHOLDS.into_iter().filter(|threshold| percent >= u64::from(*threshold)) {
        let unsent = |reason: String| {
            log::warn!("warning_unsent account={account} threshold={threshold} reason={reason}");
            UnsentWarning { account: account.clone(), threshold, reason }
        };
        let to = match address(plan) {
            Ok(to) => to,
            Err(reason) => {
                asked.unsent.push(unsent(reason));
                continue;
            }
        };
        let email = Email::BandwidthWarning { account: account.clone(), month, percent: threshold }.to(to);
        let key = warning_key(account, month, threshold);
        let task = schedule::task(SendEmailPayload::JOB, &email).idempotency_key(key);
        match task.enqueue() {
            Ok(id) => {
                log::info!("warning_asked account={account} threshold={threshold} task={id}");
                asked.warned.push(threshold);
            }
            // This warning's own trouble, such as an e-mail under the same key to an earlier address.
            Err(refused @ Refused::Rejected(_)) => asked.unsent.push(unsent(refused.to_string())),
            Err(refused) => {
                return Err(refused)
                    .with_context(|| format!("warning `{account}` at {threshold} % for {month}"));
            }
        }
    }
    Ok(asked)
}

fn address(plan: &Plan) -> Result<EmailAddress, String> {
    match &plan.email {
        None => Err("its plan names no e-mail address".to_owned()),
        Some(email) => email.parse().map_err(|error| {
            let shown: String = email.chars().take(80).collect();
            format!("the address `{}` in its plan is {error}", shown.escape_debug())
        }),
    }
}
