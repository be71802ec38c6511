//! The job natively, over folders of reports, with recorded answers of the accounts service.
//!
//! `sums`: what is added up · `warning`: whom the run warns · `damage`: folders that are not as `edge-logs` leaves them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod damage;
mod folder;
mod sums;
mod warning;
