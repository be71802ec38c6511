//! Compiled code on disk, by module digest and engine settings.
//!
//! Compiled code is trusted by whoever loads it, so the folder must belong to this user and nobody else may write there;
//! otherwise it is not used at all. Each file ends with a code (HMAC-SHA256, with a key that is drawn for the folder) over the
//! rest, the module's digest and the engine: a file that was cut short, damaged, put in the place of another or made elsewhere
//! is refused and compiled anew. Nothing from anywhere else is ever loaded as compiled code.

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use hmac::{Hmac, KeyInit, Mac};
use mainworker_domain::digest::Digest;
use rand::TryRng;
use rand::rngs::SysRng;
use rustix::fs::{FileType, Mode, OFlags};
use sha2::Sha256;
use std::fs::DirBuilder;
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of the code at the end of each file, and of the key.
const CODE_BYTES: usize = 32;
/// The file with the key.
const KEY_FILE: &str = "key";

/// A folder of compiled modules.
#[derive(Clone)]
pub struct ModuleCache {
    folder: Arc<Dir>,
    authentic: Hmac<Sha256>,
}

/// Why compiled code is not loaded. The module is compiled anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeRefusal {
    /// It is not what this host wrote for this module.
    #[error("it is not what this host compiled")]
    Changed,
    /// Others may have written it.
    #[error("it is not this user's alone")]
    NotPrivate,
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
        let folder = Dir::from_std_file(held.into());
        let key = key(&folder).map_err(io_error)?;
        let authentic = Hmac::new_from_slice(&key).map_err(|error| io_error(io::Error::other(error)))?;
        Ok(Self { folder: Arc::new(folder), authentic })
    }

    /// What is signed of a module's code for an engine, but for the code itself.
    fn code_of(&self, digest: &Digest, engine: u64) -> Hmac<Sha256> {
        let mut code = self.authentic.clone();
        code.update(digest.as_bytes());
        code.update(&engine.to_le_bytes());
        code
    }

    /// The compiled code of a module for an engine; none if it is not there.
    ///
    /// # Errors
    /// Code that this host did not write, or that others may have changed.
    pub(crate) fn read(&self, digest: &Digest, engine: u64) -> Result<Option<Vec<u8>>, CodeRefusal> {
        let Some(mut bytes) = read_private(&self.folder, &name(digest, engine))? else { return Ok(None) };
        let code_begins = bytes.len().checked_sub(CODE_BYTES).ok_or(CodeRefusal::Changed)?;
        let expected = self.code_of(digest, engine).chain_update(&bytes[..code_begins]);
        expected.verify_slice(&bytes[code_begins..]).map_err(|_| CodeRefusal::Changed)?;
        bytes.truncate(code_begins);
        Ok(Some(bytes))
    }

    /// Lets go of a module's code.
    pub(crate) fn remove(&self, digest: &Digest, engine: u64) {
        // What is not there is gone.
        let _ = self.folder.remove_file(name(digest, engine));
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
                let authentic = self.code_of(digest, engine).chain_update(code).finalize();
                file.write_all(&authentic.into_bytes())?;
                file.sync_all()
            })
            .and_then(|()| self.folder.rename(&aside, &self.folder, name(digest, engine)));
        if written.is_err() {
            let _ = self.folder.remove_file(&aside);
        }
        written
    }
}

impl std::fmt::Debug for ModuleCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModuleCache").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// The bytes of a file that this user alone may write; none if it is not there, or cannot be read.
fn read_private(folder: &Dir, name: &str) -> Result<Option<Vec<u8>>, CodeRefusal> {
    // Not waiting: something else than a file could stand there.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let opened = folder.open_with(name, OpenOptions::new().read(true).custom_flags(flags));
    let Ok(mut file) = opened else { return Ok(None) };
    let Ok(stat) = rustix::fs::fstat(&file) else { return Ok(None) };
    let mode = Mode::from_raw_mode(stat.st_mode).bits();
    let is_ours = stat.st_uid == rustix::process::geteuid().as_raw() && mode & 0o022 == 0;
    if !is_ours || !FileType::from_raw_mode(stat.st_mode).is_file() {
        return Err(CodeRefusal::NotPrivate);
    }
    let mut bytes = Vec::new();
    Ok(file.read_to_end(&mut bytes).is_ok().then_some(bytes))
}

