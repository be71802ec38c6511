//! What a publication is made of, and the way of a release through repositories.

use crate::fixture::{
    CREATED, digest, facts, job, key, module, policy, publication, published, tag, version, wanted,
};
use mainworker_domain::lifecycle::Timestamp;
use mainworker_publishing::bundle;
use mainworker_publishing::layout::Layout;
use mainworker_publishing::publication::{
    INDEX_MEDIA_TYPE, MANIFEST_MEDIA_TYPE, PublicationError, Pulled, Unsigned, find, keep, publish, pull,
    referrers_tag,
};
use mainworker_publishing::repository::{Repository, RepositoryError, Tagging};
use mainworker_publishing::trust::Release;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Mutex;

/// Every file of a folder, with its content.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    files
}

fn trusted(pulled: Pulled) -> Release {
    let (name, text) = ("echo", "1.2.0");
    let verified = policy().verify(pulled, &BTreeSet::new(), CREATED).unwrap();
    verified.admit(&crate::fixture::revision(name, text), &crate::fixture::capabilities()).unwrap()
}

#[test]
fn the_content_has_the_form_that_others_read() {
    let publication = publication("echo", "1.2.0", 1);
    let module = module("echo", "1.2.0");
    let config: Value = serde_json::from_slice(&publication.config().bytes).unwrap();
    assert_eq!(
        config,
        json!({
            "created": "2026-11-20T12:00:00.000Z",
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [digest(&module).to_string()],
            "component": {
                "exports": ["mainworker:job/run@0.1.0"],
                "imports": ["mainworker:job/log@0.1.0", "wasi:clocks/monotonic-clock@0.2.0"],
            },
        })
    );
    let manifest: Value = serde_json::from_slice(&publication.manifest().bytes).unwrap();
    assert_eq!(
        manifest,
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.wasm.config.v0+json",
                "digest": digest(&publication.config().bytes).to_string(),
                "size": publication.config().bytes.len(),
            },
            "layers": [{
                "mediaType": "application/wasm",
                "digest": digest(&module).to_string(),
                "size": module.len(),
                "annotations": { "org.opencontainers.image.title": "echo.wasm" },
            }],
            "annotations": {
                "org.opencontainers.image.created": "2026-11-20T12:00:00.000Z",
                "org.opencontainers.image.revision": "2c799b932c799b932c799b932c799b932c799b93",
                "org.opencontainers.image.source": "git+https://git.example/jobs",
                "org.opencontainers.image.title": "echo",
                "org.opencontainers.image.version": "1.2.0",
            },
        })
    );
    assert_eq!(publication.manifest().descriptor.media_type, MANIFEST_MEDIA_TYPE);
    assert_eq!(publication.tag(), "echo-1.2.0");
}

