//! Compiled modules are kept, and a damaged one is compiled anew.

use crate::support::harness::{Harness, describe, manifest_json, start};
use crate::support::job_text::job;
use mainworker_sandbox::module_cache::ModuleCache;
use mainworker_sandbox::module_file::ModuleFile;
use std::fs;
use std::path::PathBuf;

#[tokio::test]
async fn a_module_is_compiled_once_and_again_only_where_its_code_is_damaged() {
    let _harness = Harness::shared().await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("compiled");
    let sandbox = || start(Some(ModuleCache::open(&folder).unwrap()));
    let bytes = wat::parse_str(job("", "")).unwrap();
    let file = ModuleFile::pack(&bytes, &describe(manifest_json())).unwrap();

    let first = sandbox();
    assert!(first.prepare(&file).unwrap().was_compiled());
    assert!(!first.prepare(&file).unwrap().was_compiled());
    let second = sandbox();
    assert!(!second.prepare(&file).unwrap().was_compiled(), "code outlives its sandbox");

    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let code: Vec<PathBuf> = files.filter(|path| !path.ends_with("key")).collect();
    assert_eq!(code.len(), 1, "{code:?}");
    let whole = fs::read(&code[0]).unwrap();
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    for damaged in [changed, whole[..whole.len() / 2].to_vec(), Vec::new(), b"not code".to_vec()] {
        fs::write(&code[0], &damaged).unwrap();
        assert!(second.prepare(&file).unwrap().was_compiled());
        assert_eq!(fs::read(&code[0]).unwrap(), whole, "it is mended");
    }
    assert!(!second.prepare(&file).unwrap().was_compiled());
}

#[tokio::test]
async fn another_manifest_is_another_module() {
    let _harness = Harness::shared().await;
    let folder = tempfile::tempdir().unwrap();
    let sandbox = start(Some(ModuleCache::open(&folder.path().join("compiled")).unwrap()));
    let bytes = wat::parse_str(job("", "")).unwrap();
    let mut manifest = manifest_json();
    for expected in ["0.1.0", "0.1.1"] {
        manifest["job"]["version"] = expected.into();
        let file = ModuleFile::pack(&bytes, &describe(manifest.clone())).unwrap();
        let module = sandbox.prepare(&file).unwrap();
        assert!(module.was_compiled());
        assert_eq!(module.revision().manifest().job.version.to_string(), expected);
    }
}
