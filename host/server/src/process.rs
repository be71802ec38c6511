//! What the process asks of its system: to leave no memory behind, and to open as many files as jobs may hold.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Turns core files off, since a host that crashes has secrets in its memory, and raises the number of open files to what
/// the system allows: the usual 1,024 are fewer than one job may hold.
pub fn set_limits() {
    // Lowering a limit of one's own, or raising it within its maximum, cannot be refused.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let files = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, maximum: files.maximum });
}
