//! Whether what the settings name can be had: `settings check` refuses what `serve` begins without and warns of.

use super::Settings;
use crate::failure::Failure;
use crate::providers::Providers;
use mainworker_publishing::place::Place;
use std::fmt::Display;
use std::fs;
use std::path::Path;

impl Settings {
    /// What is wrong with the settings, or with what they name. Each of it keeps some job, or everybody, from the host, which
    /// can begin all the same. `modules_dir` is a folder that somebody named.
    pub fn unusable(&self, modules_dir: Option<&Path>) -> Vec<Failure> {
        let mut failures = Vec::new();
        let unusable = |what: String, error: &dyn Display| {
            Failure::usage(
                "settings_unusable",
                format!("{what}: {error}"),
                "mend the path, or the permissions there",
            )
        };
        if let Some(modules_dir) = modules_dir
            && let Err(error) = fs::read_dir(modules_dir)
        {
            failures.push(unusable(format!("the modules folder, `{}`", modules_dir.display()), &error));
        }
        failures.extend(self.check_mounts_apart(modules_dir, None).err());
        for (name, mount) in &self.offer.mounts {
            if let Err(error) = mount.open() {
                failures.push(unusable(format!("`[files.{name}] path`, `{}`", mount.path.display()), &error));
            }
        }
        if let Some(dir) = &self.configuration.files_dir
            && let Err(error) = Providers::open(&self.configuration)
        {
            failures.push(unusable(format!("`[configuration] files-dir`, `{}`", dir.display()), &error));
        }
        failures.extend(self.http.check().err());
        for place in &self.trust.from {
            if let Place::Directory(path) = place
                && let Err(error) = fs::read_dir(path)
            {
                failures.push(unusable(format!("a place of `[trust] from`, `{}`", path.display()), &error));
            }
        }
        for (host, settings) in &self.registries {
            if let Err(problem) = settings.credentials().and_then(|_| settings.authorities()) {
                failures.push(unusable(format!("`[registries.\"{host}\"]`"), &problem));
            }
        }
        failures
    }

    /// Why the token of the settings is good for nothing, if that is so.
    pub fn closed(&self) -> Option<&'static str> {
        let lacks_roles = self.server.token.is_some() && self.server.roles.is_empty();
        lacks_roles.then_some("`[server] roles` is empty, so its token may do nothing")
    }
}
