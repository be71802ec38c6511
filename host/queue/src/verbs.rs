//! The verbs of a store: one file each, with what it is asked and what it answers.

pub mod audit;
pub mod cancel;
pub mod claim;
pub mod deployments;
pub mod enqueue;
pub mod expire;
pub mod extend;
pub mod fire;
pub mod list;
pub mod log;
pub mod overview;
pub mod pause;
pub mod prune;
pub mod record;
pub mod rescue;
pub mod retry;
pub mod schedules;
pub mod settle;
pub mod task;
pub mod tokens;
