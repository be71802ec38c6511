//! What the probes are run with.

pub(crate) mod case;
pub(crate) mod component;
pub(crate) mod harness;
pub(crate) mod job_text;
pub(crate) mod run;
pub(crate) mod server;
