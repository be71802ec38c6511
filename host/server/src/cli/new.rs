//! `mainworker new`: a job crate that builds, passes its tests and `module check`, and is there to be changed.
//!
//! In a workspace with `jobs-wasm/` and a `guest-sdk` the crate becomes a member and takes what the workspace says; anywhere
//! else it stands alone and finds the SDK by its path. All is written into a folder beside and renamed, so that nothing
//! half-done is left behind.

mod files;
mod members;
mod place;
mod problem;

use crate::cli::module::name_taken;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::terminal;
use clap::Args;
use mainworker_domain::job_name::JobName;
use place::{Place, Workspace};
pub use problem::NewProblem;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Makes a crate with a job, its manifest, two samples and two tests, which pass as they are. In a workspace that has
/// `jobs-wasm` and `guest-sdk` it becomes jobs-wasm/NAME and a member; anywhere else it is a crate of its own in NAME.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  mainworker new thumbnails
  mainworker new thumbnails --dir ~/jobs --sdk ~/mainworker/guest-sdk")]
pub struct NewArgs {
    /// The job's name: 1 to 63 of a-z, 0-9 and -, starting with a letter
    #[arg(value_name = "NAME")]
    name: String,
    /// Folder in which to make the crate's folder [default: the workspace's jobs-wasm, or here]
    #[arg(long, value_name = "PARENT")]
    dir: Option<PathBuf>,
    /// The guest SDK, for a crate of its own [default: the nearest `guest-sdk`, from here or from this program upwards]
    #[arg(long, value_name = "PATH")]
    sdk: Option<PathBuf>,
}

pub(super) fn new(args: &NewArgs) -> Result<ExitCode, Failure> {
    let name = JobName::parse(&args.name).map_err(|error| NewProblem::bad_name(&error.found))?;
    if files::RESERVED.contains(&name.as_str()) {
        return Err(NewProblem::ReservedName { name: name.to_string() }.into());
    }
    let place = Place::find(args.dir.as_deref(), args.sdk.as_deref())?;
    // The path of the SDK is said from there.
    fs::create_dir_all(if place.parent == Path::new("") { Path::new(".") } else { &place.parent })
        .map_err(|error| NewProblem::unwritable(&place.parent, &error))?;
    let folder = place.parent.join(name.as_str());
    if fs::symlink_metadata(&folder).is_ok() {
        return Err(NewProblem::FolderExists { path: folder }.into());
    }
    match &place.workspace {
        Some(workspace) => make_member(workspace, &place, &name, &folder)?,
        None => make(&place, &name, &folder)?,
    }
    terminal::print(&next_steps(&name, &folder, place.workspace.is_some()))?;
    Ok(ExitCode::Completed)
}

fn make_member(workspace: &Workspace, place: &Place, name: &JobName, folder: &Path) -> Result<(), Failure> {
    if let Some(package) = name_taken(&workspace.root, name.as_str())? {
        return Err(NewProblem::NameTaken { name: name.to_string(), package }.into());
    }
    let manifest = members::with_member(&workspace.manifest, &format!("jobs-wasm/{name}"))?;
    make(place, name, folder)?;
    let path = workspace.root.join("Cargo.toml");
    let replaced = manifest.map_or(Ok(()), |manifest| replace(&path, &manifest));
    if let Err(error) = replaced {
        // What cannot be a member is not left behind.
        let _ = fs::remove_dir_all(folder);
        return Err(NewProblem::unwritable(&path, &error).into());
    }
    Ok(())
}

/// Writes the crate aside and renames it. What is there by then stays.
fn make(place: &Place, name: &JobName, folder: &Path) -> Result<(), NewProblem> {
    let unwritable = |error: io::Error| NewProblem::unwritable(folder, &error);
    let parent = if place.parent == Path::new("") { Path::new(".") } else { &place.parent };
    let aside = tempfile::Builder::new().prefix(".new-").tempdir_in(parent).map_err(unwritable)?;
    for (path, content) in files::of(name, place, folder) {
        let path = aside.path().join(path);
        let beside = path.parent().unwrap_or_else(|| aside.path());
        fs::create_dir_all(beside).and_then(|()| fs::write(&path, content)).map_err(unwritable)?;
    }
    // A temporary folder is for its owner alone.
    fs::set_permissions(aside.path(), fs::Permissions::from_mode(0o755)).map_err(unwritable)?;
    renameat_with(CWD, aside.path(), CWD, folder, RenameFlags::NOREPLACE)
        .map_err(|error| unwritable(error.into()))?;
    let _renamed = aside.keep();
    Ok(())
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = path.canonicalize()?;
    let mut aside = tempfile::NamedTempFile::new_in(path.parent().unwrap_or_else(|| Path::new("/")))?;
    aside.write_all(text.as_bytes())?;
    aside.as_file().set_permissions(fs::metadata(&path)?.permissions())?;
    aside.as_file().sync_all()?;
    aside.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

fn next_steps(name: &JobName, folder: &Path, is_member: bool) -> String {
    let folder = terminal::shell_word(&folder.to_string_lossy());
    let envelope = files::envelope(name);
    let (enter, test, checked, built) = if is_member {
        (String::new(), format!("cargo test -p {name}"), folder.clone(), name.to_string())
    } else {
        (format!("\n  cd {folder}"), "cargo test".to_owned(), ".".to_owned(), ".".to_owned())
    };
    format!(
        "made {folder}: src/lib.rs, job.toml, samples/

next: edit src/lib.rs, then{enter}
  {test}
  mainworker module check {checked}
  mainworker module build {built}
  echo '{envelope}' | mainworker run -"
    )
}
