//! The one place that prints.

use std::io::{self, Write};

/// A line on stdout. A reader that went away is no failure.
pub fn line(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// A line on stderr: how far it has come, what went wrong.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
