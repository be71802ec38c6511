//! The whole product, through its binary: what is typed, what is printed, what is written, how the program ends.
//!
//! Every test has a folder of its own as its world ([`host`]). Each envelope and settings file in it carries a secret
//! that no job is granted; whatever a run prints or writes is searched for it ([`finished`]).

// What the tests stand on.

/// The end of a run: its exit code has to be named before its output can be looked at.
#[cfg(test)]
mod finished;
/// A host in a world of its own, and how it is called.
#[cfg(test)]
mod host;
/// The jobs: those of `jobs-wasm`, built by the binary, and the probes of `tests/guests` under any manifest.
#[cfg(test)]
mod jobs;
/// Module files that no compiler makes.
#[cfg(test)]
mod odd_modules;

// `mainworker run`, from good input to bad.

/// Envelopes whose job, source, payload or configuration is not taken.
#[cfg(test)]
mod admission;
/// The sums of `edge-logs` beside a count of our own.
#[cfg(test)]
mod edge_logs;
/// Envelopes of the wrong size, syntax or shape.
#[cfg(test)]
mod envelopes;
/// Module files that are refused; listing and inspecting modules.
#[cfg(test)]
mod modules;
/// Mounts and limits that the settings give, or do not.
#[cfg(test)]
mod mounts;
/// What `edge-logs` leaves in its mount, also when the disk is full.
#[cfg(test)]
mod reports;
/// What a run prints, and where; that it can be interrupted.
#[cfg(test)]
mod run;

// Settings and what comes from them.

/// Where a configuration value comes from.
#[cfg(test)]
mod configuration;
/// A granted secret that a job tells wherever it can.
#[cfg(test)]
mod secrets;
/// Settings files that are refused, checked and shown.
#[cfg(test)]
mod settings;

// What is promised in writing.

/// `SETTINGS.md` and the example file, beside the code.
#[cfg(test)]
mod docs;
/// Every exit code, and the help of every command.
#[cfg(test)]
mod exit_codes;
