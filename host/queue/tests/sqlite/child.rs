//! A test that needs a process of its own starts itself again: in the child it plays the other part.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Set in a child: the folder that it works in.
const CHILD: &str = "MAINWORKER_TEST_CHILD_FOLDER";

/// The folder, in a child; none in the test itself.
pub(crate) fn folder() -> Option<PathBuf> {
    env::var_os(CHILD).map(PathBuf::from)
}

/// This test again, as a child that works in `folder`.
pub(crate) fn again(test: &str, folder: &Path) -> Command {
    again_by(env::current_exe().unwrap(), test, folder)
}

/// The same by another path to this program.
pub(crate) fn again_by(program: impl AsRef<OsStr>, test: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["--exact", test, "--nocapture"]).env(CHILD, folder);
    command
}
