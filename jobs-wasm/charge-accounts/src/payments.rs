//! The payments service: one charge, and what its answer means.

use mainworker::Failure;
use mainworker::config::ConfigError;
use mainworker::http::{self, ErrorKind, Response};
use mainworker_models::{AccountCharge, ChargeAccepted, ChargeDeclined, ChargeRequest, Month, charge_key};
use mainworker_services::Service;

/// Characters of a reason that are kept: a sentence.
const REASON_CHARS_MAX: usize = 200;

/// The service at `payments.url`.
#[derive(Clone, Debug)]
pub struct Payments(Service);

/// A charge about which nothing is left to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The account has paid.
    Charged {
        /// What the service calls the charge.
        id: String,
    },
    /// The account's bank did not allow it.
    Declined {
        /// Why, in the service's words.
        reason: String,
    },
}

/// Why a charge is not settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The service does not take this charge.
    OfAccount(String),
    /// The service did not work; the next charge may find that it does. This one may have been made.
    OfService(String),
    /// No further charge would be taken now.
    OfAll(Failure),
}

impl Payments {
    /// The service, which the job cannot do without.
    ///
    /// # Errors
    ///
    /// It is not configured, or the configuration could not be read.
    pub fn require() -> Result<Self, ConfigError> {
        Service::require("payments").map(Self)
    }

    /// Charges an account for a month, if that was not done before: `POST {payments.url}/charges`.
    ///
    /// # Errors
    ///
    /// Why it is not settled, by whom that concerns.
    pub fn charge(&self, charge: &AccountCharge, month: Month) -> Result<Settled, Trouble> {
        let body = ChargeRequest {
            account: charge.account.clone(),
            month,
            amount_cents: charge.amount_cents,
            currency: charge.currency.clone(),
        };
        let key = charge_key(&charge.account, month);
        let answer = self
            .0
            .post("charges")
            .header("idempotency-key", key)
            .json(&body)
            .send()
            .map_err(|error| self.unanswered(&error))?;
        self.0.check_pause(&answer).map_err(Trouble::OfAll)?;
        match answer.status() {
            402 => Ok(Settled::Declined { reason: reason(&answer) }),
            status => self
                .0
                .read(answer, r#"{"id":ID}"#)
                .map_err(|failure| trouble(status, failure))
                .map(|ChargeAccepted { id }| Settled::Charged { id }),
        }
    }

    fn unanswered(&self, error: &http::Error) -> Trouble {
        let message = format!("{}: {error}", self.0.doing());
        match error.kind() {
            // The host's rules, or the configured URL: the same for every account.
            ErrorKind::Denied | ErrorKind::Invalid => Trouble::OfAll(Failure::failed(message)),
            ErrorKind::TooLarge => Trouble::OfAccount(message),
            _ => Trouble::OfService(message),
        }
    }
}

fn trouble(status: u16, failure: Failure) -> Trouble {
    match status {
        401 | 403 => Trouble::OfAll(failure),
        400..500 => Trouble::OfAccount(failure.message().to_owned()),
        // A success that nobody can read may be another server's: it is not known whether the account has paid.
        _ => Trouble::OfService(failure.message().to_owned()),
    }
}

/// The status says all that matters; why is for people.
fn reason(answer: &Response) -> String {
    match answer.json() {
        Ok(ChargeDeclined { reason }) => reason.chars().take(REASON_CHARS_MAX).collect(),
        Err(_) => "no reason given".to_owned(),
    }
}
