//! All that is printed: results on stdout, everything else on stderr.
//!
//! Colours only where a terminal reads them and `NO_COLOR` does not ask for none. Text of a guest or an envelope never
//! reaches a terminal raw: control characters are shown instead of obeyed.

use crate::failure::Failure;
use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};
use mainworker_domain::event::{Level, LogLine, Progress};
use rustix::termios::tcgetwinsize;
use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

/// Lines of a service's log that wait for whoever reads them: some hundred kilobytes.
const LOG_LINES_WAITING_MAX: usize = 2_000;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default();
const WARN: Style = AnsiColor::Yellow.on_default();
const QUIET: Style = Style::new().dimmed();

/// Sends the host's own diagnostics to stderr: warnings, or what `MAINWORKER_LOG` says (`info`, `mainworker_sandbox=debug`).
///
/// A service never waits for whoever reads them: lines beyond a bound that nobody has read are dropped. What
/// it answers with has to be kept until the process ends, and writes out what is left.
pub fn start_diagnostics(is_service: bool) -> Option<WorkerGuard> {
    let (writer, guard) = if is_service {
        let lines = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(LOG_LINES_WAITING_MAX);
        let (writer, guard) = lines.finish(io::stderr());
        (BoxMakeWriter::new(writer), Some(guard))
    } else {
        (BoxMakeWriter::new(io::stderr), None)
    };
    let filter = EnvFilter::try_from_env("MAINWORKER_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        // It would say on stderr that stderr cannot be written, and panic where it says so: a full disk with the log on it.
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .try_init();
    // A second start in one process, as in tests, changes nothing.
    drop(started);
    guard
}

/// Prints a text and a line end to stdout. A reader that went away is not an error.
///
/// # Errors
/// A stdout that cannot be written, such as a file on a full disk: half a result must not pass for a whole one.
pub fn print(text: &str) -> Result<(), Failure> {
    print_part(text).map(drop)
}

/// The same for one of many: false if the reader went away, so that the rest need not be made.
///
/// # Errors
/// As for [`print()`].
pub fn print_part(text: &str) -> Result<bool, Failure> {
    let stdout = io::stdout().lock();
    // Programs get every byte; a terminal would obey some.
    let text = if stdout.is_terminal() { printable(text) } else { Cow::Borrowed(text) };
    write_line(stdout, &text)
}

/// The same for JSON, which stays JSON on a terminal too: what that would obey is written as JSON escapes it.
///
/// # Errors
/// As for [`print()`].
pub fn print_json(json: &str) -> Result<(), Failure> {
    write_line(io::stdout().lock(), &json_for_stdout(json)).map(drop)
}

/// JSON as [`print_json`] prints it, to be part of more.
pub fn json_for_stdout(json: &str) -> Cow<'_, str> {
    if io::stdout().is_terminal() { printable_json(json) } else { Cow::Borrowed(json) }
}

/// The same for text that this program coloured. Colours stay away where nobody sees them; what comes from elsewhere must
/// have been made [`printable`].
///
/// # Errors
/// As for [`print()`].
pub fn print_styled(text: &str) -> Result<bool, Failure> {
    write_line(anstream::stdout().lock(), text)
}

fn write_line(mut stdout: impl Write, text: &str) -> Result<bool, Failure> {
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::output(error)),
    }
}

/// How many characters fit in a line of stdout; none where that is no terminal.
pub fn stdout_columns() -> Option<u16> {
    let columns = tcgetwinsize(io::stdout()).ok()?.ws_col;
    (columns > 0).then_some(columns)
}

/// Prints a line to stderr.
pub fn note(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Puts a question to stderr, and leaves the line open for the answer.
pub fn ask(question: &str) {
    let mut stderr = anstream::stderr().lock();
    let _ = write!(stderr, "{question}").and_then(|()| stderr.flush());
}

/// Prints why a command failed: code, message, place, hint.
pub fn print_failure(failure: &Failure) {
    print_error(&failure.code, &failure.message, failure.pointer.as_deref(), failure.hint.as_deref());
}

/// Prints an error in its parts, each on its own line.
pub fn print_error(code: &str, message: &str, pointer: Option<&str>, hint: Option<&str>) {
    let mut text = format!("{ERROR}error[{}]{ERROR:#}: {}", printable_line(code), printable_message(message));
    if let Some(pointer) = pointer {
        text.push_str(&format!("\n  at {}", printable_line(if pointer.is_empty() { "/" } else { pointer })));
    }
    if let Some(hint) = hint {
        text.push_str(&format!("\n{HINT}hint{HINT:#}: {}", printable(hint)));
    }
    note(&text);
}

/// Prints what is no reason to fail, and what to try.
pub fn print_warning(message: &str, hint: Option<&str>) {
    let mut text = format!("{WARN}warning{WARN:#}: {}", printable_message(message));
    if let Some(hint) = hint {
        text.push_str(&format!("\n{HINT}hint{HINT:#}: {}", printable(hint)));
    }
    note(&text);
}

/// A text as a shell takes it for one word.
pub fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-:=,+".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// `text` with what a terminal would obey shown as escapes; line ends stay.
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_obeyed(c) && c != '\n')
}

