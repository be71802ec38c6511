//! One line of a log file, in each format.
//!
//! A parser looks at the bytes of one line, without its line break, and says what the line is worth. It allocates
//! nothing, keeps nothing but the columns that the last header named, and no bytes make it panic. Lines come from
//! [`crate::reader`]; what is billed goes to [`crate::tally`].

pub mod cloudfront;
mod columns;
pub mod combined;
mod detect;
pub mod fms;
mod month;
mod number;
pub mod wpc;

use mainworker_models::{LogFormat, Month};

/// What one line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// Describes the lines after it; not counted as a line.
    Header,
    /// Whole, but its format says that it costs nothing.
    Unbilled,
    /// A part that is needed is missing or cannot be read.
    Broken,
    /// Counts.
    Billed(Billed<'a>),
}

/// What a billed line adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Billed<'a> {
    /// The stream's name as written.
    pub stream: &'a [u8],
    /// Bytes served.
    pub bytes: u64,
    /// How long the viewer was connected, where the log says so.
    pub milliseconds: Option<u64>,
    /// The month in UTC; `None` where the header names no date.
    pub month: Option<Month>,
}

/// Shown where a format has no name for the stream.
pub const NO_STREAM: &[u8] = b"-";

/// Reads the lines of one file, in the format that it was told or that the file's first lines show.
#[derive(Debug)]
pub struct LineParser(State);

#[derive(Debug)]
enum State {
    Undecided,
    Combined,
    Cloudfront(cloudfront::Parser),
    Fms(fms::Parser),
    Wpc(wpc::Parser),
}

impl LineParser {
    /// A parser for one file in `format`.
    pub fn new(format: LogFormat) -> Self {
        Self(match format {
            LogFormat::Auto => State::Undecided,
            LogFormat::Combined => State::Combined,
            LogFormat::Cloudfront => State::Cloudfront(cloudfront::Parser::default()),
            LogFormat::EdgecastFms => State::Fms(fms::Parser::default()),
            LogFormat::EdgecastWpc => State::Wpc(wpc::Parser::default()),
        })
    }

    /// The format of the lines so far. A file that never showed one has no billed line either: `combined`.
    pub fn format(&self) -> LogFormat {
        match self.0 {
            State::Undecided | State::Combined => LogFormat::Combined,
            State::Cloudfront(_) => LogFormat::Cloudfront,
            State::Fms(_) => LogFormat::EdgecastFms,
            State::Wpc(_) => LogFormat::EdgecastWpc,
        }
    }

    /// What `line` is. A carriage return before the line break is not part of the line.
    #[inline]
    pub fn parse<'a>(&mut self, line: &'a [u8]) -> Line<'a> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match &mut self.0 {
            State::Combined => combined::parse(line),
            State::Cloudfront(parser) => parser.parse(line),
            State::Fms(parser) => parser.parse(line),
            State::Wpc(parser) => parser.parse(line),
            State::Undecided => self.parse_undecided(line),
        }
    }

    /// Decides once: a file whose format changed in its middle would be two files.
    #[cold]
    fn parse_undecided<'a>(&mut self, line: &'a [u8]) -> Line<'a> {
        match detect::format_of(line) {
            Some(format) => {
                *self = Self::new(format);
                self.parse(line)
            }
            None => Line::Header,
        }
    }
}
