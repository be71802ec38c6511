//! Files in mounts that appear whole or not at all.
//!
//! What a job leaves for others is written aside, in the folder that it is for, brought to the disk, and only then given its
//! name. A reader never sees half of it, whenever the attempt is killed. What a killed attempt has left aside, the task's
//! next attempt takes over.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// A file that is being written aside. Dropped before [`keep`](Self::keep), it is removed.
#[derive(Debug)]
pub struct WholeFile {
    file: File,
    aside: PathBuf,
    target: PathBuf,
}

impl WholeFile {
    /// Begins to write what is to be `target`, whose folder must be there.
    ///
    /// `task_id` keeps tasks apart that write the same target at the same time. Attempts of one task follow each other.
    ///
    /// # Errors
    ///
    /// That of creating the file aside.
    pub fn create(target: &Path, task_id: &str) -> io::Result<Self> {
        let aside = aside(target, task_id);
        Ok(Self { file: File::create(&aside)?, aside, target: target.to_owned() })
    }

    /// Gives the file its name, in the place of whatever had it before.
    ///
    /// # Errors
    ///
    /// That of bringing it to the disk or of renaming it. Nothing is left aside then.
    pub fn keep(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.aside, &self.target)
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        // After a rename there is none. What stopped the writing is the error to tell; one here would only hide it.
        let _ = remove_if_there(&self.aside);
    }
}

/// Removes what an earlier attempt of the task, killed before it could rename, has left of `target`.
///
/// # Errors
///
/// That of removing it; that it is not there is none.
pub fn remove_aside(target: &Path, task_id: &str) -> io::Result<()> {
    remove_if_there(&aside(target, task_id))
}

/// Removes a file that may be there.
///
/// # Errors
///
/// That of removing it; that it is not there is none.
pub fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A name that begins with a dot is left alone by those who list folders.
fn aside(target: &Path, task_id: &str) -> PathBuf {
    let task: String = task_id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{name}.{task}.tmp"))
}

/// `EIO` of wasi-libc.
const WASI_EIO: i32 = 29;

/// Why a file could not be written, where it can be told: a full disk above all.
pub fn reason(error: &io::Error) -> String {
    match error.kind() {
        // What WASI 0.2 makes of any failed write, a full disk above all.
        _ if cfg!(target_arch = "wasm32") && error.raw_os_error() == Some(WASI_EIO) => {
            format!("{error}; most likely there is no space left")
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "no space left".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn names(folder: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_has_its_name_only_when_it_is_whole() {
        let folder = TempDir::new().unwrap();
        let target = folder.path().join("a.ts");
        fs::write(&target, "old").unwrap();
        let mut file = WholeFile::create(&target, "task/1").unwrap();
        file.write_all(b"new").unwrap();
        assert_eq!(names(&folder), [".a.ts.task-1.tmp", "a.ts"]);
        assert_eq!(fs::read(&target).unwrap(), b"old");
        file.keep().unwrap();
        assert_eq!(names(&folder), ["a.ts"]);
        assert_eq!(fs::read(&target).unwrap(), b"new");
    }

    #[test]
    fn a_file_that_is_given_up_leaves_nothing() {
        let folder = TempDir::new().unwrap();
        let target = folder.path().join("a.ts");
        drop(WholeFile::create(&target, "1").unwrap());
        assert!(names(&folder).is_empty());
        fs::create_dir_all(target.join("in the way")).unwrap();
        assert!(WholeFile::create(&target, "1").unwrap().keep().is_err());
        assert_eq!(names(&folder), ["a.ts"]);
    }

    #[test]
    fn the_next_attempt_takes_over_what_a_killed_one_left() {
        let folder = TempDir::new().unwrap();
        let target = folder.path().join("a.ts");
        let left = folder.path().join(".a.ts.1.tmp");
        fs::write(&left, "half a file").unwrap();
        let mut file = WholeFile::create(&target, "1").unwrap();
        file.write_all(b"all").unwrap();
        file.keep().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"all");
        fs::write(&left, "half a file").unwrap();
        remove_aside(&target, "1").unwrap();
        remove_aside(&target, "1").unwrap();
        assert_eq!(names(&folder), ["a.ts"]);
    }

    #[test]
    fn full_disk_is_named() {
        assert_eq!(reason(&io::Error::from(ErrorKind::StorageFull)), "no space left");
        assert_eq!(reason(&io::Error::from(ErrorKind::QuotaExceeded)), "no space left");
        assert_eq!(reason(&io::Error::other("odd")), "odd");
    }
}
