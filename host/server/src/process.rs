//! What the process itself does not do: leave its memory behind.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Turns core files off: a host that crashes has secrets in its memory.
pub fn harden() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    // Lowering a limit of one's own cannot be refused.
    let _ = setrlimit(Resource::Core, none);
}
