//! What is true: envelopes, manifests, admission, what may go out, the life of a task, limits, outcomes and events.
//!
//! Everything here is a function of its arguments. This crate reads no file, opens no socket, asks no clock and draws
//! no random number, so each rule can be tested with a table and each parser with arbitrary bytes. It knows neither
//! the store nor the sandbox; both know it.
//!
//! The way of an envelope through this crate, each step taking only what the one before produced:
//! bytes → [`envelope::Envelope`] → [`catalog::KnownJob`] → [`admission::Admitted`].

#![forbid(unsafe_code)]

pub mod access;
pub mod address;
pub mod admission;
pub mod audit;
pub mod capability;
pub mod catalog;
pub mod configuration;
pub mod denial;
pub mod digest;
pub mod egress;
pub mod envelope;
pub mod event;
pub mod job_name;
pub mod json;
pub mod lifecycle;
pub mod limits;
pub mod manifest;
pub mod nearest;
pub mod origin;
pub mod outcome;
pub mod payload_pointer;
pub mod payload_schema;
pub mod quantity;
pub mod rate;
pub mod rejection;
pub mod schedule;
pub mod table;
pub mod task_id;
pub mod task_options;
