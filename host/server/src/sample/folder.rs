//! Folders of samples: `samples/*.json` beside a crate, `NAME.samples/*.json` beside a module.
//!
//! Files in folders below are no samples themselves; samples copy them into their mounts.

use super::{SAMPLE_BYTES_MAX, Sample, SampleError};
use crate::modules_folder::NONBLOCK;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, OpenOptions, OpenOptionsExt};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The folder with its samples, by name.
#[derive(Debug)]
pub struct SamplesFolder {
    path: PathBuf,
    dir: Dir,
    names: Vec<String>,
}

impl SamplesFolder {
    /// Opens a folder and lists its samples.
    ///
    /// # Errors
    /// A folder that is not there or cannot be listed.
    pub fn open(path: &Path) -> io::Result<Self> {
        let dir = Dir::open_ambient_dir(path, ambient_authority())?;
        let mut names = Vec::new();
        for entry in dir.entries()? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_sample = name.ends_with(".json") && !name.starts_with('.');
            if is_sample && !entry.file_type()?.is_dir() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(Self { path: path.to_owned(), dir, names })
    }

    /// The samples of a module file: `NAME.samples` beside it, or a folder `samples` beside it, whichever is there first.
    pub fn of_module(module: &Path) -> PathBuf {
        let own = module.with_extension("samples");
        let shared = module.with_file_name("samples");
        if !own.is_dir() && shared.is_dir() { shared } else { own }
    }

    /// The file names, sorted.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Where a sample is, for messages.
    pub fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Reads a sample.
    ///
    /// # Errors
    /// As [`Sample::parse`], and a file that cannot be read.
    pub fn read(&self, name: &str) -> Result<Sample, SampleError> {
        let unreadable = |error: io::Error| SampleError::Unreadable(error.to_string());
        let file = open_regular(&self.dir, name).map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(SAMPLE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > SAMPLE_BYTES_MAX {
            let problem = format!("it has more than {SAMPLE_BYTES_MAX} bytes");
            return Err(SampleError::Unreadable(problem));
        }
        Sample::parse(&bytes, &self.dir)
    }
}

/// Replaces the folder `to` by a copy of the samples in `from`, or takes it away where there are none.
///
/// # Errors
/// What the operating system says. `to` is then as it was, or not there.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let beside = to.parent().filter(|folder| *folder != Path::new("")).unwrap_or_else(|| Path::new("."));
    let aside =
        from.is_dir().then(|| tempfile::Builder::new().prefix(".samples-").tempdir_in(beside)).transpose()?;
    if let Some(aside) = &aside {
        let source = Dir::open_ambient_dir(from, ambient_authority())?;
        copy_into(&source, aside.path())?;
    }
    match fs::remove_dir_all(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    if let Some(aside) = aside {
        fs::rename(aside.path(), to)?;
        let _renamed = aside.keep();
    }
    Ok(())
}

/// Through a folder that is held open: no link in it leads out of it.
/// Opens a file, and nothing else: opening a pipe would wait for whoever writes into it.
pub(super) fn open_regular(folder: &Dir, path: impl AsRef<Path>) -> io::Result<File> {
    let file = folder.open_with(path, OpenOptions::new().read(true).custom_flags(NONBLOCK))?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("found something else, expected a file"))
    }
}

fn copy_into(from: &Dir, to: &Path) -> io::Result<()> {
    // A temporary folder is for its owner alone; samples are for whoever reads the module beside them.
    fs::set_permissions(to, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    for entry in from.entries()? {
        let entry = entry?;
        let (name, target) = (entry.file_name(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            fs::create_dir(&target)?;
            copy_into(&from.open_dir(&name)?, &target)?;
        } else {
            let mut source = open_regular(from, &name)?;
            io::copy(&mut source, &mut fs::File::create(&target)?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_copy_is_fresh_and_leaves_nothing_beside_it() {
        let world = tempfile::tempdir().unwrap();
        let (from, to) = (world.path().join("samples"), world.path().join("echo.samples"));
        fs::create_dir_all(from.join("logs")).unwrap();
        fs::write(from.join("a.json"), "{}").unwrap();
        fs::write(from.join("logs/x.log"), "x").unwrap();
        copy(&from, &to).unwrap();
        fs::remove_file(from.join("a.json")).unwrap();
        fs::write(from.join("b.json"), "{}").unwrap();
        copy(&from, &to).unwrap();
        assert_eq!(
            (files(&to), files(&to.join("logs"))),
            (vec!["b.json".to_owned(), "logs".to_owned()], vec!["x.log".to_owned()])
        );
        fs::remove_dir_all(&from).unwrap();
        copy(&from, &to).unwrap();
        assert_eq!(files(world.path()), Vec::<String>::new());
    }

    #[test]
    fn a_link_out_of_the_folder_is_not_copied() {
        let world = tempfile::tempdir().unwrap();
        let (from, to) = (world.path().join("samples"), world.path().join("echo.samples"));
        fs::create_dir(&from).unwrap();
        fs::write(world.path().join("secret"), "x").unwrap();
        std::os::unix::fs::symlink("../secret", from.join("a.log")).unwrap();
        assert!(copy(&from, &to).is_err());
        assert_eq!(files(world.path()), ["samples", "secret"]);
    }

    #[test]
    fn samples_are_the_json_files_of_the_folder_itself() {
        let world = tempfile::tempdir().unwrap();
        for name in ["b.json", "a.json", "notes.md", ".hidden.json"] {
            fs::write(world.path().join(name), "{}").unwrap();
        }
        fs::create_dir_all(world.path().join("fixtures.json")).unwrap();
        assert_eq!(SamplesFolder::open(world.path()).unwrap().names(), ["a.json", "b.json"]);
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let world = tempfile::tempdir().unwrap();
        let pipe = world.path().join("a.json");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let error = SamplesFolder::open(world.path()).unwrap().read("a.json").unwrap_err();
        assert_eq!(error.to_string(), "found something else, expected a file");
    }
}