/// The same in one line, for a name: nobody can put a line of their own into what is printed.
pub fn printable_line(text: &str) -> Cow<'_, str> {
    escaped(text, is_obeyed)
}

/// The same with all lines but the first set in, for a message: they cannot be taken for messages of their own.
fn printable_message(text: &str) -> String {
    printable(text).replace('\n', "\n  ")
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let shown =
        text.chars().map(|c| if is_escaped(c) { c.escape_unicode().to_string() } else { c.to_string() });
    Cow::Owned(shown.collect())
}

/// Such characters stand only in strings of JSON, which may hold them escaped as well.
fn printable_json(json: &str) -> Cow<'_, str> {
    if !json.contains(|c| is_obeyed(c) && c != '\n') {
        return Cow::Borrowed(json);
    }
    let escaped = json.chars().map(|c| match c {
        c if is_obeyed(c) && c != '\n' => {
            let mut units = [0; 2];
            c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect()
        }
        c => c.to_string(),
    });
    Cow::Owned(escaped.collect())
}

/// Control characters, and those that turn or hide the text around them.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A log line as people read it, coloured by its level.
pub fn log_line(line: &LogLine) -> String {
    let style = match line.level {
        Level::Trace | Level::Debug => QUIET,
        Level::Info => Style::new(),
        Level::Warn => WARN,
        Level::Error | Level::Critical => ERROR,
    };
    let context =
        if line.context.is_empty() { String::new() } else { format!(" {}", printable_line(&line.context)) };
    format!(
        "{style}{:>5}{style:#}{QUIET}{context}{QUIET:#} {}",
        line.level.as_str(),
        printable_line(&line.message)
    )
}

/// What a person sees while bytes come or go: how many of how many. Nothing where stderr is no terminal.
#[derive(Debug)]
pub struct TransferView {
    bar: Option<ProgressBar>,
}

impl TransferView {
    /// A view of what is said to be done.
    pub fn start(doing: &str) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            if let Ok(style) =
                ProgressStyle::with_template("{prefix} {bar:30} {bytes} of {total_bytes} {wide_msg}")
            {
                bar.set_style(style);
            }
            bar.set_prefix(doing.to_owned());
            bar
        });
        Self { bar }
    }

    /// Shows how far it is, and what is being done.
    pub fn show(&self, bytes: u64, bytes_total: u64, doing: &str) {
        if let Some(bar) = &self.bar {
            bar.set_length(bytes_total);
            bar.set_position(bytes);
            bar.set_message(printable_line(doing).into_owned());
        }
    }

    /// Ends the view.
    pub fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

/// What a person sees while an attempt runs: its log lines and, on a terminal, its progress.
#[derive(Debug)]
pub struct LiveView {
    bar: Option<ProgressBar>,
}

impl LiveView {
    /// A view of an attempt at `job`.
    pub fn start(job: &str) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(100);
            if let Ok(style) =
                ProgressStyle::with_template("{prefix} {bar:30} {percent:>3} % {elapsed} {wide_msg}")
            {
                bar.set_style(style);
            }
            bar.set_prefix(job.to_owned());
            bar
        });
        Self { bar }
    }

    /// Shows a log line.
    pub fn line(&self, line: &LogLine) {
        let text = log_line(line);
        match &self.bar {
            Some(bar) => bar.suspend(|| note(&text)),
            None => note(&text),
        }
    }

    /// Shows progress.
    pub fn progress(&self, progress: &Progress) {
        if let Some(bar) = &self.bar {
            bar.set_position(u64::from(progress.percent));
            bar.set_message(printable_line(&progress.message).into_owned());
        }
    }

    /// Ends the view.
    pub fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_of_a_guest_are_shown_not_obeyed() {
        assert_eq!(printable("plain\ntext ä"), "plain\ntext ä");
        assert_eq!(printable("\u{1b}[2Jgone\r"), "\\u{1b}[2Jgone\\u{d}");
        assert_eq!(printable("a\u{202e}b\u{9b}c"), "a\\u{202e}b\\u{9b}c");
        assert_eq!(printable_line("x\nerror[fake]: y"), "x\\u{a}error[fake]: y");
        assert_eq!(printable_message("x\nerror[fake]: y"), "x\n  error[fake]: y");
    }

    #[test]
    fn json_stays_the_same_json() {
        let json = serde_json::json!({ "text": "a\u{202e}b\u{9b}c\u{feff}ä\n" }).to_string();
        let shown = printable_json(&json);
        assert_eq!(shown, r#"{"text":"a\u202eb\u009bc\ufeffä\n"}"#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).ok(), serde_json::from_str(&json).ok());
    }
}
