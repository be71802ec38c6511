//! A registry as a repository: against servers that misbehave in every way that is known, and against Debian's own.

// What the tests stand on.

/// Clients whose waits are remembered, and content.
#[cfg(test)]
mod client;
/// Debian's registry as a process of a test's own.
#[cfg(test)]
#[path = "../support/docker_registry.rs"]
mod docker_registry;
/// A server that answers as it is told.
#[cfg(test)]
mod scripted;

/// What is pulled and is not what was asked for, comes late, or never ends.
#[cfg(test)]
mod contents;
/// Debian's registry, and `skopeo` between it and a directory.
#[cfg(test)]
mod debian;
/// Who learns who the client is.
#[cfg(test)]
mod proofs;
/// What is pushed, and tags that somebody else moves.
#[cfg(test)]
mod pushes;
/// A whole publication, from a registry to a directory and to another registry.
#[cfg(test)]
mod released;
/// What is tried again, and when.
#[cfg(test)]
mod retries;
