//! Mounts and what is the host's own are apart.

use super::{Settings, module_cache};
use crate::failure::Failure;
use mainworker_domain::manifest::Access;
use std::path::{Path, PathBuf};

impl Settings {
    /// Refuses mounts in which a job could read the key of TLS or what the data folder holds, such as the sealing key, or come
    /// upon the host's socket; and writable ones in which it could change what the host runs or trusts: modules, this file, the files of
    /// configuration keys.
    ///
    /// # Errors
    /// The first such mount.
    pub fn check_mounts_apart(
        &self,
        modules_dir: Option<&Path>,
        data_dir: Option<&Path>,
    ) -> Result<(), Failure> {
        let (cache, tls) = (data_dir.map(module_cache), self.server.tls.as_ref());
        // What is not even to be read comes first.
        let own = [
            ("the data folder", data_dir, true),
            ("the key of `[server.tls]`", tls.map(|tls| tls.key.as_path()), true),
            ("the certificate of `[server.tls]`", tls.map(|tls| tls.cert.as_path()), false),
            ("the compiled modules", cache.as_deref(), false),
            ("the modules folder", modules_dir, false),
            ("the settings file", self.file.as_deref(), false),
            ("`[configuration] files-dir`", self.configuration.files_dir.as_deref(), false),
        ];
        let keys = self
            .trust
            .key_files
            .values()
            .map(|path| ("a key of `[trust.keys]`", Some(path.as_path()), false));
        let own: Vec<_> = own.into_iter().chain(keys).collect();
        for (name, mount) in &self.offer.mounts {
            // A folder that is not there holds nothing; using it fails later, with a better message.
            let Ok(folder) = mount.path.canonicalize() else { continue };
            let is_writable = mount.access == Access::ReadWrite;
            let inside = own.iter().find(|(_, path, is_secret)| {
                (*is_secret || is_writable)
                    && path.is_some_and(|path| existing(path).is_some_and(|path| path.starts_with(&folder)))
            });
            if let Some((what, ..)) = inside {
                let writable = if is_writable { "is writable and " } else { "" };
                return Err(Failure::usage(
                    "mount_exposes_host",
                    format!(
                        "the mount `{name}` at `{}` {writable}contains {what}, expected them apart",
                        mount.path.display()
                    ),
                    format!("name a folder under `[files.{name}]` that holds only what jobs may see"),
                ));
            }
        }
        Ok(())
    }
}

/// The real path of what is there, or of the nearest folder above that is.
fn existing(path: &Path) -> Option<PathBuf> {
    std::path::absolute(path).ok()?.ancestors().find_map(|path| path.canonicalize().ok())
}
