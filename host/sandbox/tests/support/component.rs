//! The component of all probes, built once.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The bytes of `tests/guests` as a component.
pub(crate) fn probes() -> &'static [u8] {
    static COMPONENT: LazyLock<Vec<u8>> = LazyLock::new(build);
    &COMPONENT
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn build() -> Vec<u8> {
    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["build", "--quiet", "--package", "guests", "--target", "wasm32-wasip2", "--profile", "job"])
        .args(["--message-format", "json"])
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Only cargo knows which folder it built into.
    let mut built = output.stdout.split(|&byte| byte == b'\n').filter_map(|line| {
        let message: serde_json::Value = serde_json::from_slice(line).ok()?;
        let files = message["filenames"].as_array()?.iter().filter_map(|file| file.as_str());
        files.map(PathBuf::from).find(|file| file.ends_with("guests.wasm"))
    });
    let path = built.next_back().expect("cargo names the component");
    std::fs::read(path).expect("the component is there")
}
