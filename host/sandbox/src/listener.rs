//! Who hears what attempts say while they run.

use mainworker_domain::event::Said;
use std::fmt;
use tokio::sync::mpsc::UnboundedSender;

/// Hears one attempt. Called on the threads of guests, so it must not wait; all that it is told is masked.
pub trait Listener: Send + Sync + fmt::Debug {
    /// The attempt said something.
    fn hear(&self, said: Said);
}

impl Listener for UnboundedSender<Said> {
    fn hear(&self, said: Said) {
        // Nobody listening is no reason to stop.
        let _ = self.send(said);
    }
}
