//! What the gate knows about the workspace: cargo's metadata, its folders, its files.

use crate::process::Invocation;
use anyhow::{Context as _, Result};
use cargo_metadata::{Metadata, MetadataCommand, Package};
use std::path::{Path, PathBuf};

/// The workspace that the gate belongs to.
#[derive(Debug)]
pub struct Workspace {
    /// Its top folder.
    pub root: PathBuf,
    /// Where cargo builds; it follows `CARGO_TARGET_DIR` and cargo's configuration.
    pub target: PathBuf,
    /// All packages, with dependencies, for all platforms.
    pub metadata: Metadata,
}

impl Workspace {
    /// Asks cargo, from the current directory upwards.
    pub fn load() -> Result<Self> {
        let metadata = MetadataCommand::new().other_options(["--locked".to_owned()]).exec().context(
            "`cargo metadata --locked` failed; when Cargo.lock is out of date, `cargo check` renews it",
        )?;
        Ok(Self {
            root: metadata.workspace_root.clone().into_std_path_buf(),
            target: metadata.target_directory.clone().into_std_path_buf(),
            metadata,
        })
    }

    /// The same with the dependencies of this machine's platform alone.
    pub fn metadata_of_this_platform(&self) -> Result<Metadata> {
        let version = Invocation::program(Path::new("rustc")).args(["-vV"]).ask(&self.root)?;
        let triple = version
            .lines()
            .find_map(|line| line.strip_prefix("host: "))
            .context("`rustc -vV` names no host")?;
        MetadataCommand::new()
            .current_dir(&self.root)
            .other_options(["--locked", "--filter-platform", triple].map(str::to_owned).to_vec())
            .exec()
            .context("`cargo metadata --filter-platform` failed")
    }

    /// The folder of a workspace member, relative to the root, with `/`.
    pub fn folder_of(&self, package: &Package) -> String {
        let folder = package.manifest_path.parent().map(|path| path.as_std_path()).unwrap_or(&self.root);
        let relative = folder.strip_prefix(&self.root).unwrap_or(folder);
        relative.to_string_lossy().replace('\\', "/")
    }

    /// Every crate that becomes a job module, with its folder: those with a `job.toml`, not what they share.
    pub fn jobs(&self) -> Vec<(&Package, String)> {
        let members = self.metadata.workspace_packages().into_iter();
        members
            .map(|package| (package, self.folder_of(package)))
            .filter(|(_, folder)| {
                folder.starts_with("jobs-wasm/") && self.root.join(folder).join("job.toml").is_file()
            })
            .collect()
    }

    /// The built host. It is an error when it is not there yet.
    pub fn mainworker(&self) -> Result<PathBuf> {
        self.program("mainworker")
    }

    /// A built program of the workspace, as the step `host` builds them. It is an error when it is not there yet.
    pub fn program(&self, name: &str) -> Result<PathBuf> {
        let path = self.target.join("debug").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        if !path.is_file() {
            anyhow::bail!("`{}` is not built yet: run `cargo gate host jobs` first", self.shown(&path));
        }
        Ok(path)
    }

    /// Where job modules are put.
    pub fn modules(&self) -> PathBuf {
        self.target.join("modules")
    }

    /// A path as a person would type it from the root.
    pub fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    /// The files of the project, relative to the root, with `/`: what git tracks, and what it would track if it were
    /// added now (a rule that is first broken in CI is broken too late). Without git, as in an unpacked archive, all
    /// files outside the target directory and hidden folders.
    pub fn files(&self) -> Result<Vec<String>> {
        let git = Invocation::program(Path::new("git"));
        let listed =
            git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).ask(&self.root);
        let mut files = match listed {
            Ok(text) => text.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            Err(_) => {
                let mut files = Vec::new();
                self.walk(&self.root, &mut files)?;
                files
            }
        };
        // Git still lists what was deleted but not committed.
        files.retain(|name| self.root.join(name).is_file());
        files.sort();
        files.dedup();
        Ok(files)
    }

    fn walk(&self, folder: &Path, files: &mut Vec<String>) -> Result<()> {
        let entries =
            std::fs::read_dir(folder).with_context(|| format!("cannot list `{}`", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if hidden || path == self.target || path == self.root.join("target") {
                continue;
            }
            if path.is_dir() {
                self.walk(&path, files)?;
            } else {
                files.push(self.shown(&path).replace('\\', "/"));
            }
        }
        Ok(())
    }

    /// The text of a project file.
    pub fn read(&self, relative: &str) -> Result<String> {
        std::fs::read_to_string(self.root.join(relative)).with_context(|| format!("cannot read `{relative}`"))
    }
}
