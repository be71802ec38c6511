//! Sends one e-mail to one person.
//!
//! The e-mail service has the texts; a payload names one and fills its gaps ([`mainworker_models::EmailTemplate`]). Each
//! attempt at a task carries the task's id as its idempotency key, so that an attempt whose answer was lost sends nothing a
//! second time.
//!
//! | the e-mail service answers | the attempt |
//! | --- | --- |
//! | success, and what it calls the e-mail | completes |
//! | 429 | is to be tried again after the time that it names, or after a minute |
//! | any other 4xx | is rejected: it would answer the same to a further attempt |
//! | anything else, or not at all | has failed, even if the e-mail may be on its way: a further attempt finds out |

use mainworker::{Failure, Task, log};
use mainworker_models::{EmailAccepted, SendEmailPayload, SendEmailReport};
use mainworker_services::Service;

const MESSAGES: &str = "messages";

/// The job: `POST {email.url}/messages`, with the payload as its body.
///
/// # Errors
///
/// As the table above says; rejected, too, if the variables are not those of the template.
#[mainworker::job]
pub fn run(task: &Task, payload: SendEmailPayload) -> Result<SendEmailReport, Failure> {
    payload.check().map_err(Failure::rejected)?;
    let service = Service::require("email")?;
    let request = service.post(MESSAGES).header("idempotency-key", &task.id).json(&payload);
    let answer = service.send(request)?;
    let refused = (400..500).contains(&answer.status());
    let EmailAccepted { id } = service
        .read(answer, r#"{"id":ID}"#)
        .map_err(|failure| if refused { Failure::rejected(failure.message()) } else { failure })?;
    log::info!("email_accepted template={} message={id}", payload.template.name());
    Ok(SendEmailReport { message_id: id })
}
