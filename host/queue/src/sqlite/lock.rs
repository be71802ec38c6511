//! One host on one data folder.
//!
//! The lock is on an open file, so the system lets go of it when its process ends, however it ends. What is written in the
//! file is for people and errors alone.

use super::open::OpenError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The name of the file in the data folder.
pub(super) const LOCK_FILE: &str = "host.lock";

/// Held as long as this lives.
#[derive(Debug)]
pub(super) struct FolderLock {
    file: File,
}

impl FolderLock {
    /// Takes the lock of a folder that is there.
    ///
    /// # Errors
    /// [`OpenError::InUse`] if somebody has it, this process included; otherwise as the file cannot be opened or written.
    pub(super) fn take(folder: &Path) -> Result<Self, OpenError> {
        let path = folder.join(LOCK_FILE);
        let failed = |error| OpenError::io("write the lock file", &path, &error);
        let open =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = open.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse { folder: folder.to_owned(), pid: read_pid(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        write_pid(&mut file).map_err(failed)?;
        Ok(Self { file })
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // Nobody must be told of a process that has let go. If it cannot be written, the lock is free all the same.
        drop(self.file.set_len(0));
        // A child that is just being started has the open file too, until it is another program. Closing ours would leave the
        // lock with it for so long.
        drop(self.file.unlock());
    }
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

/// The owner's process id; none if the owner is just about to write it.
fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn a_copy_of_the_open_file_does_not_keep_the_lock() {
        let folder = TempDir::new().unwrap();
        let lock = FolderLock::take(folder.path()).unwrap();
        let copy = lock.file.try_clone().unwrap();
        assert!(matches!(FolderLock::take(folder.path()), Err(OpenError::InUse { .. })));
        drop(lock);
        FolderLock::take(folder.path()).unwrap();
        drop(copy);
    }
}
