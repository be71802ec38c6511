//! Joins a recorded HLS stream into one checked file with an index.
//!
//! A run reads the media playlist that the payload names ([`playlist`]), finds its segments in the mount `recordings`
//! ([`place`]), and copies them, in order and unchanged, into one MPEG transport stream in the mount `archive`
//! (`recording`), with an index of what lies where beside it. `2015/launch/index.m3u8` becomes `2015/launch/index.ts` and
//! `2015/launch/index.json`. What is archived was checked: whole packets, a sync byte at the head of each, no segment
//! missing or doubled. Discontinuities stay in the stream as they are; the index has their places.
//!
//! A recording is archived once it is over, that is when its playlist has `#EXT-X-ENDLIST`: what is archived does not
//! change, and a part would look like the whole. Until then the job asks to be tried again: after the target duration if
//! a segment is missing, within which an encoder must write one; after ten of them if all are there. An encoder that died
//! never says that it ended; its playlist gets `#EXT-X-ENDLIST` from whoever looks after it, or the task runs out of
//! attempts.
//!
//! Memory grows with the number of segments ([`playlist::SEGMENTS_MAX`]), never with their size.

pub mod place;
pub mod playlist;
mod recording;
mod segments;

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

use mainworker::{Context, Failure, Task};
use mainworker_models::{ArchiveStreamPayload, ArchiveStreamReport};

use place::PlaylistPlace;
use playlist::Playlist;
use recording::Recording;
use segments::Found;

const RECORDINGS: &str = "/recordings";
const ARCHIVE: &str = "/archive";

/// Where nothing is missing but the end there is no hurry, and attempts are not to run out before it.
const TARGET_DURATIONS_TO_END: u32 = 10;

/// The job: reads the mount `recordings`, writes to the mount `archive`.
///
/// # Errors
///
/// Those of [`archive`].
#[mainworker::job]
pub fn run(task: &Task, payload: ArchiveStreamPayload) -> Result<ArchiveStreamReport, Failure> {
    archive(Path::new(RECORDINGS), Path::new(ARCHIVE), &payload, &task.id, &mut |percent, file| {
        mainworker::progress::report(percent, file);
    })
}

/// Archives the recording under `recordings` that `payload` names, unless `archive` already has it with the same bytes.
///
/// `task_id` only keeps two tasks apart that write the same recording at the same time. `progress` is told the percentage
/// of bytes read, and the segment, whenever the whole percentage changes.
///
/// # Errors
///
/// Rejected if the recording can never be archived: it is over, and its playlist or a segment is not what is expected.
/// To be tried again later while it is not over. Failed if a later attempt may work: there is no such playlist, or a file
/// cannot be read or written.
pub fn archive(
    recordings: &Path,
    archive: &Path,
    payload: &ArchiveStreamPayload,
    task_id: &str,
    progress: &mut dyn FnMut(u8, &str),
) -> Result<ArchiveStreamReport, Failure> {
    let place = PlaylistPlace::new(&payload.playlist)?;
    let text = read_playlist(recordings, &payload.playlist)?;
    let doing = || format!("reading the playlist `{}`", payload.playlist);
    let playlist = Playlist::parse(&text).with_context(doing)?;
    let files = place.segment_files(&playlist).with_context(doing)?;
    let segments = match segments::find(recordings, files, &playlist)? {
        Found::All(segments) => segments,
        Found::Missing(file) if playlist.ended => {
            let message = format!("the segment `{file}` is missing, and the recording is over");
            return Err(Failure::rejected(message));
        }
        Found::Missing(file) => {
            let message = format!("the segment `{file}` is not there yet; the recording goes on");
            return Err(Failure::retry_after(playlist.target_duration, message));
        }
    };
    if !playlist.ended {
        let message = format!(
            "`{}` has {} segments so far and no `#EXT-X-ENDLIST`: the recording goes on",
            payload.playlist,
            segments.len()
        );
        let after = playlist.target_duration.saturating_mul(TARGET_DURATIONS_TO_END);
        return Err(Failure::retry_after(after, message));
    }
    Recording { place: &place, playlist: &playlist, segments }.keep(recordings, archive, task_id, progress)
}

fn read_playlist(recordings: &Path, name: &str) -> Result<Vec<u8>, Failure> {
    let doing = || format!("reading the playlist `{name}`");
    let path = recordings.join(name);
    // Looked at before it is opened: to open a pipe would be to wait for whoever writes to it.
    match fs::metadata(&path) {
        Ok(found) if found.is_file() => {}
        Ok(_) => return Err(Failure::failed(format!("{}: it is no plain file", doing()))),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Failure::failed(format!("no playlist `{name}` in the mount `recordings`")));
        }
        Err(error) => return Err(error).with_context(doing),
    }
    let mut text = Vec::new();
    let file = File::open(path).with_context(doing)?;
    // One byte more than allowed, so that a longer one shows.
    file.take(playlist::BYTES_MAX + 1).read_to_end(&mut text).with_context(doing)?;
    if text.len() as u64 > playlist::BYTES_MAX {
        return Err(Failure::rejected(format!(
            "the playlist `{name}` has more than {} bytes, the most that is read",
            playlist::BYTES_MAX
        )));
    }
    Ok(text)
}
