//! The company's services, as jobs call them.
//!
//! A [`Service`] is where one is and the token for it, from the job's configuration. [`Accounts`] is the one that several
//! jobs ask. What services are asked and what they answer are types of `mainworker_models`; here is how a call fails:
//!
//! | the service | the attempt |
//! | --- | --- |
//! | asks for a pause (429) | is to be tried again after it |
//! | cannot be reached, answers with another status, or with what nobody expected | has failed |
//!
//! Each failure names the service, the request, what was found and what was expected. Where another outcome is right, as
//! for a declined card, a job looks at the answer itself.

mod accounts;
mod service;

pub use accounts::Accounts;
pub use service::{PAUSE_UNSAID, Service};
