//! The lines of a log file, gzipped or plain, through buffers of a fixed size.
//!
//! A file is read once, in order. What is gzipped shows by its first two bytes, not by its name; a gzip file may have
//! several members, as concatenated logs do. A line longer than [`LONGEST_LINE`] is told as such and never held. Memory
//! does not depend on the file.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use memchr::memchr_iter;
use sha2::{Digest, Sha256};

/// The longest line that is looked at, in bytes without its line break. Eight times the longest request that common
/// servers accept.
pub const LONGEST_LINE: usize = 64 * 1024;

/// Large enough that a read from the host costs little beside the bytes it brings; must exceed [`LONGEST_LINE`].
const BUFFER_BYTES: usize = 256 * 1024;
const _: () = assert!(BUFFER_BYTES > LONGEST_LINE);

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A line of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawLine<'a> {
    /// Its bytes, without the line feed.
    Whole(&'a [u8]),
    /// More than [`LONGEST_LINE`] bytes.
    TooLong,
}

/// Where a file could not be read any further.
#[derive(Debug)]
pub struct Stopped {
    /// Stored bytes read before.
    pub at: u64,
    /// Why.
    pub cause: io::Error,
}

/// SHA-256 of a file's bytes as they are stored.
pub type FileDigest = [u8; 32];

/// Room for a part of a file, longer than any line that is looked at; one serves all files of a run.
#[derive(Debug)]
pub struct LineBuffer(Vec<u8>);

impl Default for LineBuffer {
    fn default() -> Self {
        Self(vec![0; BUFFER_BYTES])
    }
}

/// Tells each line of the file at `path`, and the number of stored bytes of each read. Returns the digest if it was asked
/// for.
///
/// # Errors
///
/// Where the file ends inside a gzip member, is damaged, or cannot be read. The lines before have been told.
pub fn read_log(
    path: &Path,
    with_digest: bool,
    buffer: &mut LineBuffer,
    on_read: &mut dyn FnMut(u64),
    each: impl FnMut(RawLine<'_>),
) -> Result<Option<FileDigest>, Stopped> {
    let unopened = |cause| Stopped { at: 0, cause };
    let mut file = File::open(path).map_err(unopened)?;
    let gzipped = begins_with_magic(&mut file).map_err(unopened)?;
    let digest = with_digest.then(Sha256::new);
    let mut stored = Stored { file, read: 0, digest, on_read };
    if gzipped {
        // As much as the line buffer, so that a gzipped file costs the host no more calls than a plain one.
        let mut decoder = MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, stored));
        let end = each_line(&mut decoder, buffer, each);
        let source = decoder.into_inner();
        let unused = source.buffer().len();
        stored = source.into_inner();
        end.map_err(|cause| Stopped { at: stored.read.saturating_sub(unused as u64), cause })?;
    } else {
        each_line(&mut stored, buffer, each).map_err(|cause| Stopped { at: stored.read, cause })?;
    }
    Ok(stored.digest.map(|digest| digest.finalize().into()))
}

/// Tells each line that `source` brings; the last one needs no line break.
///
/// # Errors
///
/// The first one of `source`. A line that it cuts short is not told.
pub fn each_line(
    source: &mut impl Read,
    LineBuffer(buffer): &mut LineBuffer,
    mut each: impl FnMut(RawLine<'_>),
) -> io::Result<()> {
    let mut unfinished = 0;
    let mut skipping = false;
    loop {
        let read = match source.read(&mut buffer[unfinished..]) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let filled = unfinished + read;
        let mut start = 0;
        for offset in memchr_iter(b'\n', &buffer[unfinished..filled]) {
            let end = unfinished + offset;
            if skipping {
                skipping = false;
            } else {
                each(raw_line(&buffer[start..end]));
            }
            start = end + 1;
        }
        if !skipping && filled - start > LONGEST_LINE {
            each(RawLine::TooLong);
            skipping = true;
        }
        if skipping {
            unfinished = 0;
        } else {
            buffer.copy_within(start..filled, 0);
            unfinished = filled - start;
        }
    }
    if unfinished > 0 {
        each(raw_line(&buffer[..unfinished]));
    }
    Ok(())
}

#[inline]
fn raw_line(line: &[u8]) -> RawLine<'_> {
    if line.len() > LONGEST_LINE { RawLine::TooLong } else { RawLine::Whole(line) }
}

fn begins_with_magic(file: &mut File) -> io::Result<bool> {
    let mut magic = Vec::with_capacity(GZIP_MAGIC.len());
    file.by_ref().take(GZIP_MAGIC.len() as u64).read_to_end(&mut magic)?;
    file.rewind()?;
    Ok(magic == GZIP_MAGIC)
}

/// A file as it is stored, watched while it is read.
struct Stored<'a> {
    file: File,
    read: u64,
    digest: Option<Sha256>,
    on_read: &'a mut dyn FnMut(u64),
}

impl Read for Stored<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        if let Some(digest) = &mut self.digest {
            digest.update(&buffer[..read]);
        }
        self.read += read as u64;
        (self.on_read)(read as u64);
        Ok(read)
    }
}
