//! The log: what a job logs through `wasi:logging` and prints to stdout and stderr, as lines.
//!
//! Lines are masked before anything else sees them, then kept up to the limits; further ones are counted and the attempt
//! goes on. The last lines are remembered beyond the limits, since a job that floods its log and then panics should
//! still say why.

use super::OfState;
use super::masking::Masker;
use crate::bindings::wasi::logging::logging;
use crate::listener::Listener;
use crate::state::State;
use bytes::Bytes;
use mainworker_domain::event::{Level, LogLine, Said};
use mainworker_domain::limits::{Limit, Limits, TEXT_BYTES_MAX};
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::io::AsyncWrite;
use wasmtime::component::Linker;
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream, WasiCli, WasiCliView};
use wasmtime_wasi::p2::bindings::cli;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// Lines remembered for a trap's report.
const LAST_LINES: usize = 20;

/// What is cut off a line is replaced by this.
const CUT: &str = "… (cut)";

/// The log of one attempt. Shared by the attempt, its output streams and whoever reports on it afterwards.
#[derive(Debug)]
pub struct Log {
    started: Instant,
    masker: Arc<Masker>,
    listener: Option<Arc<dyn Listener>>,
    bytes_max: usize,
    lines_max: usize,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    lines: Vec<LogLine>,
    bytes: usize,
    dropped: u64,
    last: VecDeque<LogLine>,
}

/// What is left of a log when its attempt is over.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) lines: Vec<LogLine>,
    pub(crate) bytes: u64,
    pub(crate) dropped: u64,
    pub(crate) last: Vec<LogLine>,
}

