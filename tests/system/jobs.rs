//! The jobs that the tests run, each built once.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// The root of the workspace.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace is there")
}

/// A folder for what outlives a test.
pub(crate) fn kept(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("system").join(name);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Where compiled modules are kept, by digest, for all tests together.
pub(crate) fn shared_data() -> PathBuf {
    kept("data")
}

/// The folder with every job of `jobs-wasm`, built by the binary.
pub(crate) fn built() -> &'static Path {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
        let out = kept("modules");
        let build = Command::new(env!("CARGO_BIN_EXE_mainworker"))
            .args(["module", "build", "--out"])
            .arg(&out)
            .current_dir(workspace())
            .stdin(Stdio::null())
            .output()
            .expect("it starts");
        assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
        assert!(build.stdout.is_empty(), "it printed {}", String::from_utf8_lossy(&build.stdout));
        out
    });
    &BUILT
}

/// The probes of `tests/guests`, a component without a manifest.
pub(crate) fn probes() -> &'static [u8] {
    static PROBES: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let build = Command::new(env!("CARGO"))
            .current_dir(workspace())
            .args([
                "build",
                "--quiet",
                "--package",
                "guests",
                "--target",
                "wasm32-wasip2",
                "--profile",
                "job",
            ])
            .args(["--message-format", "json"])
            .output()
            .expect("cargo starts");
        assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
        // Only cargo knows which folder it built into.
        let mut files = build.stdout.split(|&byte| byte == b'\n').filter_map(|line| {
            let message: serde_json::Value = serde_json::from_slice(line).ok()?;
            let files = message["filenames"].as_array()?.iter().filter_map(|file| file.as_str());
            files.map(PathBuf::from).find(|file| file.ends_with("guests.wasm"))
        });
        fs::read(files.next_back().expect("cargo names the component")).expect("the component is there")
    });
    &PROBES
}
