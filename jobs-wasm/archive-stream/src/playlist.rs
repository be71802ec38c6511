//! An HLS media playlist (RFC 8216), as far as it says what a recording is made of.
//!
//! Whatever names bytes in another way than one file per segment (byte ranges, encryption, initialisation sections, gaps)
//! is refused by name: leaving it out would archive something else than was recorded. Other tags are read over, as the RFC
//! asks. Nothing here touches a file.

use std::time::Duration;

use mainworker::Failure;

/// Bytes of a playlist that is read. A hundred and sixty for each of [`SEGMENTS_MAX`].
pub const BYTES_MAX: u64 = 32 << 20;

/// Segments of a recording: eleven days of segments of five seconds.
pub const SEGMENTS_MAX: usize = 200_000;

/// The versions that RFC 8216 describes. Later ones may change what a line means.
const VERSION_MAX: u64 = 7;

/// Where a playlist does not say how long to wait yet: the target duration that the RFC's authors recommend.
const TARGET_DURATION_UNSAID: Duration = Duration::from_secs(10);

/// An encoder that writes a segment less often than this has made a mistake; a task need not wait longer for it.
const TARGET_DURATION_MAX: Duration = Duration::from_secs(3_600);

/// No segment plays longer. Its milliseconds, [`SEGMENTS_MAX`] times, fit into any number.
const SEGMENT_SECONDS_MAX: u64 = 1_000_000;

/// Tags whose segments are not whole files of their own, each with what it stands for.
const UNSUPPORTED: [(&str, &str); 7] = [
    ("EXT-X-BYTERANGE", "segments that are parts of files"),
    ("EXT-X-DEFINE", "variables in the playlist"),
    ("EXT-X-GAP", "segments that were never recorded"),
    ("EXT-X-I-FRAMES-ONLY", "segments that are parts of files"),
    ("EXT-X-KEY", "encrypted segments"),
    ("EXT-X-MAP", "segments that need an initialisation section"),
    ("EXT-X-SKIP", "a playlist that leaves out segments"),
];

/// Tags that only a master playlist has.
const MASTER: [&str; 5] = [
    "EXT-X-I-FRAME-STREAM-INF",
    "EXT-X-MEDIA",
    "EXT-X-SESSION-DATA",
    "EXT-X-SESSION-KEY",
    "EXT-X-STREAM-INF",
];

/// What a media playlist says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Playlist<'a> {
    /// Whether it is complete: nothing will be added to the recording.
    pub ended: bool,
    /// No segment is longer, rounded to whole seconds.
    pub target_duration: Duration,
    /// The number of the first segment in its stream.
    pub media_sequence: u64,
    /// Discontinuities of the stream before the first segment.
    pub discontinuity_sequence: u64,
    /// The segments, in the order in which they play.
    pub segments: Vec<PlaylistSegment<'a>>,
}

/// One segment, as the playlist names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaylistSegment<'a> {
    /// Its URI as written.
    pub uri: &'a str,
    /// The line that it stands in, counted from 1.
    pub line: usize,
    /// How long it plays.
    pub milliseconds: u64,
    /// Whether the stream begins anew with it.
    pub discontinuity: bool,
}

impl<'a> Playlist<'a> {
    /// Reads a playlist. An encoder may be writing it just now: as long as it has no `#EXT-X-ENDLIST`, a last line
    /// without a line end is not looked at.
    ///
    /// # Errors
    ///
    /// Rejected, naming the line, if it is no media playlist or needs what is not supported; to be tried again later if it
    /// has no segments yet.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Failure> {
        let ended = bytes.split(|&byte| byte == b'\n').any(|line| line.trim_ascii_end() == b"#EXT-X-ENDLIST");
        let written = match bytes.iter().rposition(|&byte| byte == b'\n') {
            _ if ended => bytes,
            Some(end) => &bytes[..=end],
            None => &[],
        };
        let mut reader = Reader::default();
        for (index, line) in checked_text(written)?.lines().enumerate() {
            reader.read(line, index + 1).map_err(|found| on_line(index, &found))?;
        }
        reader.playlist(ended)
    }
}

