//! One recording in the mount `archive`: the stream, and the index of what lies where in it.
//!
//! Both appear whole or not at all. An index always describes the stream beside it: before another stream takes a name,
//! the index of the old one goes. A recording that is there already, byte for byte, is read and left alone, so that a run
//! that is repeated, or killed and tried again, changes nothing.

use std::fs::{self, File, Metadata};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use mainworker::{Context, Failure, log};
use mainworker_models::{ArchiveIndex, ArchiveStreamReport, ArchivedSegment, Seconds};
use whole_files::{WholeFile, reason, remove_aside, remove_if_there};

use crate::place::PlaylistPlace;
use crate::playlist::Playlist;
use crate::segments::{Each, PACKET_BYTES, Segment, SegmentReader, fill};

/// A recording that is over, with all its segments.
pub(crate) struct Recording<'a> {
    pub(crate) place: &'a PlaylistPlace,
    pub(crate) playlist: &'a Playlist<'a>,
    pub(crate) segments: Vec<Segment<'a>>,
}

impl Recording<'_> {
    /// Archives it, unless it is there already.
    ///
    /// # Errors
    ///
    /// Rejected if its bytes are not what is expected; failed if a file cannot be read or written.
    pub(crate) fn keep(
        &self,
        recordings: &Path,
        archive: &Path,
        task_id: &str,
        progress: &mut dyn FnMut(u8, &str),
    ) -> Result<ArchiveStreamReport, Failure> {
        self.segments.iter().try_for_each(Segment::check_size)?;
        let target = Target::new(archive, self.place, task_id);
        let bytes = self.segments.iter().map(|segment| segment.bytes).sum();
        let mut copy = Copy { recording: self, reader: SegmentReader::new(recordings), bytes, progress };
        let index = match copy.compare(&target)? {
            Some(index) => index,
            None => copy.write(&target)?,
        };
        target.keep_index(&index)?;
        Ok(ArchiveStreamReport {
            file: index.file,
            index: self.place.index(),
            bytes,
            packets: index.packets,
            segments: index.segments.len() as u64,
            discontinuities: index.discontinuity_offsets.len() as u64,
            seconds: index.seconds,
        })
    }

    fn index(&self, segments: Vec<ArchivedSegment>, bytes: u64) -> ArchiveIndex {
        let add = |sum: Seconds, segment: &ArchivedSegment| sum.saturating_add(segment.seconds);
        ArchiveIndex {
            playlist: self.place.path().to_owned(),
            file: self.place.recording(),
            bytes,
            packets: bytes / PACKET_BYTES,
            seconds: segments.iter().fold(Seconds::default(), add),
            media_sequence: self.playlist.media_sequence,
            discontinuity_sequence: self.playlist.discontinuity_sequence,
            discontinuity_offsets: segments
                .iter()
                .filter(|segment| segment.discontinuity)
                .map(|segment| segment.offset)
                .collect(),
            segments,
        }
    }
}

/// All segments, read in order for one of two reasons: to see whether they are archived, or to archive them.
struct Copy<'a> {
    recording: &'a Recording<'a>,
    reader: SegmentReader<'a>,
    bytes: u64,
    progress: &'a mut dyn FnMut(u8, &str),
}

