//! Where the segments of a playlist lie, and where its recording goes.
//!
//! A URI in a playlist is a reference relative to the playlist (RFC 3986). Here it must lead to a file in the mount: nothing
//! is fetched, and nothing above the playlist's own folder is read.

use std::collections::HashMap;

use mainworker::Failure;

use crate::playlist::{Playlist, PlaylistSegment, shown};

const EXTENSION: &str = ".m3u8";

/// A playlist's path in the mount `recordings`, and what is named after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaylistPlace {
    path: String,
}

impl PlaylistPlace {
    /// The place of the playlist at `path`, relative to the mount.
    ///
    /// # Errors
    ///
    /// Rejected if no path below the mount looks like it, or if it does not end in `.m3u8`.
    pub fn new(path: &str) -> Result<Self, Failure> {
        let rejected = |found: &str| Failure::rejected(format!("`playlist` {} {found}", shown(path)));
        if path.starts_with('/') {
            return Err(rejected("is absolute; expected a path relative to the mount `recordings`"));
        }
        if path.contains(['\\', '\0']) || path.contains(char::is_control) {
            return Err(rejected("has a character that no recording's path has"));
        }
        for component in path.split('/') {
            match component {
                ".." => {
                    return Err(rejected("has the component `..`; it must stay in the mount `recordings`"));
                }
                "." => return Err(rejected("has the component `.`, which no file's path has")),
                "" => return Err(rejected("has an empty component, which no file's path has")),
                _ => {}
            }
        }
        match path.strip_suffix(EXTENSION) {
            Some(stem) if !stem.is_empty() && !stem.ends_with('/') => Ok(Self { path: path.to_owned() }),
            _ => Err(rejected("is no name of a media playlist; expected one that ends in `.m3u8`")),
        }
    }

    /// The playlist, relative to the mount `recordings`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The recording, relative to the mount `archive`.
    pub fn recording(&self) -> String {
        self.named("ts")
    }

    /// The recording's index, relative to the mount `archive`.
    pub fn index(&self) -> String {
        self.named("json")
    }

    fn named(&self, extension: &str) -> String {
        let stem = self.path.strip_suffix(EXTENSION).unwrap_or(&self.path);
        format!("{stem}.{extension}")
    }

    /// The files of the playlist's segments, relative to the mount `recordings`, in their order.
    ///
    /// # Errors
    ///
    /// Rejected, naming the line, if a URI leads anywhere else than to a file of its own in or below the playlist's folder.
    pub fn segment_files(&self, playlist: &Playlist<'_>) -> Result<Vec<String>, Failure> {
        let folder = self.path.rsplit_once('/').map(|(folder, _)| folder);
        let in_mount = |segment: &PlaylistSegment<'_>| match (segment_path(segment.uri), folder) {
            (Ok(path), Some(folder)) => Ok(format!("{folder}/{path}")),
            (Ok(path), None) => Ok(path),
            (Err(found), _) => Err(rejected(segment, found)),
        };
        let files: Vec<String> = playlist.segments.iter().map(in_mount).collect::<Result<_, _>>()?;
        let mut lines: HashMap<&str, usize> = HashMap::with_capacity(files.len());
        for (file, segment) in files.iter().zip(&playlist.segments) {
            if let Some(line) = lines.insert(file, segment.line) {
                return Err(rejected(segment, &format!("is doubled: line {line} has it too")));
            }
        }
        Ok(files)
    }
}

fn rejected(segment: &PlaylistSegment<'_>, found: &str) -> Failure {
    Failure::rejected(format!("line {}: the segment {} {found}", segment.line, shown(segment.uri)))
}

/// The path that `uri` means, relative to the playlist's folder, without `.` components.
fn segment_path(uri: &str) -> Result<String, &'static str> {
    if has_scheme(uri) || uri.starts_with("//") {
        return Err("is an absolute URL; expected a file beside the playlist");
    }
    if uri.starts_with('/') {
        return Err("is an absolute path; expected a file beside the playlist");
    }
    if uri.contains(['?', '#']) {
        return Err("has a query or a fragment, which no file has");
    }
    let path = percent_decoded(uri)?;
    if path.contains('\\') || path.contains(char::is_control) {
        return Err("has a character that no segment's name has");
    }
    let mut components = Vec::new();
    for component in path.split('/') {
        match component {
            ".." => return Err("leads out of the playlist's folder"),
            "" => return Err("has an empty component; expected the path of a file"),
            "." => {}
            name => components.push(name),
        }
    }
    match components.last() {
        None => Err("is a folder; expected a file beside the playlist"),
        Some(name) if is_playlist_name(name) => Err("is a playlist; expected a segment"),
        Some(_) => Ok(components.join("/")),
    }
}

/// Whether it begins with a scheme and `:`, as in `https://…` or `file:…`.
fn has_scheme(uri: &str) -> bool {
    let Some((scheme, _)) = uri.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

fn is_playlist_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with(EXTENSION) || name.ends_with(".m3u")
}

/// A `/` that is encoded would be part of a name, which no file system has.
fn percent_decoded(uri: &str) -> Result<String, &'static str> {
    const DAMAGED: &str = "has a `%` that two hexadecimal digits of a text in UTF-8 do not follow";
    let mut bytes = Vec::with_capacity(uri.len());
    let mut rest = uri.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        let value = digit().zip(digit()).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        match value {
            Some(b'/') => return Err("has an encoded `/`, which no file's name has"),
            Some(value) => bytes.push(value),
            None => return Err(DAMAGED),
        }
    }
    String::from_utf8(bytes).map_err(|_| DAMAGED)
}
