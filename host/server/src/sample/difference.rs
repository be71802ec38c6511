//! Where what came is not what a sample expects.

use mainworker_domain::rejection::escape_pointer;
use std::fmt::{self, Display};

/// Characters of a value that is shown.
const SHOWN_CHARS_MAX: usize = 200;

/// One place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// A JSON pointer into the sample.
    pub pointer: String,
    /// What the sample expects: JSON, or words. One line.
    pub expected: String,
    /// What came.
    pub found: String,
}

const NOTHING: &str = "nothing";

impl Difference {
    /// Two values at `pointer`.
    pub fn new(pointer: impl Into<String>, expected: impl Display, found: impl Display) -> Self {
        Self { pointer: pointer.into(), expected: shortened(&expected), found: shortened(&found) }
    }

    /// Something that did not come.
    pub fn missing(pointer: impl Into<String>, expected: impl Display) -> Self {
        Self::new(pointer, expected, NOTHING)
    }

    /// Something that came and was not expected.
    pub fn unexpected(pointer: impl Into<String>, found: impl Display) -> Self {
        Self::new(pointer, NOTHING, found)
    }
}

impl Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = if self.pointer.is_empty() { "/" } else { &self.pointer };
        write!(f, "{pointer}: expected {}, found {}", self.expected, self.found)
    }
}

/// A pointer made of keys.
pub fn pointer(keys: &[&str]) -> String {
    keys.iter().map(|key| format!("/{}", escape_pointer(key))).collect()
}

/// In one line and short enough to be read. Values are JSON, which escapes line ends in texts.
fn shortened(value: &dyn Display) -> String {
    let text = value.to_string().replace('\n', "\\n");
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        None => text,
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
    }
}
