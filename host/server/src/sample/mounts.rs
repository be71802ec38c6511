//! The mounts of one trial: temporary folders with the files that the sample gives, looked at afterwards.

use super::MountFiles;
use super::difference::{Difference, pointer};
use super::file_content::{FILE_BYTES_MAX, described};
use mainworker_domain::manifest::{Access, Manifest};
use mainworker_sandbox::capabilities::files::{Mount, Mounts};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The folders, gone when this is dropped.
#[derive(Debug)]
pub struct TemporaryMounts {
    world: TempDir,
}

impl TemporaryMounts {
    /// Makes a folder for each mount and writes its files.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn create(files: &MountFiles) -> io::Result<Self> {
        let world = tempfile::Builder::new().prefix("mainworker-sample-").tempdir()?;
        for (mount, files) in files {
            let folder = world.path().join(mount);
            fs::create_dir(&folder)?;
            for (path, content) in files {
                let path = folder.join(path);
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder)?;
                }
                fs::write(path, content.to_bytes())?;
            }
        }
        Ok(Self { world })
    }

    /// The mounts as settings would give them: each with the access that the manifest asks for.
    pub fn offer(&self, files: &MountFiles, manifest: &Manifest) -> Mounts {
        let access = |name: &str| {
            let asked = manifest.grants.files.iter().find(|grant| grant.mount.as_str() == name);
            asked.map_or(Access::Read, |grant| grant.access)
        };
        files
            .keys()
            .map(|name| {
                let path = self.world.path().join(name);
                (name.clone(), Mount { path, access: access(name) })
            })
            .collect()
    }

    /// Adds where the mounts named in `expected` hold something else than that.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn compare(&self, expected: &MountFiles, differences: &mut Vec<Difference>) -> io::Result<()> {
        for (mount, files) in expected {
            let folder = self.world.path().join(mount);
            let mut found = BTreeMap::new();
            list(&folder, &folder, &mut found)?;
            let pointer_to = |path: &str| pointer(&["expect", "files", mount, path]);
            for (path, content) in files {
                match found.remove(path) {
                    None => {
                        let expected = described(&content.to_bytes());
                        differences.push(Difference::missing(pointer_to(path), expected));
                    }
                    Some(file) => match read(&file)? {
                        Ok(bytes) => content.compare(&bytes, &pointer_to(path), differences),
                        Err(what) => differences.push(Difference::new(pointer_to(path), "a file", what)),
                    },
                }
            }
            for (path, file) in found {
                let what = read(&file)?.map_or_else(|what| what, |bytes| described(&bytes));
                differences.push(Difference::unexpected(pointer_to(&path), what));
            }
        }
        Ok(())
    }
}

/// All that is no folder, by its path below `root`.
fn list(root: &Path, folder: &Path, found: &mut BTreeMap<String, PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            list(root, &entry.path(), found)?;
        } else {
            let path = entry.path();
            let below = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            found.insert(below, path);
        }
    }
    Ok(())
}

/// The bytes of a file, or what is there instead. A job may have left a link to anywhere, which is not followed.
fn read(path: &Path) -> io::Result<Result<Vec<u8>, String>> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_symlink() {
        return Ok(Err("a symbolic link".to_owned()));
    }
    if !metadata.is_file() {
        return Ok(Err("no file".to_owned()));
    }
    if metadata.len() > FILE_BYTES_MAX {
        return Ok(Err(format!("a file of {} bytes", metadata.len())));
    }
    Ok(Ok(fs::read(path)?))
}
