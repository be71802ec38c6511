//! Debian's registry, and `skopeo` between it and an OCI image layout in a directory.

use crate::client::{INDEX, MANIFEST, blob, content, credentials, manifest, options, pull};
use crate::docker_registry::{DockerRegistry, PASSWORD, Setup, USERNAME, blob_file, skopeo};
use mainworker_publishing::registry::{Registry, RegistryOptions};
use mainworker_publishing::repository::{Content, Repository, RepositoryError, Tagging};
use serde_json::json;
use std::fs;
use std::sync::Mutex;
use tempfile::TempDir;

const TAG: &str = "echo-1.0.0";

fn client(running: &DockerRegistry) -> Registry {
    client_with(running, |_| {})
}

fn client_with(running: &DockerRegistry, change: impl FnOnce(&mut RegistryOptions)) -> Registry {
    let (mut options, _) = options(running.host());
    change(&mut options);
    Registry::new(&options).unwrap()
}

/// A module with its config and its manifest, as they are published, and an index of what refers to that manifest.
struct Release {
    module: Content,
    config: Content,
    manifest: Content,
    referrers: Content,
}

fn release(size: usize) -> Release {
    let module = blob(vec![0x5a; size]);
    let config = content("application/vnd.wasm.config.v0+json", r#"{"architecture":"wasm","os":"wasip2"}"#);
    let manifest = content(
        MANIFEST,
        json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": config.descriptor, "layers": [module.descriptor],
        })
        .to_string(),
    );
    let referrers = content(
        INDEX,
        json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [manifest.descriptor] }).to_string(),
    );
    Release { module, config, manifest, referrers }
}

async fn push(registry: &Registry, release: &Release) -> Result<(), RepositoryError> {
    registry.put_blob(&release.module, &|_| {}).await?;
    registry.put_blob(&release.config, &|_| {}).await?;
    registry.put_manifest(&release.manifest).await?;
    registry.put_tag(&referrers_tag(release), &release.referrers, Tagging::Movable).await?;
    registry.put_tag(TAG, &release.manifest, Tagging::Fixed).await
}

fn referrers_tag(release: &Release) -> String {
    release.manifest.descriptor.digest.to_string().replace(':', "-")
}

#[tokio::test]
async fn what_is_pushed_is_pulled_the_same() {
    let folder = TempDir::new().unwrap();
    let running = DockerRegistry::start(folder.path(), Setup::default());
    let registry = client(&running);
    assert!(registry.tags().await.unwrap().is_empty());
    assert_eq!(registry.resolve(TAG).await.unwrap(), None);

    let release = release(5_000_000);
    let sent = Mutex::new(Vec::new());
    registry.put_blob(&release.module, &|bytes| sent.lock().unwrap().push(bytes)).await.unwrap();
    push(&registry, &release).await.unwrap();
    let sent = sent.into_inner().unwrap();
    assert!(sent.is_sorted() && sent.len() > 2 && sent.last() == Some(&5_000_000), "{sent:?}");

    let mut tags = registry.tags().await.unwrap();
    tags.sort();
    assert_eq!(tags, [TAG.to_owned(), referrers_tag(&release)]);
    assert_eq!(registry.resolve(TAG).await.unwrap(), Some(release.manifest.descriptor.clone()));
    assert_eq!(registry.manifest(release.manifest.descriptor.digest).await.unwrap(), release.manifest);
    assert_eq!(registry.manifest(release.referrers.descriptor.digest).await.unwrap(), release.referrers);
    let heard = Mutex::new(0);
    let pulled = registry.blob(&release.module.descriptor, &|bytes| *heard.lock().unwrap() = bytes).await;
    assert!(pulled.unwrap() == release.module.bytes);
    assert_eq!(heard.into_inner().unwrap(), 5_000_000);
}