impl Log {
    pub(crate) fn new(masker: Arc<Masker>, limits: &Limits, listener: Option<Arc<dyn Listener>>) -> Self {
        Self {
            started: Instant::now(),
            masker,
            listener,
            bytes_max: limits.get_usize(Limit::Log),
            lines_max: limits.get_usize(Limit::LogLines),
            book: Mutex::default(),
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // A panic while the book was open left a whole line out at the most.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a text, one log line for each of its lines.
    pub(crate) fn write(&self, level: Level, context: &str, message: &str) {
        if self.lines_max == 0 {
            return;
        }
        // Masked as a whole first: a secret may have several lines.
        let masked = self.masker.mask(message);
        let context = cut(&self.masker.mask(context));
        let mut rest = &*masked;
        while !rest.is_empty() {
            let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
            rest = after;
            if !self.add(level, &context, cut(line.strip_suffix('\r').unwrap_or(line))) {
                break;
            }
        }
        self.drop_rest(level, &context, rest);
    }

    /// Counts the lines of a text whose earlier lines filled the log, and remembers the last ones. One call may bring
    /// millions of lines, and nothing can interrupt it here.
    fn drop_rest(&self, level: Level, context: &str, rest: &str) {
        if rest.is_empty() {
            return;
        }
        let lines = rest.bytes().filter(|&byte| byte == b'\n').count() + usize::from(!rest.ends_with('\n'));
        let last: Vec<&str> = rest.lines().rev().take(LAST_LINES).collect();
        self.book().dropped += (lines - last.len()) as u64;
        for line in last.into_iter().rev() {
            self.add(level, context, cut(line));
        }
    }

    /// Adds one line; whether it was kept.
    fn add(&self, level: Level, context: &str, message: String) -> bool {
        let at_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let line = LogLine { at_ms, level, context: context.to_owned(), message };
        let bytes = line.context.len() + line.message.len();
        let mut book = self.book();
        if book.last.len() == LAST_LINES {
            book.last.pop_front();
        }
        book.last.push_back(line.clone());
        if book.lines.len() >= self.lines_max || book.bytes + bytes > self.bytes_max {
            book.dropped += 1;
            return false;
        }
        book.bytes += bytes;
        book.lines.push(line.clone());
        drop(book);
        if let Some(listener) = &self.listener {
            listener.hear(Said::Line(line));
        }
        true
    }

    pub(crate) fn close(&self) -> Closed {
        let book = std::mem::take(&mut *self.book());
        Closed { lines: book.lines, bytes: book.bytes as u64, dropped: book.dropped, last: book.last.into() }
    }
}

/// `text` within the limit for one text, cut at a character.
pub(crate) fn cut(text: &str) -> String {
    if text.len() <= TEXT_BYTES_MAX {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(TEXT_BYTES_MAX - CUT.len());
    format!("{}{CUT}", &text[..end])
}

pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    logging::add_to_linker::<State, OfState>(linker, |state| state)?;
    cli::stdout::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::stderr::add_to_linker::<State, WasiCli>(linker, State::cli)
}

/// Sends an attempt's stdout and stderr to its log.
pub(crate) fn build(wasi: &mut WasiCtxBuilder, log: &Arc<Log>) {
    wasi.stdout(Printed::new("stdout", log));
    wasi.stderr(Printed::new("stderr", log));
}

impl logging::Host for State {
    fn log(&mut self, level: logging::Level, context: String, message: String) -> wasmtime::Result<()> {
        let level = match level {
            logging::Level::Trace => Level::Trace,
            logging::Level::Debug => Level::Debug,
            logging::Level::Info => Level::Info,
            logging::Level::Warn => Level::Warn,
            logging::Level::Error => Level::Error,
            logging::Level::Critical => Level::Critical,
        };
        self.log.write(level, &context, &message);
        Ok(())
    }
}

/// stdout or stderr of one attempt: bytes in, lines out. All streams that a guest opens on it share the unfinished line.
#[derive(Clone, Debug)]
struct Printed {
    log: Arc<Log>,
    unfinished: Arc<Mutex<Unfinished>>,
}

#[derive(Debug)]
struct Unfinished {
    context: &'static str,
    log: Arc<Log>,
    bytes: Vec<u8>,
}

impl Printed {
    fn new(context: &'static str, log: &Arc<Log>) -> Self {
        let unfinished = Unfinished { context, log: Arc::clone(log), bytes: Vec::new() };
        Self { log: Arc::clone(log), unfinished: Arc::new(Mutex::new(unfinished)) }
    }

    fn print(&self, bytes: &[u8]) {
        let mut unfinished = self.unfinished.lock().unwrap_or_else(PoisonError::into_inner);
        // Long enough that a secret which begins within the part of a line that is kept is there whole to be masked, and
        // that a line which is longer is seen to be.
        let kept_max = TEXT_BYTES_MAX + self.log.masker.longest_bytes() + 1;
        for (index, part) in bytes.split(|&byte| byte == b'\n').enumerate() {
            if index > 0 {
                unfinished.finish();
            }
            let room = kept_max.saturating_sub(unfinished.bytes.len());
            unfinished.bytes.extend_from_slice(&part[..part.len().min(room)]);
        }
    }
}

impl Unfinished {
    fn finish(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let line = String::from_utf8_lossy(bytes.strip_suffix(b"\r").unwrap_or(&bytes)).into_owned();
        if line.is_empty() {
            return;
        }
        self.log.write(Level::Info, self.context, &line);
    }
}

/// The last line may have no end. Streams are dropped with the store, before the log is closed.
impl Drop for Unfinished {
    fn drop(&mut self) {
        self.finish();
    }
}

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printed {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Printed {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.print(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        // What one write may carry; the log takes any number of them.
        Ok(64 << 10)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Printed {
    async fn ready(&mut self) {}
}

impl AsyncWrite for Printed {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.print(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainworker_domain::configuration::GrantedValue;
    use secrecy::SecretString;

    fn log(limits: &Limits, secret: Option<&str>) -> Arc<Log> {
        let granted = secret.map(|secret| {
            let value = SecretString::from(secret);
            ("k".to_owned(), GrantedValue { value, secret: true, placeholder: false, of_host: true })
        });
        let masker = Arc::new(Masker::new(&granted.into_iter().collect()));
        Arc::new(Log::new(masker, limits, None))
    }

    fn messages(log: &Log) -> Vec<String> {
        log.close().lines.into_iter().map(|line| line.message).collect()
    }

    #[test]
    fn printed_bytes_become_lines_however_they_are_split() {
        let log = log(&Limits::default(), None);
        let printed = Printed::new("stdout", &log);
        for part in ["on", "e\r\ntw", "o\n\nthree"] {
            printed.print(part.as_bytes());
        }
        drop(printed);
        assert_eq!(messages(&log), ["one", "two", "three"]);
    }

    #[test]
    fn a_secret_printed_in_pieces_or_at_the_cut_is_masked() {
        let secret = "canary-0123456789";
        let log = log(&Limits::default(), Some(secret));
        let printed = Printed::new("stdout", &log);
        for part in ["a canary-01", "23456789 b\n"] {
            printed.print(part.as_bytes());
        }
        printed.print(format!("{}{secret}{}\n", "x".repeat(TEXT_BYTES_MAX - 3), "y".repeat(100)).as_bytes());
        drop(printed);
        let lines = messages(&log);
        assert_eq!(lines[0], "a *** b");
        assert!(lines[1].ends_with(CUT) && !lines[1].contains("can"), "{}", &lines[1][TEXT_BYTES_MAX - 40..]);
    }

    #[test]
    fn beyond_the_limits_lines_are_counted_and_the_last_ones_remembered() {
        let limits = Limits::default().with(Limit::LogLines, 10);
        let log = log(&limits, None);
        for n in 0..100 {
            log.write(Level::Info, "", &format!("line {n}"));
        }
        let closed = log.close();
        assert_eq!((closed.lines.len(), closed.dropped), (10, 90));
        assert_eq!(closed.last.last().map(|line| line.message.as_str()), Some("line 99"));
    }
}
