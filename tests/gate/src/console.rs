//! The one place that prints.
//!
//! Colours only where somebody looks at them: on a terminal, outside CI, and unless `NO_COLOR` says otherwise. A pipe
//! that is closed early (`cargo gate --list | head -1`) is no failure of the gate, so write errors are ignored.

use std::io::{self, IsTerminal, Write};

/// How a piece of text is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// A heading.
    Strong,
    /// Something beside the point.
    Faint,
    /// It went well.
    Good,
    /// It did not.
    Bad,
    /// Worth a look.
    Warning,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Self::Strong => "1",
            Self::Faint => "2",
            Self::Good => "32",
            Self::Bad => "1;31",
            Self::Warning => "33",
        }
    }
}

/// Where lines go, and whether they are coloured.
#[derive(Clone, Copy, Debug)]
pub struct Console {
    colours: bool,
}

impl Console {
    /// Looks at the terminal and the environment.
    pub fn detect() -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        Self { colours: colours(io::stdout().is_terminal(), set("NO_COLOR"), set("CI")) }
    }

    /// Without colours, whatever the terminal.
    pub fn plain() -> Self {
        Self { colours: false }
    }

    /// `text` in the given tone.
    pub fn paint(self, tone: Tone, text: &str) -> String {
        if self.colours { format!("\x1b[{}m{text}\x1b[0m", tone.code()) } else { text.to_owned() }
    }

    /// One line on stdout.
    pub fn line(self, text: &str) {
        let _ = writeln!(io::stdout(), "{text}");
    }

    /// A remark under the step that runs.
    pub fn note(self, text: &str) {
        self.line(&format!("    {}", self.paint(Tone::Faint, text)));
    }

    /// Something that does not fail the step but should be seen.
    pub fn warning(self, text: &str) {
        self.line(&format!("    {} {text}", self.paint(Tone::Warning, "warning:")));
    }

    /// A failure on stderr: the chain of causes, innermost last.
    pub fn failure(self, error: &anyhow::Error) {
        let _ = writeln!(io::stderr(), "{} {error:#}", self.paint(Tone::Bad, "error:"));
    }

    /// What to try next, on stderr.
    pub fn hint(self, text: &str) {
        let _ = writeln!(io::stderr(), "{} {text}", self.paint(Tone::Strong, "hint:"));
    }
}

fn colours(terminal: bool, no_color: bool, ci: bool) -> bool {
    terminal && !no_color && !ci
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_need_a_terminal_and_nobody_who_objects() {
        assert!(colours(true, false, false));
        assert!(!colours(false, false, false));
        assert!(!colours(true, true, false));
        assert!(!colours(true, false, true));
    }

    #[test]
    fn plain_text_has_no_escapes() {
        assert_eq!(Console::plain().paint(Tone::Bad, "x"), "x");
        assert_eq!(Console { colours: true }.paint(Tone::Good, "x"), "\x1b[32mx\x1b[0m");
    }
}