#[tokio::test]
async fn a_version_is_not_moved_and_a_list_is() {
    let folder = TempDir::new().unwrap();
    let running = DockerRegistry::start(folder.path(), Setup::default());
    let registry = client(&running);
    let (first, second) = (release(10), release(20));
    push(&registry, &first).await.unwrap();
    push(&registry, &first).await.expect("the same once more is as wanted");
    match push(&registry, &second).await {
        Err(RepositoryError::TagMoved { found, expected, .. }) => {
            assert_eq!(found, first.manifest.descriptor.digest);
            assert_eq!(expected, second.manifest.descriptor.digest);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(registry.resolve(TAG).await.unwrap().unwrap().digest, first.manifest.descriptor.digest);

    registry.put_tag("list", &first.referrers, Tagging::Movable).await.unwrap();
    registry.put_tag("list", &second.referrers, Tagging::Movable).await.unwrap();
    let moved = registry.resolve("list").await.unwrap().unwrap();
    assert_eq!(moved.digest, second.referrers.descriptor.digest);
}

#[tokio::test]
async fn a_manifest_whose_blobs_are_missing_is_not_taken() {
    let folder = TempDir::new().unwrap();
    let running = DockerRegistry::start(folder.path(), Setup::default());
    let registry = client(&running);
    let release = release(10);
    let error = registry.put_manifest(&release.manifest).await.unwrap_err();
    assert!(error.to_string().contains("400 Bad Request (MANIFEST_BLOB_UNKNOWN"), "{error}");
    assert_eq!(registry.resolve(TAG).await.unwrap(), None);
    let error = registry.manifest(manifest("never pushed").descriptor.digest).await.unwrap_err();
    assert!(matches!(error, RepositoryError::Missing { .. }), "{error}");
    let error = pull(&registry, &release.module).await.unwrap_err();
    assert!(matches!(error, RepositoryError::Missing { .. }), "{error}");
}

#[tokio::test]
async fn only_whoever_has_the_password_comes_in() {
    let folder = TempDir::new().unwrap();
    let running = DockerRegistry::start(folder.path(), Setup { asks_for_password: true, ..Setup::default() });
    let with = |username: &str, password: &str| {
        let credentials = credentials(username, password);
        client_with(&running, |options| options.credentials = credentials)
    };
    let release = release(10);
    let right = with(USERNAME, PASSWORD);
    push(&right, &release).await.unwrap();
    assert_eq!(pull(&right, &release.module).await.unwrap(), release.module.bytes);
    assert_eq!(right.tags().await.unwrap().len(), 2);

    for stranger in [client(&running), with(USERNAME, "open-sesam"), with("ce", PASSWORD)] {
        for error in [
            push(&stranger, &release).await.unwrap_err(),
            pull(&stranger, &release.module).await.unwrap_err(),
            stranger.resolve(TAG).await.unwrap_err(),
            stranger.tags().await.unwrap_err(),
        ] {
            assert!(matches!(error, RepositoryError::Denied { .. }), "{error}");
            assert!(error.to_string().contains(running.host()), "{error}");
            assert!(!format!("{error:?}").contains("sesam"), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_registry_for_reading_gives_and_does_not_take() {
    let folder = TempDir::new().unwrap();
    let writing = DockerRegistry::start(folder.path(), Setup::default());
    let (first, second) = (release(10), release(20));
    push(&client(&writing), &first).await.unwrap();

    let reading = DockerRegistry::start(folder.path(), Setup { is_read_only: true, ..Setup::default() });
    let registry = client(&reading);
    assert_eq!(pull(&registry, &first.module).await.unwrap(), first.module.bytes);
    assert!(registry.resolve(TAG).await.unwrap().is_some());
    for error in [
        push(&registry, &second).await.unwrap_err(),
        registry.put_manifest(&first.manifest).await.unwrap_err(),
        registry.put_tag("echo-2.0.0", &first.manifest, Tagging::Fixed).await.unwrap_err(),
    ] {
        assert!(matches!(error, RepositoryError::Denied { .. }), "{error}");
        assert!(error.to_string().contains("405 Method Not Allowed"), "{error}");
    }
}

#[tokio::test]
async fn what_was_changed_in_the_storage_is_not_taken() {
    let folder = TempDir::new().unwrap();
    let running = DockerRegistry::start(folder.path(), Setup::default());
    let registry = client(&running);
    let release = release(1_000);
    push(&registry, &release).await.unwrap();
    let file = |content: &Content| blob_file(folder.path(), &content.descriptor.digest.to_string());

    let mut changed = release.module.bytes.clone();
    changed[500] ^= 1;
    for (bytes, said) in [
        (changed, "found sha256:"),
        (release.module.bytes[..999].to_vec(), "found 999 bytes"),
        ([release.module.bytes.as_slice(), b"!"].concat(), "more than 1000 bytes"),
    ] {
        fs::write(file(&release.module), bytes).unwrap();
        let error = pull(&registry, &release.module).await.unwrap_err();
        assert!(matches!(error, RepositoryError::OtherContent { .. }), "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }

    let text = String::from_utf8(release.manifest.bytes.clone()).unwrap();
    fs::write(file(&release.manifest), text.replace("1000", "1001")).unwrap();
    assert!(text.contains("1000"));
    let digest = release.manifest.descriptor.digest;
    for error in [registry.manifest(digest).await.unwrap_err(), registry.resolve(TAG).await.unwrap_err()] {
        let refused_by_either =
            matches!(error, RepositoryError::OtherContent { .. } | RepositoryError::Unavailable { .. });
        assert!(refused_by_either, "{error}");
    }
}

#[tokio::test]
async fn what_is_copied_to_a_directory_and_back_keeps_its_digest() {
    let folder = TempDir::new().unwrap();
    let running = DockerRegistry::start(folder.path(), Setup::default());
    let registry = client(&running);
    let release = release(1_000);
    push(&registry, &release).await.unwrap();

    let layout = folder.path().join("layout");
    let there = |repository: &str, tag: &str| format!("docker://{}/{repository}:{tag}", running.host());
    let here = |tag: &str| format!("oci:{}:{tag}", layout.display());
    let referrers = referrers_tag(&release);
    for (tag, expected) in [(TAG, &release.manifest), (referrers.as_str(), &release.referrers)] {
        skopeo(&["copy", "--all", "--src-tls-verify=false", &there("company/jobs", tag), &here(tag)]);
        skopeo(&["copy", "--all", "--dest-tls-verify=false", &here(tag), &there("copied", tag)]);
        let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &there("copied", tag)]);
        assert_eq!(String::from_utf8_lossy(&raw), String::from_utf8_lossy(&expected.bytes));
    }
    let file = |content: &Content| layout.join("blobs/sha256").join(content.descriptor.digest.hex());
    for content in [&release.module, &release.config, &release.manifest, &release.referrers] {
        assert!(fs::read(file(content)).unwrap() == content.bytes);
    }

    let place = format!("oci://{}/copied", running.host());
    let Ok(mainworker_publishing::place::Place::Registry { repository, .. }) =
        mainworker_publishing::place::Place::parse(&place)
    else {
        panic!("{place}")
    };
    let copied = client_with(&running, |options| options.repository = repository);
    assert_eq!(copied.resolve(TAG).await.unwrap(), Some(release.manifest.descriptor.clone()));
    assert_eq!(copied.manifest(release.referrers.descriptor.digest).await.unwrap(), release.referrers);
    assert!(pull(&copied, &release.module).await.unwrap() == release.module.bytes);
}
