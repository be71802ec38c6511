//! The life of a task: its states, and every rule by which it goes from one to the next.
//!
//! Five verbs change a task: [`claim`], [`settle`], [`cancel`], [`retry`] and [`expire`]. Each takes what is known of the
//! task ([`Task`]) and the time, and answers with a [`Transition`] or a typed [`Refusal`]. Whoever holds tasks writes the
//! transition down and decides nothing of its own; a crash is settled as [`Outcome::Lost`](crate::outcome::Outcome::Lost)
//! like any other end.
//!
//! A verb must see the task as it stands at the moment of writing, in the same transaction: a cancel may have been asked
//! for while an attempt ran. Only a completed attempt comes out the same whatever the task's particulars are, so it may be
//! written unread, under its lease.
//!
//! Times may jump either way. Nothing here panics or overflows for it; differences saturate at zero.
//!
//! The diagram in `host/ARCHITECTURE.md` shows the edges, and a test compares it with this code.

mod backoff;
mod order;
mod refusal;
mod settle;
mod state;
mod task;
mod timeout;
mod timestamp;
mod transition;
mod verbs;

pub use backoff::{Jitter, backoff_bound_ms, backoff_ms, retry_policy, wait_asked_ms};
pub use order::OrderKey;
pub use refusal::Refusal;
pub use settle::{Ending, settle};
pub use state::State;
pub use task::{Enqueue, SealedConfiguration, Tally, Task};
pub use timeout::lower_wall;
pub use timestamp::Timestamp;
pub use transition::{Count, Next, Reason, Transition};
pub use verbs::{Cancel, cancel, claim, expire, retry};
