//! One log file, from its bytes to its totals.

use std::fmt::Write;

use mainworker::{Failure, log};
use mainworker_models::{FileReport, LogFormat};

use crate::files::LogFile;
use crate::formats::LineParser;
use crate::progress::Progress;
use crate::reader::{self, FileDigest, LineBuffer, RawLine};
use crate::tally::{FileTally, StreamOwners};

/// What one file adds up to.
pub(crate) struct Counted<'a> {
    pub(crate) tally: FileTally<'a>,
    format: LogFormat,
    digest: Option<FileDigest>,
}

/// Reads all of `file`.
pub(crate) fn count<'a>(
    file: &LogFile,
    format: LogFormat,
    owners: &'a StreamOwners,
    with_digest: bool,
    buffer: &mut LineBuffer,
    progress: &mut Progress<'_>,
) -> Result<Counted<'a>, Failure> {
    let mut parser = LineParser::new(format);
    let mut tally = FileTally::new(owners);
    let mut on_read = |bytes| progress.advance(bytes, &file.name);
    let read = reader::read_log(&file.path, with_digest, buffer, &mut on_read, |line| match line {
        RawLine::Whole(line) => tally.add(parser.parse(line)),
        RawLine::TooLong => tally.add_too_long(),
    });
    let digest = read.map_err(|stopped| {
        log::warn!("log_file_stopped file={} lines={} at_byte={}", file.name, tally.lines(), stopped.at);
        Failure::failed(format!(
            "reading log file `{}`: stopped at byte {} of {} stored, after {} lines: {}",
            file.name,
            stopped.at,
            file.size,
            tally.lines(),
            stopped.cause
        ))
    })?;
    let format = parser.format();
    log::info!(
        "log_file_counted file={} format={} lines={} broken={} bytes={}",
        file.name,
        format.name(),
        tally.lines(),
        tally.broken(),
        tally.bytes()
    );
    Ok(Counted { tally, format, digest })
}

impl Counted<'_> {
    /// The report to keep for the file, whose digest was asked for.
    pub(crate) fn report(&self, file: &str) -> FileReport {
        FileReport {
            digest: hexadecimal(&self.digest.unwrap_or_default()),
            file: file.to_owned(),
            format: self.format,
            lines: self.tally.lines(),
            broken: self.tally.broken(),
            bytes: self.tally.bytes(),
            months: self.tally.months(),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
