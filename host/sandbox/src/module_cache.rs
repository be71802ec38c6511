//! Compiled code on disk, by module digest and engine settings.
//!
//! Compiled code is trusted by whoever loads it, so the folder must belong to this user and nobody else may write there;
//! otherwise it is not used at all. Each file ends with the SHA-256 of the rest: a file that was cut short or damaged is
//! compiled anew. Nothing from anywhere else is ever loaded as compiled code.

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use mainworker_domain::digest::Digest;
use rustix::fs::{FileType, Mode, OFlags};
use sha2::{Digest as _, Sha256};
use std::fs::DirBuilder;
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const CHECKSUM_BYTES: usize = 32;

/// A folder of compiled modules.
#[derive(Clone, Debug)]
pub struct ModuleCache {
    folder: Arc<Dir>,
}

/// Why a folder is not used as a cache.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// It cannot be made or looked at.
    #[error("the module cache `{}` cannot be used: {error}", folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// Somebody else could put code there.
    #[error(
        "the module cache `{}` has owner {owner} and mode {mode:04o}, expected owner {expected_owner} and mode 0700",
        folder.display()
    )]
    NotPrivate {
        /// The folder.
        folder: PathBuf,
        /// Its owner.
        owner: u32,
        /// This process's user.
        expected_owner: u32,
        /// Its permissions.
        mode: u32,
    },
}

impl ModuleCache {
    /// Opens the folder, making it where it is not there, and holds it open: a folder that takes its place afterwards is
    /// not this one.
    ///
    /// # Errors
    /// A folder that cannot be made, or that others may write to.
    pub fn open(folder: &Path) -> Result<Self, CacheError> {
        let io_error = |error: io::Error| CacheError::Io { folder: folder.to_owned(), error };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io_error)?;
        // A link to elsewhere is not private.
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let held = rustix::fs::open(folder, flags, Mode::empty()).map_err(|error| io_error(error.into()))?;
        let stat = rustix::fs::fstat(&held).map_err(|error| io_error(error.into()))?;
        let expected_owner = rustix::process::geteuid().as_raw();
        let mode = Mode::from_raw_mode(stat.st_mode).bits() & 0o7777;
        if stat.st_uid != expected_owner || mode & 0o077 != 0 {
            let folder = folder.to_owned();
            return Err(CacheError::NotPrivate { folder, owner: stat.st_uid, expected_owner, mode });
        }
        Ok(Self { folder: Arc::new(Dir::from_std_file(held.into())) })
    }

    /// The compiled code of a module for an engine, if it is there, whole, and written by this user alone.
    pub(crate) fn read(&self, digest: &Digest, engine: u64) -> Option<Vec<u8>> {
        // Not waiting: something else than a file could stand there.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let mut options = OpenOptions::new();
        let mut file =
            self.folder.open_with(name(digest, engine), options.read(true).custom_flags(flags)).ok()?;
        let stat = rustix::fs::fstat(&file).ok()?;
        let mode = Mode::from_raw_mode(stat.st_mode).bits();
        let is_ours = stat.st_uid == rustix::process::geteuid().as_raw() && mode & 0o022 == 0;
        if !is_ours || !FileType::from_raw_mode(stat.st_mode).is_file() {
            tracing::warn!(module = %digest, "compiled module is not this user's alone, compiling it again");
            return None;
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        let code_bytes = bytes.len().checked_sub(CHECKSUM_BYTES)?;
        let whole = Sha256::digest(&bytes[..code_bytes])[..] == bytes[code_bytes..];
        if !whole {
            tracing::warn!(module = %digest, "compiled module is damaged, compiling it again");
            return None;
        }
        bytes.truncate(code_bytes);
        Some(bytes)
    }

    /// Keeps compiled code, aside and renamed, so that a reader never sees a part of it.
    ///
    /// # Errors
    /// What the operating system says; the module runs all the same.
    pub(crate) fn write(&self, digest: &Digest, engine: u64, code: &[u8]) -> io::Result<()> {
        let aside = format!(".{}-{engine:016x}.{}", digest.hex(), std::process::id());
        // What a killed host of the same number left there would keep its owner and its mode.
        let _ = self.folder.remove_file(&aside);
        let mut options = OpenOptions::new();
        let written = self
            .folder
            .open_with(&aside, options.write(true).create_new(true).mode(0o600))
            .and_then(|mut file| {
                file.write_all(code)?;
                file.write_all(&Sha256::digest(code))?;
                file.sync_all()
            })
            .and_then(|()| self.folder.rename(&aside, &self.folder, name(digest, engine)));
        if written.is_err() {
            let _ = self.folder.remove_file(&aside);
        }
        written
    }
}

fn name(digest: &Digest, engine: u64) -> String {
    format!("{}-{engine:016x}.cwasm", digest.hex())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    const DIGEST: Digest = Digest::from_sha256([7; 32]);

    #[test]
    fn code_is_read_back_only_whole_and_for_the_same_engine() {
        let folder = tempfile::tempdir().unwrap();
        let cache = ModuleCache::open(&folder.path().join("cache")).unwrap();
        assert_eq!(cache.read(&DIGEST, 1), None);
        cache.write(&DIGEST, 1, b"code").unwrap();
        assert_eq!(cache.read(&DIGEST, 1).as_deref(), Some(b"code".as_slice()));
        assert_eq!(cache.read(&DIGEST, 2), None);

        let path = folder.path().join("cache").join(name(&DIGEST, 1));
        let mut bytes = fs::read(&path).unwrap();
        bytes[0] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(cache.read(&DIGEST, 1), None, "a changed byte");
        bytes[0] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert!(cache.read(&DIGEST, 1).is_some(), "whole again");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(cache.read(&DIGEST, 1), None, "a file that others may write to");
        fs::write(&path, b"short").unwrap();
        assert_eq!(cache.read(&DIGEST, 1), None, "a cut file");
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let open = folder.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(ModuleCache::open(&open), Err(CacheError::NotPrivate { mode: 0o777, .. })));
    }
}