#[test]
fn the_same_module_facts_and_moment_are_the_same_content() {
    let of = |number| publication("echo", "1.2.0", number).manifest().descriptor.digest;
    assert_eq!(of(1), of(1));
    assert_eq!(of(1), of(2), "who signs changes nothing in it");
    let bundles = |number| {
        let publication = publication("echo", "1.2.0", number);
        publication.bundles().map(|(_, bytes)| bytes.to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(bundles(1), bundles(1));
    assert_ne!(bundles(1), bundles(2));

    let manifest =
        |facts| Unsigned::new(module("echo", "1.2.0"), facts).unwrap().manifest().descriptor.digest;
    let mut later = facts("echo", "1.2.0");
    later.created = Timestamp::from_ms(CREATED.as_ms() + 1000);
    assert_ne!(manifest(later), of(1));
    let mut other = facts("echo", "1.2.0");
    other.imports.pop();
    assert_ne!(manifest(other), of(1));
}

#[test]
fn the_bytes_do_not_change_from_one_version_of_this_program_to_the_next() {
    // A digest that is known to somebody: a change of it makes every release of before another content.
    let digest = publication("echo", "1.2.0", 1).manifest().descriptor.digest;
    assert_eq!(digest.to_string(), "sha256:9609704c156cacdf3b55101d65c8c2ceb6fc0bd9ad593e8d0bbd9cb3b0863f41");
}

#[tokio::test]
async fn what_is_published_is_pulled() {
    let publication = publication("echo", "1.2.0", 1);
    let (_folder, layout) = published(std::slice::from_ref(&publication)).await;
    let heard = Mutex::new(Vec::new());
    let hear = |bytes, all| heard.lock().unwrap().push((bytes, all));
    let pulled = pull(&layout, &wanted("echo@1.2.0"), &hear).await.unwrap();
    assert_eq!(pulled.manifest, publication.manifest().bytes);
    assert_eq!(pulled.config, publication.config().bytes);
    assert_eq!(pulled.module, module("echo", "1.2.0"));
    assert_eq!(pulled.bundles, publication.bundles().map(|(_, bytes)| bytes.to_vec()).collect::<Vec<_>>());
    let bytes = pulled.module.len() as u64;
    assert_eq!(heard.into_inner().unwrap().last(), Some(&(bytes, bytes)));
    assert_eq!(trusted(pulled).module(), module("echo", "1.2.0"));
}

#[tokio::test]
async fn what_refers_to_a_manifest_is_listed_under_its_digest() {
    let publication = publication("echo", "1.2.0", 1);
    let (_folder, layout) = published(std::slice::from_ref(&publication)).await;
    let manifest = publication.manifest().descriptor.digest;
    assert_eq!(referrers_tag(manifest), format!("sha256-{}", manifest.hex()));
    let listed = layout.resolve(&referrers_tag(manifest)).await.unwrap().unwrap();
    assert_eq!(listed.media_type, INDEX_MEDIA_TYPE);
    let index: Value = serde_json::from_slice(&layout.manifest(listed.digest).await.unwrap().bytes).unwrap();
    let entries = index["manifests"].as_array().unwrap();
    assert_eq!((index["schemaVersion"].as_u64(), entries.len()), (Some(2), 2));
    for (entry, (predicate, bytes)) in entries.iter().zip(publication.bundles()) {
        assert_eq!(entry["artifactType"], bundle::MEDIA_TYPE);
        assert_eq!(entry["annotations"]["dev.sigstore.bundle.predicateType"], predicate.uri());
        let named = mainworker_domain::digest::Digest::parse(entry["digest"].as_str().unwrap()).unwrap();
        let attached: Value = serde_json::from_slice(&layout.manifest(named).await.unwrap().bytes).unwrap();
        assert_eq!(
            attached,
            json!({
                "schemaVersion": 2,
                "mediaType": MANIFEST_MEDIA_TYPE,
                "artifactType": bundle::MEDIA_TYPE,
                "config": {
                    "mediaType": "application/vnd.oci.empty.v1+json",
                    "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
                    "size": 2,
                },
                "layers": [{
                    "mediaType": bundle::MEDIA_TYPE,
                    "digest": digest(bytes).to_string(),
                    "size": bytes.len(),
                }],
                "subject": {
                    "mediaType": MANIFEST_MEDIA_TYPE,
                    "digest": manifest.to_string(),
                    "size": publication.manifest().bytes.len(),
                },
                "annotations": {
                    "dev.sigstore.bundle.content": "dsse-envelope",
                    "dev.sigstore.bundle.predicateType": predicate.uri(),
                },
            })
        );
    }
}

#[tokio::test]
async fn a_release_is_the_same_content_in_every_repository() {
    let (_from, source) = published(&[publication("echo", "1.2.0", 1)]).await;
    let (_to, kept) = published(&[]).await;
    let release = trusted(pull(&source, &wanted("echo"), &|_, _| ()).await.unwrap());
    keep(&kept, &release).await.unwrap();
    assert_eq!(files(kept.path()), files(source.path()));
    let again = format!("echo@{}", release.facts().manifest);
    let pulled = pull(&kept, &wanted(&again), &|_, _| ()).await.unwrap();
    assert_eq!(trusted(pulled).facts(), release.facts());
}

#[tokio::test]
async fn publishing_the_same_again_changes_nothing_and_says_so() {
    let publication = publication("echo", "1.2.0", 1);
    let (_folder, layout) = published(&[]).await;
    let first = publish(&layout, &publication, &|_, _| ()).await.unwrap();
    assert!(!first.was_there);
    assert_eq!(
        (first.tag.as_str(), first.manifest),
        ("echo-1.2.0", publication.manifest().descriptor.digest)
    );
    let before = files(layout.path());
    let second = publish(&layout, &publication, &|_, _| ()).await.unwrap();
    assert!(second.was_there);
    assert_eq!(files(layout.path()), before);
}

#[tokio::test]
async fn a_version_is_not_moved_and_nothing_is_written_for_it() {
    let (_folder, layout) = published(&[publication("echo", "1.2.0", 1)]).await;
    let before = files(layout.path());
    let mut other = facts("echo", "1.2.0");
    other.created = Timestamp::from_ms(CREATED.as_ms() + 1000);
    let other = Unsigned::new(b"another module".to_vec(), other).unwrap().sign(&key(1)).unwrap();
    let refused = publish(&layout, &other, &|_, _| ()).await.unwrap_err();
    let PublicationError::Repository(RepositoryError::TagMoved { tag, found, expected, .. }) = &refused
    else {
        panic!("{refused}");
    };
    assert_eq!(tag, "echo-1.2.0");
    assert_eq!(*found, publication("echo", "1.2.0", 1).manifest().descriptor.digest);
    assert_eq!(*expected, other.manifest().descriptor.digest);
    assert_eq!(files(layout.path()), before);
}

#[tokio::test]
async fn a_release_that_is_signed_again_keeps_its_signatures_and_what_others_attached() {
    let (_folder, layout) = published(&[publication("echo", "1.2.0", 1)]).await;
    let manifest = publication("echo", "1.2.0", 1).manifest().descriptor.digest;
    let listed = layout.resolve(&referrers_tag(manifest)).await.unwrap().unwrap();
    let mut index: Value =
        serde_json::from_slice(&layout.manifest(listed.digest).await.unwrap().bytes).unwrap();
    let sbom = json!({
        "mediaType": MANIFEST_MEDIA_TYPE, "digest": digest(b"x").to_string(), "size": 1,
        "artifactType": "application/spdx+json", "platform": { "os": "wasip2", "architecture": "wasm" },
    });
    index["manifests"].as_array_mut().unwrap().insert(0, sbom.clone());
    let bytes = index.to_string().into_bytes();
    let mut content = layout.manifest(listed.digest).await.unwrap();
    content.descriptor.digest = digest(&bytes);
    content.descriptor.size = bytes.len() as u64;
    content.bytes = bytes;
    layout.put_manifest(&content).await.unwrap();
    layout.put_tag(&referrers_tag(manifest), &content, Tagging::Movable).await.unwrap();

    let again = publish(&layout, &publication("echo", "1.2.0", 2), &|_, _| ()).await.unwrap();
    assert!(!again.was_there);
    let listed = layout.resolve(&referrers_tag(manifest)).await.unwrap().unwrap();
    let index: Value = serde_json::from_slice(&layout.manifest(listed.digest).await.unwrap().bytes).unwrap();
    assert_eq!(index["manifests"].as_array().unwrap().len(), 5);
    assert_eq!(index["manifests"][0], sbom);
    let pulled = pull(&layout, &wanted("echo@1.2.0"), &|_, _| ()).await.unwrap();
    assert_eq!(pulled.bundles.len(), 4, "what is no bundle is left alone");
    assert_eq!(trusted(pulled).facts().signers[0].id, "ci-2026");
}

#[tokio::test]
async fn what_is_half_pushed_has_no_version_and_is_completed_by_the_next_try() {
    let publication = publication("echo", "1.2.0", 1);
    let (_folder, layout) = published(&[]).await;
    layout.put_blob(publication.module(), &|_| ()).await.unwrap();
    layout.put_blob(publication.config(), &|_| ()).await.unwrap();
    layout.put_manifest(publication.manifest()).await.unwrap();
    let nothing = pull(&layout, &wanted("echo@1.2.0"), &|_, _| ()).await.unwrap_err();
    assert!(matches!(nothing, PublicationError::NoSuchVersion { .. }), "{nothing}");
    assert!(!publish(&layout, &publication, &|_, _| ()).await.unwrap().was_there);
    trusted(pull(&layout, &wanted("echo@1.2.0"), &|_, _| ()).await.unwrap());
}

#[tokio::test]
async fn the_newest_is_the_highest_that_is_released() {
    let publications = ["1.9.0", "1.10.0", "2.0.0-rc.1"].map(|text| publication("echo", text, 1));
    let mail = publication("mail", "9.0.0-rc.1", 1);
    let (_folder, layout) = published(&[publications.as_slice(), &[mail]].concat()).await;
    for (asked, expected) in [
        ("echo", "echo@1.10.0"),
        ("echo@1.9.0", "echo@1.9.0"),
        ("echo@2.0.0-rc.1", "echo@2.0.0-rc.1"),
        ("mail", "mail@9.0.0-rc.1"),
    ] {
        let (found, manifest) = find(&layout, &wanted(asked)).await.unwrap();
        assert_eq!(found.to_string(), expected);
        let (name, text) = expected.split_once('@').unwrap();
        assert_eq!(manifest, layout.resolve(&tag(name, text)).await.unwrap().unwrap().digest);
    }
    for asked in ["echo@3.0.0", "charge"] {
        let error = find(&layout, &wanted(asked)).await.unwrap_err();
        let PublicationError::NoSuchVersion { wanted, versions, .. } = error else { panic!("{error}") };
        assert_eq!(wanted, asked);
        let expected: &[_] =
            if asked == "charge" { &[] } else { &["1.9.0", "1.10.0", "2.0.0-rc.1"].map(version) };
        assert_eq!(versions, expected);
    }
    assert_eq!(job("echo").as_str(), "echo");
}

#[tokio::test]
async fn what_is_no_module_is_not_pulled() {
    let (_folder, layout) = published(&[publication("echo", "1.2.0", 1)]).await;
    let manifest = publication("echo", "1.2.0", 1).manifest().clone();
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 9] = [
        ("no layer", |value| value["layers"] = json!([])),
        ("two layers", |value| {
            let layer = value["layers"][0].clone();
            value["layers"].as_array_mut().unwrap().push(layer);
        }),
        ("other layer", |value| value["layers"][0]["mediaType"] = json!("application/octet-stream")),
        ("other config", |value| {
            value["config"]["mediaType"] = json!("application/vnd.oci.image.config.v1+json")
        }),
        ("other version", |value| value["schemaVersion"] = json!(1)),
        ("index", |value| value["mediaType"] = json!(INDEX_MEDIA_TYPE)),
        ("large module", |value| value["layers"][0]["size"] = json!((64 << 20) + 1)),
        ("large config", |value| value["config"]["size"] = json!(1 << 30)),
        ("bad digest", |value| value["layers"][0]["digest"] = json!("sha256:../../etc/passwd")),
    ];
    for (name, change) in changes {
        let mut value: Value = serde_json::from_slice(&manifest.bytes).unwrap();
        change(&mut value);
        let mut other = manifest.clone();
        other.bytes = value.to_string().into_bytes();
        other.descriptor.digest = digest(&other.bytes);
        other.descriptor.size = other.bytes.len() as u64;
        layout.put_manifest(&other).await.unwrap();
        let asked = wanted(&format!("echo@{}", other.descriptor.digest));
        let refused = pull(&layout, &asked, &|_, _| ()).await.unwrap_err();
        let expected =
            matches!(refused, PublicationError::NotAPublication { .. } | PublicationError::TooLarge { .. });
        assert!(expected, "{name}: {refused}");
    }
}

#[tokio::test]
async fn more_statements_than_are_looked_at_are_refused() {
    let (_folder, layout) = published(&[publication("echo", "1.2.0", 1)]).await;
    for number in 2..=16 {
        publish(&layout, &publication("echo", "1.2.0", number), &|_, _| ()).await.unwrap();
    }
    assert_eq!(pull(&layout, &wanted("echo"), &|_, _| ()).await.unwrap().bundles.len(), 32);
    publish(&layout, &publication("echo", "1.2.0", 17), &|_, _| ()).await.unwrap();
    let refused = pull(&layout, &wanted("echo"), &|_, _| ()).await.unwrap_err();
    assert!(matches!(refused, PublicationError::TooManyBundles { found: 34, .. }), "{refused}");
}

#[tokio::test]
async fn what_no_kept_release_needs_goes() {
    let publications = ["1.0.0", "1.1.0", "1.2.0"].map(|text| publication("echo", text, 1));
    let (_folder, layout) = published(&publications).await;
    let (_other, expected) = published(&publications[1..]).await;
    let kept: BTreeSet<_> = publications[1..].iter().map(|kept| kept.manifest().descriptor.digest).collect();
    assert_eq!(layout.retain(kept.clone()).await.unwrap(), 8);
    assert_eq!(files(layout.path()), files(expected.path()));
    assert_eq!(layout.retain(kept).await.unwrap(), 0);

    // One that is missing keeps nothing, and keeps nothing from going.
    let [missing, _, last] = publications.each_ref().map(|it| it.manifest().descriptor.digest);
    assert_eq!(layout.retain(BTreeSet::from([missing, last])).await.unwrap(), 8);
    let (_alone, expected) = published(&publications[2..]).await;
    assert_eq!(files(layout.path()), files(expected.path()));
    let layout = Layout::open(layout.path()).await.unwrap();
    layout.retain(BTreeSet::new()).await.unwrap();
    assert_eq!(layout.tags().await.unwrap(), Vec::<String>::new());
}