impl Copy<'_> {
    /// The index of the recording, if the stream in the archive has its bytes already.
    fn compare(&mut self, target: &Target<'_>) -> Result<Option<ArchiveIndex>, Failure> {
        let Some(mut kept) = target.kept_stream(self.bytes) else { return Ok(None) };
        let mut buffer = Vec::new();
        let index = self.read(&mut |bytes| {
            buffer.resize(bytes.len(), 0);
            // What cannot be read is replaced.
            let same = fill(&mut kept, &mut buffer).is_ok_and(|filled| buffer[..filled] == *bytes);
            Ok(if same { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        if index.is_some() {
            log::info!("recording_unchanged file={} bytes={}", self.recording.place.recording(), self.bytes);
            remove_aside(&target.stream, target.task_id).with_context(|| target.writing(&target.stream))?;
        }
        Ok(index)
    }

    /// Writes the stream. Its index is not written yet.
    fn write(&mut self, target: &Target<'_>) -> Result<ArchiveIndex, Failure> {
        let failed = |error: io::Error| target.unwritten(&target.stream, &error);
        target.create_folder().map_err(failed)?;
        let mut file = WholeFile::create(&target.stream, target.task_id).map_err(failed)?;
        let index = self.read(&mut |bytes| {
            file.write_all(bytes).map_err(failed)?;
            Ok(ControlFlow::Continue(()))
        })?;
        let index = index.context("reading the segments stopped early")?;
        remove_if_there(&target.index).and_then(|()| file.keep()).map_err(failed)?;
        log::info!(
            "recording_archived file={} bytes={} segments={} discontinuities={}",
            index.file,
            index.bytes,
            index.segments.len(),
            index.discontinuity_offsets.len()
        );
        Ok(index)
    }

    /// Reads and checks all segments; `None` if `each` asked to stop.
    fn read(&mut self, each: &mut Each<'_>) -> Result<Option<ArchiveIndex>, Failure> {
        let mut shown = None;
        let mut archived: Vec<ArchivedSegment> = Vec::with_capacity(self.recording.segments.len());
        let mut offset = 0;
        for segment in &self.recording.segments {
            let percent = percent(offset, self.bytes);
            if shown.replace(percent) != Some(percent) {
                (self.progress)(percent, &segment.file);
            }
            let Some(read) = self.reader.read(segment, offset, each)? else { return Ok(None) };
            check_not_doubled(archived.last(), &read)?;
            offset += read.bytes;
            archived.push(read);
        }
        Ok(Some(self.recording.index(archived, offset)))
    }
}

fn percent(part: u64, all: u64) -> u8 {
    let percent = u128::from(part) * 100 / u128::from(all.max(1));
    u8::try_from(percent).unwrap_or(100)
}

/// The same bytes twice in a row are one segment under two names: a stream that goes on has other timestamps. Where it
/// begins anew it may repeat itself.
fn check_not_doubled(before: Option<&ArchivedSegment>, segment: &ArchivedSegment) -> Result<(), Failure> {
    match before {
        Some(before) if before.digest == segment.digest && !segment.discontinuity => {
            let (first, second) = (&before.file, &segment.file);
            let found =
                format!("the segment `{second}` has the same bytes as `{first}` before it: it is doubled");
            Err(Failure::rejected(found))
        }
        _ => Ok(()),
    }
}

/// Where a recording goes.
struct Target<'a> {
    archive: &'a Path,
    stream: PathBuf,
    index: PathBuf,
    task_id: &'a str,
}

impl<'a> Target<'a> {
    fn new(archive: &'a Path, place: &PlaylistPlace, task_id: &'a str) -> Self {
        let (stream, index) = (archive.join(place.recording()), archive.join(place.index()));
        Self { archive, stream, index, task_id }
    }

    fn create_folder(&self) -> io::Result<()> {
        self.stream.parent().map_or(Ok(()), fs::create_dir_all)
    }

    /// The stream that has its name already, if it is of the same length: any other needs no reading.
    fn kept_stream(&self, bytes: u64) -> Option<File> {
        open_if(&self.stream, |kept| kept.len() == bytes)
    }

    fn keep_index(&self, index: &ArchiveIndex) -> Result<(), Failure> {
        let failed = |error: io::Error| self.unwritten(&self.index, &error);
        if open_if(&self.index, |_| true).is_some_and(|kept| holds(kept, index)) {
            return remove_aside(&self.index, self.task_id).map_err(failed);
        }
        let write = || {
            let mut file = BufWriter::new(WholeFile::create(&self.index, self.task_id)?);
            write_index(&mut file, index)?;
            file.into_inner().map_err(io::IntoInnerError::into_error)?.keep()
        };
        write().map_err(failed)
    }

    fn writing(&self, path: &Path) -> String {
        let name = path.strip_prefix(self.archive).unwrap_or(path);
        format!("writing `{}` to the mount `archive`", name.display())
    }

    fn unwritten(&self, path: &Path, error: &io::Error) -> Failure {
        Failure::failed(format!("{}: {}", self.writing(path), reason(error)))
    }
}

/// Looks before it opens: to open a pipe would be to wait for whoever writes to it.
fn open_if(path: &Path, fits: impl FnOnce(&Metadata) -> bool) -> Option<File> {
    let found = fs::metadata(path).ok()?;
    if found.is_file() && fits(&found) { File::open(path).ok() } else { None }
}

fn write_index(to: &mut impl Write, index: &ArchiveIndex) -> io::Result<()> {
    serde_json::to_writer(&mut *to, index)?;
    to.write_all(b"\n")?;
    to.flush()
}

/// Whether a kept index is this one. An index can be large, so it is compared while it is written down.
fn holds(kept: File, index: &ArchiveIndex) -> bool {
    let mut comparison = Comparison { kept: BufReader::new(kept), buffer: Vec::new() };
    write_index(&mut comparison, index).is_ok() && comparison.kept.read(&mut [0]).is_ok_and(|more| more == 0)
}

/// Takes the bytes that a file has, and fails at the first that it has not.
struct Comparison {
    kept: BufReader<File>,
    buffer: Vec<u8>,
}

impl Write for Comparison {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.resize(bytes.len(), 0);
        self.kept.read_exact(&mut self.buffer)?;
        if self.buffer == bytes { Ok(bytes.len()) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