fn on_line(index: usize, found: &str) -> Failure {
    Failure::rejected(format!("line {}: {found}", index + 1))
}

fn checked_text(bytes: &[u8]) -> Result<&str, Failure> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Failure::rejected(format!("byte {} is not UTF-8, which every playlist is in", error.valid_up_to()))
    })?;
    if text.starts_with('\u{feff}') {
        return Err(Failure::rejected("it begins with a byte order mark; expected `#EXTM3U`"));
    }
    for (index, line) in text.lines().enumerate() {
        if let Some(c) = line.chars().find(|c| c.is_control() && *c != '\t') {
            let found = format!("the control character U+{:04X}; expected text", u32::from(c));
            return Err(on_line(index, &found));
        }
    }
    Ok(text)
}

/// What was read so far.
#[derive(Default)]
struct Reader<'a> {
    started: bool,
    version: Option<u64>,
    target_duration: Option<Duration>,
    media_sequence: Option<u64>,
    discontinuity_sequence: Option<u64>,
    segments: Vec<PlaylistSegment<'a>>,
    /// Said of the next segment.
    milliseconds: Option<u64>,
    discontinuity: bool,
}

impl<'a> Reader<'a> {
    fn read(&mut self, line: &'a str, number: usize) -> Result<(), String> {
        if !self.started {
            self.started = line.trim_end() == "#EXTM3U";
            let found = || format!("{}; expected `#EXTM3U`", shown(line));
            return self.started.then_some(()).ok_or_else(found);
        }
        match line.strip_prefix('#') {
            Some(tag) if tag.starts_with("EXT") => self.read_tag(tag.trim_end()),
            None if !line.trim().is_empty() => self.read_uri(line, number),
            // A comment, or an empty line.
            _ => Ok(()),
        }
    }

    fn read_uri(&mut self, uri: &'a str, line: usize) -> Result<(), String> {
        let Some(milliseconds) = self.milliseconds.take() else {
            return Err(format!("the segment {} without a line `#EXTINF` before it", shown(uri)));
        };
        if self.segments.len() == SEGMENTS_MAX {
            return Err(format!("a segment too many; expected at most {SEGMENTS_MAX}"));
        }
        let discontinuity = std::mem::take(&mut self.discontinuity);
        self.segments.push(PlaylistSegment { uri, line, milliseconds, discontinuity });
        Ok(())
    }

    fn read_tag(&mut self, tag: &str) -> Result<(), String> {
        let (name, value) = tag.split_once(':').unwrap_or((tag, ""));
        match name {
            "EXTM3U" => Err("a second `#EXTM3U`".to_owned()),
            "EXTINF" if self.milliseconds.is_some() => Err("a second `#EXTINF` for one segment".to_owned()),
            "EXTINF" => {
                self.milliseconds = Some(segment_milliseconds(value)?);
                Ok(())
            }
            "EXT-X-DISCONTINUITY" => {
                self.discontinuity = true;
                Ok(())
            }
            "EXT-X-VERSION" => {
                let version = whole(name, value)?;
                if !(1..=VERSION_MAX).contains(&version) {
                    return Err(format!("version {version}; expected 1 to {VERSION_MAX}"));
                }
                once(&mut self.version, name, version)
            }
            "EXT-X-TARGETDURATION" => {
                once(&mut self.target_duration, name, Duration::from_secs(whole(name, value)?))
            }
            "EXT-X-MEDIA-SEQUENCE" => {
                self.check_before_segments(name)?;
                once(&mut self.media_sequence, name, whole(name, value)?)
            }
            "EXT-X-DISCONTINUITY-SEQUENCE" => {
                self.check_before_segments(name)?;
                once(&mut self.discontinuity_sequence, name, whole(name, value)?)
            }
            "EXT-X-KEY" if value.split(',').any(|attribute| attribute.trim() == "METHOD=NONE") => Ok(()),
            _ if MASTER.contains(&name) => Err(format!(
                "`#{name}`, which makes it a master playlist; expected the media playlist of one stream"
            )),
            _ => match UNSUPPORTED.iter().find(|(unsupported, _)| *unsupported == name) {
                Some((_, meaning)) => Err(format!(
                    "`#{name}`: {meaning} are not supported; expected segments that are whole files as they are"
                )),
                None => Ok(()),
            },
        }
    }

