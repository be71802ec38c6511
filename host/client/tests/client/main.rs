//! The client against a host that does what a test says, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod answers;
mod blocking;
mod follow;
mod requests;
mod retries;
mod scheduler;
mod scripted;
mod socket;
mod tls;
