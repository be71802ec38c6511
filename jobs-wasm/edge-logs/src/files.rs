//! Which files of the mount a payload means.
//!
//! Patterns are relative to the mount and cannot lead out of it. As in a shell `*` and `?` do not match `/`, nor a dot at
//! the beginning of a name, so that files which a transfer has not finished (`.access.log.Xq31`) are left alone. Symbolic
//! links are not followed: a file counts once, whatever else it is called. Files come in the order of their names.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};
use mainworker::{Failure, log};

/// More patterns than this are a list of files that ought to be a pattern.
const MOST_PATTERNS: usize = 100;

const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// A log file that a pattern matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// The path relative to the mount, with `/` between its parts.
    pub name: String,
    /// The path to open.
    pub path: PathBuf,
    /// Stored bytes when the mount was listed.
    pub size: u64,
}

/// The files under `mount` that match any of `patterns`, each once, ordered by name.
///
/// # Errors
///
/// Rejected, naming the pattern, if one is no pattern below the mount; failed if the mount cannot be listed, or if nothing
/// matches at all. A pattern that matches nothing beside others that do is a warning in the log.
pub fn select(mount: &Path, patterns: &[String]) -> Result<Vec<LogFile>, Failure> {
    let mut filters = parse_all(patterns)?;
    let mut files = BTreeMap::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let listed = list(mount, &folder).map_err(|error| unlisted(&folder, &error))?;
        for (name, entry) in listed {
            match entry {
                Entry::Folder if filters.iter().any(|filter| filter.may_match_below(&name)) => {
                    folders.push(name)
                }
                Entry::File { path, size } if any_matches(&mut filters, &name) => {
                    files.insert(name.clone(), LogFile { name, path, size });
                }
                Entry::Folder | Entry::File { .. } => {}
            }
        }
    }
    if files.is_empty() {
        let patterns = patterns.iter().map(|pattern| format!("`{pattern}`")).collect::<Vec<_>>().join(", ");
        return Err(Failure::failed(format!("no file in the mount `edge-logs` matches {patterns}")));
    }
    for filter in filters.iter().filter(|filter| !filter.matched) {
        log::warn!("pattern_without_files pattern={}", filter.whole);
    }
    Ok(files.into_values().collect())
}

/// A pattern, whole and by its components.
struct Filter {
    whole: Pattern,
    /// `None` matches any name.
    components: Vec<Option<Pattern>>,
    matched: bool,
}

impl Filter {
    fn parse(text: &str) -> Result<Self, Failure> {
        let rejected = |found: &str| Failure::rejected(format!("pattern `{text}` of `files` {found}"));
        if text.starts_with('/') {
            return Err(rejected("is absolute; expected a path relative to the mount `edge-logs`"));
        }
        for component in text.split('/') {
            match component {
                ".." => {
                    return Err(rejected("has the component `..`; it must stay in the mount `edge-logs`"));
                }
                "." => return Err(rejected("has the component `.`, which no file's path has")),
                "" => return Err(rejected("has an empty component, which no file's path has")),
                _ => {}
            }
        }
        let whole = Pattern::new(text)
            .map_err(|error| rejected(&format!("is no glob: {} at character {}", error.msg, error.pos)))?;
        // A component that is no pattern by itself is part of a class such as `[a/b]`.
        let components =
            text.split('/').map(|part| if part == "**" { None } else { Pattern::new(part).ok() }).collect();
        Ok(Self { whole, components, matched: false })
    }

    /// Spares the listing of folders in which nothing can match, such as other years.
    fn may_match_below(&self, folder: &str) -> bool {
        let mut components = self.components.iter();
        for name in folder.split('/') {
            match components.next() {
                None => return false,
                Some(None) => return true,
                Some(Some(pattern)) if !pattern.matches_with(name, OPTIONS) => return false,
                Some(Some(_)) => {}
            }
        }
        components.next().is_some()
    }
}

fn parse_all(patterns: &[String]) -> Result<Vec<Filter>, Failure> {
    if patterns.is_empty() || patterns.len() > MOST_PATTERNS {
        return Err(Failure::rejected(format!(
            "`files` has {} patterns; expected 1 to {MOST_PATTERNS}",
            patterns.len()
        )));
    }
    patterns.iter().map(|pattern| Filter::parse(pattern)).collect()
}

/// Asks every filter, so that each one that matches anything knows it.
fn any_matches(filters: &mut [Filter], name: &str) -> bool {
    let mut any = false;
    for filter in filters {
        if filter.whole.matches_with(name, OPTIONS) {
            filter.matched = true;
            any = true;
        }
    }
    any
}

enum Entry {
    Folder,
    File { path: PathBuf, size: u64 },
}

/// The folders and plain files in `folder`, by name relative to the mount. Names that are not UTF-8 are left out: no
/// pattern can match them.
fn list(mount: &Path, folder: &str) -> io::Result<Vec<(String, Entry)>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(mount.join(folder))? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            entries.push((name, Entry::Folder));
        } else if kind.is_file() {
            let path = mount.join(&name);
            let size = fs::symlink_metadata(&path)?.len();
            entries.push((name, Entry::File { path, size }));
        }
    }
    Ok(entries)
}

fn unlisted(folder: &str, error: &io::Error) -> Failure {
    Failure::failed(match (folder, error.kind()) {
        ("", io::ErrorKind::NotFound) => "the mount `edge-logs` is not there".to_owned(),
        ("", _) => format!("listing the mount `edge-logs`: {error}"),
        _ => format!("listing `{folder}` in the mount `edge-logs`: {error}"),
    })
}
