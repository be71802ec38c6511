//! The jobs that the tests run, each built once.

use mainworker_domain::catalog::ModuleDescription;
use mainworker_domain::manifest::Manifest;
use mainworker_sandbox::module_file::ModuleFile;
use serde_json::Value;
use std::env;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
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
    static SHARED: LazyLock<PathBuf> = LazyLock::new(|| {
        let data = kept("data");
        let cache = data.join("module-cache");
        DirBuilder::new().recursive(true).mode(0o700).create(&cache).expect("a folder");
        // One key for all hosts of these tests, so that each takes what another compiled.
        let key = OpenOptions::new().write(true).create_new(true).mode(0o600).open(cache.join("key"));
        match key {
            Ok(mut key) => {
                key.write_all(b"one for all hosts of these tests").expect("a file");
                // What was compiled before there was a key is nobody's.
                for entry in fs::read_dir(&cache).expect("a folder").filter_map(Result::ok) {
                    if entry.file_name() != "key" {
                        fs::remove_file(entry.path()).expect("a file");
                    }
                }
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}"),
        }
        data
    });
    SHARED.clone()
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
    static PROBES: LazyLock<Vec<u8>> = LazyLock::new(|| component("guests"));
    &PROBES
}

/// A job of `jobs-wasm` with another manifest than its own: as its own says it, but for what `change` does to it.
pub(crate) fn changed(job: &str, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let module = fs::read(built().join(format!("{job}.wasm"))).expect("the job is built");
    let module = ModuleFile::admit(module).expect("it is admitted");
    let description = module.revision().description();
    let mut manifest = description.manifest.to_json();
    change(&mut manifest);
    let manifest = Manifest::from_json(&manifest).expect("the manifest is valid");
    let description = ModuleDescription { manifest, ..description.clone() };
    let packed = ModuleFile::pack(&component(job), &description).expect("it is admitted");
    packed.bytes().to_vec()
}

/// A component as cargo builds it, without a manifest.
fn component(package: &str) -> Vec<u8> {
    let build = Command::new(env!("CARGO"))
        .current_dir(workspace())
        .args(["build", "--quiet", "--package", package, "--target", "wasm32-wasip2", "--profile", "job"])
        .args(["--message-format", "json"])
        .output()
        .expect("cargo starts");
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    let name = format!("{}.wasm", package.replace('-', "_"));
    // Only cargo knows which folder it built into.
    let mut files = build.stdout.split(|&byte| byte == b'\n').filter_map(|line| {
        let message: Value = serde_json::from_slice(line).ok()?;
        let files = message["filenames"].as_array()?.iter().filter_map(|file| file.as_str());
        files.map(PathBuf::from).find(|file| file.ends_with(&name))
    });
    fs::read(files.next_back().expect("cargo names the component")).expect("the component is there")
}
