//! Dispatch: takes tasks out of a store, has them run, and writes down how they ended.
//!
//! [`core`] decides, and is the one owner of the attempts that run here. It is a state machine without I/O, clock or
//! randomness: what happened goes in, what to do comes out, so that a simulation can drive it through years of faults. Around
//! it, this module is a shell that carries the actions out: requests to the store, timers, and as many drivers as there are
//! slots, which take one attempt after the other from a [`backlog`] and are driven wherever the runner wants them.
//!
//! Nothing is polled for: a wake leads to a claim at once, an end to a settlement. At most one claim and one settlement
//! are under way at a time; what ends meanwhile goes with the next, so batches grow with the load by themselves.
//!
//! What becomes of a task is decided in the store, by the lifecycle. Dispatch decides only what to claim, start and stop, and when.

pub mod backlog;
mod clock;
pub mod core;
mod dispatcher;
mod driver;
mod exchange;
mod handle;
mod options;

pub use clock::{Clock, Random};
pub use handle::{Dispatch, RunningAttempt};
pub use options::DispatchOptions;

use mainworker_domain::event::Event;
use std::sync::Arc;

/// Hears what happens. It is called by those who do the work, drivers included: it must be quick, and must not panic.
pub type OnEvent = Arc<dyn Fn(Event) + Send + Sync>;
