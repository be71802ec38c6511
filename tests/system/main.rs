//! The whole product, through its binary: what is typed, what is printed, what is written, how the program ends.
//!
//! Every test has a folder of its own as its world ([`host`]). Each envelope and settings file in it carries a secret
//! that no job is granted; whatever a run prints or writes is searched for it ([`finished`]).

// What the tests stand on.

/// A host with all of the company's jobs, and settings for them.
#[cfg(test)]
mod company;
/// The end of a run: its exit code has to be named before its output can be looked at.
#[cfg(test)]
mod finished;
/// A host in a world of its own, and how it is called.
#[cfg(test)]
mod host;
/// A client of HTTP, for requests of any kind.
#[cfg(test)]
mod http;
/// The jobs: those of `jobs-wasm`, built by the binary, and the probes of `tests/guests` under any manifest.
#[cfg(test)]
mod jobs;
/// Module files that no compiler makes.
#[cfg(test)]
mod odd_modules;
/// The services that jobs call, with real sockets.
#[cfg(test)]
mod services;
/// A host that serves.
#[cfg(test)]
mod serving;

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

// The network and other jobs.

/// Services that are gone, broken, somebody else, or out of their mind.
#[cfg(test)]
mod bad_services;
/// Nobody but its service ever sees a token.
#[cfg(test)]
mod canary;
/// The company's jobs from end to end.
#[cfg(test)]
mod company_jobs;
/// What is said of a call that is denied, and that it helps.
#[cfg(test)]
mod denials;
/// Origins that a manifest or the settings name wrongly, or that are missing.
#[cfg(test)]
mod origins;
/// Tasks that a job asks for.
#[cfg(test)]
mod scheduled;

// The host as a service.

/// The HTTP API.
#[cfg(test)]
mod api;
/// The clock of a host for development.
#[cfg(test)]
mod dev_clock;
/// Who is told what went wrong.
#[cfg(test)]
mod notices;
/// Publishing modules, deploying them, and all that is not taken.
#[cfg(test)]
mod publishing;
/// The commands for a running host.
#[cfg(test)]
mod remote;
/// The commands for schedules, with a host that has some.
#[cfg(test)]
mod schedules_cli;
/// Tasks that are built and sent by the client library.
#[cfg(test)]
mod scheduling;
/// The programs that show how to use the client library.
#[cfg(test)]
mod shown_programs;
/// The socket of a host, for whoever operates it.
#[cfg(test)]
mod socket;
/// A host that speaks TLS.
#[cfg(test)]
mod tls;

// Making jobs and modules.

/// Samples that are not run: they contradict their manifest, or cannot be read.
#[cfg(test)]
mod bad_samples;
/// `module check`: what it takes, what it prints, how it ends.
#[cfg(test)]
mod check;
/// `diff`: what a new revision of a job may do that the old one could not.
#[cfg(test)]
mod diff;
/// `new`: crates that build and pass as they are, in a workspace and by themselves.
#[cfg(test)]
mod new;
/// `module pack`: components of other toolchains.
#[cfg(test)]
mod pack;
/// What samples give and expect: everything that holds, and everything that does not.
#[cfg(test)]
mod samples;

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
