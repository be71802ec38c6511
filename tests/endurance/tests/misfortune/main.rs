//! Misfortunes of one kind each, with the real program: it says what is wrong, loses nothing, and goes on when it can.

/// A world for each test, and the program under test.
#[cfg(test)]
mod host;
/// A service that answers a job when the test says so.
#[cfg(test)]
mod service;

/// More connections than files may be open.
#[cfg(test)]
mod connections;
/// Data folders that are not to be used: somebody else's, damaged, read-only, in use.
#[cfg(test)]
mod data_folder;
/// No space left, at the start and while tasks run.
#[cfg(test)]
mod disk_full;
/// Sealing keys that are gone, wrong or open to others; a port that is taken.
#[cfg(test)]
mod sealing_key;
/// SIGTERM, once and twice, with tasks that run.
#[cfg(test)]
mod stopping;