    fn check_before_segments(&self, name: &str) -> Result<(), String> {
        if self.segments.is_empty() {
            return Ok(());
        }
        Err(format!("`#{name}` after a segment; expected it before the first one"))
    }

    fn playlist(self, ended: bool) -> Result<Playlist<'a>, Failure> {
        if ended && self.milliseconds.is_some() {
            return Err(Failure::rejected("its last `#EXTINF` has no segment, and it is complete"));
        }
        let (Some(target_duration), false) = (self.target_duration, self.segments.is_empty()) else {
            let found =
                if self.segments.is_empty() { "names no segment" } else { "has no `#EXT-X-TARGETDURATION`" };
            return Err(if ended || !self.segments.is_empty() {
                Failure::rejected(format!("it {found}"))
            } else {
                let after = self.target_duration.unwrap_or(TARGET_DURATION_UNSAID);
                Failure::retry_after(bounded(after), "it names no segment yet; the recording goes on")
            });
        };
        let media_sequence = self.media_sequence.unwrap_or(0);
        if media_sequence.checked_add(self.segments.len() as u64).is_none() {
            return Err(Failure::rejected("its `#EXT-X-MEDIA-SEQUENCE` leaves no numbers for its segments"));
        }
        Ok(Playlist {
            ended,
            target_duration: bounded(target_duration),
            media_sequence,
            discontinuity_sequence: self.discontinuity_sequence.unwrap_or(0),
            segments: self.segments,
        })
    }
}

fn bounded(target_duration: Duration) -> Duration {
    target_duration.clamp(Duration::from_secs(1), TARGET_DURATION_MAX)
}

fn once<T>(known: &mut Option<T>, name: &str, value: T) -> Result<(), String> {
    match known.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("a second `#{name}`")),
    }
}

fn whole(name: &str, value: &str) -> Result<u64, String> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    value
        .parse()
        .ok()
        .filter(|_| digits)
        .ok_or_else(|| format!("`#{name}` is {}; expected a whole number", shown(value)))
}

/// The milliseconds of `DURATION[,TITLE]`, where a duration is whole seconds or has decimals.
fn segment_milliseconds(value: &str) -> Result<u64, String> {
    let duration = value.split_once(',').map_or(value, |(duration, _)| duration).trim();
    let refused = || {
        format!(
            "`#EXTINF` is {}; expected seconds with or without decimals, at most {SEGMENT_SECONDS_MAX}",
            shown(duration)
        )
    };
    let (seconds, decimals) = duration.split_once('.').unwrap_or((duration, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(seconds) || !digits(decimals) {
        return Err(refused());
    }
    let seconds: u64 = seconds.parse().map_err(|_| refused())?;
    // Four decimals tell to which millisecond the rest is rounded.
    let tenths_of_a_millisecond: u64 = format!("{decimals:0<4}")[..4].parse().map_err(|_| refused())?;
    let milliseconds = (tenths_of_a_millisecond + 5) / 10;
    if seconds > SEGMENT_SECONDS_MAX {
        return Err(refused());
    }
    Ok(seconds * 1_000 + milliseconds)
}

/// A text from outside, in a message: its beginning, in backticks.
pub(crate) fn shown(text: &str) -> String {
    const CHARS_SHOWN: usize = 120;
    let beginning: String = text.chars().take(CHARS_SHOWN).collect();
    let more = if beginning.len() < text.len() { "…" } else { "" };
    format!("`{}{more}`", beginning.escape_debug())
}