/// The folder's key, which is drawn where there is none that can be used. Who draws at the same time agrees on one of them.
fn key(folder: &Dir) -> io::Result<[u8; CODE_BYTES]> {
    // Looked for before it is read: one that somebody draws in between is whole.
    let is_there = folder.symlink_metadata(KEY_FILE).is_ok();
    let known = || read_private(folder, KEY_FILE).ok().flatten().and_then(|bytes| bytes.try_into().ok());
    if let Some(key) = known() {
        return Ok(key);
    }
    let mut drawn = [0; CODE_BYTES];
    SysRng.try_fill_bytes(&mut drawn).map_err(io::Error::other)?;
    let aside = format!(".{KEY_FILE}.{}", std::process::id());
    let _ = folder.remove_file(&aside);
    // One that is there and cannot be used vouches for nothing.
    if is_there {
        folder.remove_file(KEY_FILE)?;
    }
    let options = OpenOptions::new().write(true).create_new(true).mode(0o600).clone();
    let written = folder.open_with(&aside, &options).and_then(|mut file| {
        file.write_all(&drawn)?;
        file.sync_all()
    });
    let linked = written.and_then(|()| match folder.hard_link(&aside, folder, KEY_FILE) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    });
    let _ = folder.remove_file(&aside);
    linked?;
    known().ok_or_else(|| io::Error::other(format!("the file `{KEY_FILE}` in it cannot be read")))
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
        assert_eq!(cache.read(&DIGEST, 1), Ok(None));
        cache.write(&DIGEST, 1, b"code").unwrap();
        assert_eq!(cache.read(&DIGEST, 1), Ok(Some(b"code".to_vec())));
        assert_eq!(cache.read(&DIGEST, 2), Ok(None));

        let path = folder.path().join("cache").join(name(&DIGEST, 1));
        let whole = fs::read(&path).unwrap();
        for byte in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[byte] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert_eq!(cache.read(&DIGEST, 1), Err(CodeRefusal::Changed), "byte {byte} is another");
        }
        fs::write(&path, &whole).unwrap();
        assert!(cache.read(&DIGEST, 1).unwrap().is_some(), "whole again");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(cache.read(&DIGEST, 1), Err(CodeRefusal::NotPrivate), "a file that others may write to");
        fs::write(&path, b"short").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(cache.read(&DIGEST, 1), Err(CodeRefusal::Changed), "a cut file");
    }

    #[test]
    fn code_of_another_module_engine_or_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (own, other) = (folder.path().join("own"), folder.path().join("other"));
        let cache = ModuleCache::open(&own).unwrap();
        cache.write(&DIGEST, 1, b"code").unwrap();
        let another = Digest::from_sha256([8; 32]);
        for (digest, engine) in [(&another, 1), (&DIGEST, 2)] {
            fs::copy(own.join(name(&DIGEST, 1)), own.join(name(digest, engine))).unwrap();
            assert_eq!(cache.read(digest, engine), Err(CodeRefusal::Changed));
        }
        let stranger = ModuleCache::open(&other).unwrap();
        fs::copy(own.join(name(&DIGEST, 1)), other.join(name(&DIGEST, 1))).unwrap();
        assert_eq!(stranger.read(&DIGEST, 1), Err(CodeRefusal::Changed));
    }

    #[test]
    fn the_key_outlives_its_process_and_one_that_cannot_be_used_vouches_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        ModuleCache::open(&path).unwrap().write(&DIGEST, 1, b"code").unwrap();
        assert!(ModuleCache::open(&path).unwrap().read(&DIGEST, 1).unwrap().is_some());
        assert_eq!(fs::metadata(path.join(KEY_FILE)).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(path.join(KEY_FILE), b"short").unwrap();
        assert_eq!(ModuleCache::open(&path).unwrap().read(&DIGEST, 1), Err(CodeRefusal::Changed));
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
