//! The segments' files: whether they are all there, and their bytes, checked while they are read.
//!
//! A segment is whole transport stream packets (ISO/IEC 13818-1): 188 bytes each, of which the first is the sync byte.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::ops::ControlFlow;
use std::path::Path;

use mainworker::{Context, Failure};
use mainworker_models::{ArchivedSegment, Seconds};
use sha2::{Digest, Sha256};

use crate::playlist::{Playlist, PlaylistSegment};

/// Bytes of a transport stream packet.
pub(crate) const PACKET_BYTES: u64 = 188;

/// The first byte of a packet.
const SYNC_BYTE: u8 = 0x47;

/// Whole packets, as many as fit into 256 KiB: as much as the host reads ahead.
const BUFFER_BYTES: usize = 188 * 1_394;

/// A segment that is there.
pub(crate) struct Segment<'a> {
    /// Relative to the mount `recordings`.
    pub(crate) file: String,
    pub(crate) bytes: u64,
    pub(crate) said: PlaylistSegment<'a>,
}

/// What of a playlist's segments is there.
pub(crate) enum Found<'a> {
    All(Vec<Segment<'a>>),
    /// The file of the first one that is not.
    Missing(String),
}

/// Looks for the file of each of the playlist's segments in the mount `recordings`.
///
/// # Errors
///
/// Failed if the mount cannot be looked into; rejected if something else than a file has a segment's name.
pub(crate) fn find<'a>(
    recordings: &Path,
    files: Vec<String>,
    playlist: &Playlist<'a>,
) -> Result<Found<'a>, Failure> {
    let mut segments = Vec::with_capacity(files.len());
    for (file, said) in files.into_iter().zip(&playlist.segments) {
        match fs::metadata(recordings.join(&file)) {
            Ok(found) if found.is_file() => segments.push(Segment { file, bytes: found.len(), said: *said }),
            Ok(_) => return Err(Failure::rejected(format!("the segment `{file}` is no plain file"))),
            Err(error) if cannot_exist(&error) => return Ok(Found::Missing(file)),
            Err(error) => return Err(error).with_context(|| format!("looking for the segment `{file}`")),
        }
    }
    Ok(Found::All(segments))
}

fn cannot_exist(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename)
}

impl Segment<'_> {
    /// What can be told from the size alone, before anything is read.
    ///
    /// # Errors
    ///
    /// Rejected if it is not whole packets.
    pub(crate) fn check_size(&self) -> Result<(), Failure> {
        let found = match self.bytes {
            0 => "is empty".to_owned(),
            bytes if !bytes.is_multiple_of(PACKET_BYTES) => format!("has {bytes} bytes"),
            _ => return Ok(()),
        };
        let expected = format!("expected whole transport stream packets of {PACKET_BYTES} bytes");
        Err(Failure::rejected(format!("the segment `{}` {found}; {expected}", self.file)))
    }
}

/// Is told the bytes that are read, and says whether to go on.
pub(crate) type Each<'a> = dyn FnMut(&[u8]) -> Result<ControlFlow<()>, Failure> + 'a;

/// Reads segments through one buffer, one after the other.
pub(crate) struct SegmentReader<'a> {
    recordings: &'a Path,
    buffer: Vec<u8>,
}

impl<'a> SegmentReader<'a> {
    pub(crate) fn new(recordings: &'a Path) -> Self {
        Self { recordings, buffer: vec![0; BUFFER_BYTES] }
    }

    /// Checks all of `segment`, which begins at `offset` in the recording, and tells its bytes, whole packets at a time.
    /// `None` if `each` asked to stop.
    ///
    /// # Errors
    ///
    /// Rejected if a packet does not begin with a sync byte; failed if the file cannot be read, or changes meanwhile.
    pub(crate) fn read(
        &mut self,
        segment: &Segment<'_>,
        offset: u64,
        each: &mut Each<'_>,
    ) -> Result<Option<ArchivedSegment>, Failure> {
        let doing = || format!("reading the segment `{}`", segment.file);
        let mut file = File::open(self.recordings.join(&segment.file)).with_context(doing)?;
        let mut digest = Sha256::new();
        let mut read = 0;
        loop {
            let filled = fill(&mut file, &mut self.buffer).with_context(doing)?;
            let bytes = &self.buffer[..filled];
            read += bytes.len() as u64;
            if bytes.is_empty() || read > segment.bytes {
                break;
            }
            if let Some(packet) = bytes.chunks(188).position(|packet| packet[0] != SYNC_BYTE) {
                let at = packet * 188;
                let position = read - bytes.len() as u64 + at as u64;
                return Err(Failure::rejected(format!(
                    "the segment `{}` has 0x{:02x} at byte {position}; expected the sync byte 0x{SYNC_BYTE:02x} of a packet",
                    segment.file, bytes[at]
                )));
            }
            digest.update(bytes);
            if each(bytes)?.is_break() {
                return Ok(None);
            }
        }
        if read != segment.bytes {
            return Err(Failure::failed(format!(
                "the segment `{}` changed while it was read: it had {} bytes, now others",
                segment.file, segment.bytes
            )));
        }
        Ok(Some(ArchivedSegment {
            file: segment.file.clone(),
            offset,
            bytes: segment.bytes,
            seconds: Seconds::from_millis(segment.said.milliseconds),
            discontinuity: segment.said.discontinuity,
            digest: digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
        }))
    }
}

/// Fills `buffer` as far as the file goes.
pub(crate) fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
