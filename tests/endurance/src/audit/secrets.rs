//! Secrets that a host was given are in nothing that it writes.

use super::Problems;
use crate::world::{PLAIN, SECRET, TOKEN};
use anyhow::Result;
use memchr::memmem;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// What is searched for, and what it is.
const CANARIES: [(&str, &str); 3] =
    [(SECRET, "a secret configuration value"), (PLAIN, "a configuration value"), (TOKEN, "the token")];

/// Searches a text; `place` is what it is.
pub fn search(bytes: &[u8], place: &str, problems: &mut Problems) {
    for (canary, what) in CANARIES {
        if memmem::find(bytes, canary.as_bytes()).is_some() {
            problems.add(format!("{place} has {what} in plain text"));
        }
    }
}

/// Searches a file, or all files in a folder.
///
/// # Errors
/// A file that cannot be read.
pub fn search_files(path: &Path, problems: &mut Problems) -> Result<()> {
    let found = fs::metadata(path)?.file_type();
    if !found.is_dir() {
        // The socket of a host that was killed holds nothing.
        if !found.is_socket() {
            search(&fs::read(path)?, &format!("`{}`", path.display()), problems);
        }
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        search_files(&entry?.path(), problems)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_secret_is_found_in_any_file_of_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("inner")).unwrap();
        let file = folder.path().join("inner/file");
        drop(UnixListener::bind(folder.path().join("socket")).unwrap());
        fs::write(&file, [b"\0\xff", SECRET.as_bytes(), b"\0"].concat()).unwrap();
        let mut problems = Problems::default();
        search_files(folder.path(), &mut problems).unwrap();
        assert_eq!(
            problems.lines(),
            [format!("`{}` has a secret configuration value in plain text", file.display())]
        );
        fs::write(&file, &SECRET[1..]).unwrap();
        let mut problems = Problems::default();
        search_files(folder.path(), &mut problems).unwrap();
        assert!(problems.is_empty());
    }
}
