//! A directory that somebody changed, and one that others made.

use crate::fixture::{digest, publication, published, wanted};
use mainworker_publishing::layout::Layout;
use mainworker_publishing::publication::{MANIFEST_MEDIA_TYPE, PublicationError, Pulled, publish, pull};
use mainworker_publishing::repository::{Content, Descriptor, Repository, RepositoryError, Tagging};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

async fn pulled(layout: &Layout) -> Result<Pulled, RepositoryError> {
    pull(layout, &wanted("echo@1.2.0"), &|_, _| ()).await.map_err(|error| match error {
        PublicationError::Repository(error) => error,
        other => panic!("{other}"),
    })
}

/// The files of all contents.
fn blobs(layout: &Layout) -> Vec<PathBuf> {
    let folder = layout.path().join("blobs/sha256");
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// The contents that pulling reads: all but the empty config of the bundles.
fn read_blobs(layout: &Layout) -> Vec<PathBuf> {
    let empty = digest(b"{}").hex();
    let read: Vec<_> = blobs(layout).into_iter().filter(|path| !path.ends_with(&empty)).collect();
    assert_eq!(read.len(), 8);
    read
}

fn content(bytes: &[u8]) -> Content {
    let descriptor = Descriptor {
        media_type: "application/octet-stream".to_owned(),
        digest: digest(bytes),
        size: bytes.len() as u64,
        artifact_type: None,
        annotations: BTreeMap::new(),
    };
    Content { descriptor, bytes: bytes.to_vec() }
}

#[tokio::test]
async fn a_changed_byte_anywhere_is_noticed() {
    let (_folder, layout) = published(&[publication("echo", "1.2.0", 1)]).await;
    for path in read_blobs(&layout) {
        let whole = fs::read(&path).unwrap();
        for at in [0, whole.len() / 2, whole.len() - 1] {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&path, changed).unwrap();
            let error = pulled(&layout).await.unwrap_err();
            assert!(matches!(error, RepositoryError::OtherContent { .. }), "{}: {error}", path.display());
        }
        fs::write(&path, whole).unwrap();
    }
    pulled(&layout).await.unwrap();
}

#[tokio::test]
async fn content_that_is_cut_grown_or_gone_is_noticed() {
    let (_folder, layout) = published(&[publication("echo", "1.2.0", 1)]).await;
    for path in read_blobs(&layout) {
        let whole = fs::read(&path).unwrap();
        for other in [whole[..whole.len() - 1].to_vec(), Vec::new(), [whole.as_slice(), b"\n"].concat()] {
            fs::write(&path, other).unwrap();
            let error = pulled(&layout).await.unwrap_err();
            assert!(matches!(error, RepositoryError::OtherContent { .. }), "{}: {error}", path.display());
        }
        // Without a byte on the disk, so that nobody could mean to read it.
        fs::File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
        let error = pulled(&layout).await.unwrap_err();
        let expected =
            matches!(error, RepositoryError::OtherContent { .. } | RepositoryError::TooLarge { .. });
        assert!(expected, "{}: {error}", path.display());
        fs::remove_file(&path).unwrap();
        let error = pulled(&layout).await.unwrap_err();
        assert!(matches!(error, RepositoryError::Missing { .. }), "{}: {error}", path.display());
        fs::write(&path, whole).unwrap();
    }
}

#[tokio::test]
async fn what_is_no_regular_file_is_not_read() {
    let (folder, layout) = published(&[publication("echo", "1.2.0", 1)]).await;
    let paths = read_blobs(&layout).into_iter().chain([layout.path().join("index.json")]);
    for path in paths {
        let whole = fs::read(&path).unwrap();
        let elsewhere = folder.path().join("elsewhere");
        fs::write(&elsewhere, &whole).unwrap();
        type Make = fn(&Path, &Path);
        let kinds: [Make; 3] = [
            |path, elsewhere| symlink(elsewhere, path).unwrap(),
            |path, _| {
                let mode = rustix::fs::Mode::from_raw_mode(0o600);
                rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
            },
            |path, _| fs::create_dir(path).unwrap(),
        ];
        for make in kinds {
            fs::remove_file(&path).unwrap();
            make(&path, &elsewhere);
            let error = pulled(&layout).await.unwrap_err();
            assert!(matches!(error, RepositoryError::Malformed { .. }), "{}: {error}", path.display());
            if fs::symlink_metadata(&path).unwrap().is_dir() {
                fs::remove_dir(&path).unwrap();
            } else {
                fs::remove_file(&path).unwrap();
            }
            fs::write(&path, &whole).unwrap();
        }
    }
    pulled(&layout).await.unwrap();
    for (name, inside) in [("blobs", "blobs"), ("blobs/sha256", "sha256")] {
        let (path, elsewhere) = (layout.path().join(name), folder.path().join(inside));
        fs::rename(&path, &elsewhere).unwrap();
        symlink(&elsewhere, &path).unwrap();
        let error = pulled(&layout).await.unwrap_err();
        assert!(matches!(error, RepositoryError::Malformed { .. }), "{name}: {error}");
        fs::remove_file(&path).unwrap();
        fs::rename(&elsewhere, &path).unwrap();
    }
}

#[tokio::test]
async fn an_index_with_more_than_one_meaning_is_refused() {
    let (_folder, layout) = published(&[publication("echo", "1.2.0", 1)]).await;
    let path = layout.path().join("index.json");
    let whole = fs::read_to_string(&path).unwrap();
    let mut twice: Value = serde_json::from_str(&whole).unwrap();
    let mut second = twice["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["annotations"]["org.opencontainers.image.ref.name"] == "echo-1.2.0");
    let mut second = second.take().unwrap().clone();
    second["digest"] = json!(digest(b"another").to_string());
    twice["manifests"].as_array_mut().unwrap().push(second);
    let no_index = [
        String::new(),
        "[]".to_owned(),
        "{}".to_owned(),
        whole[..whole.len() - 1].to_owned(),
        format!("{whole}{whole}"),
        whole.replacen("\"schemaVersion\":2", "\"schemaVersion\":1", 1),
        whole.replacen("\"schemaVersion\":2", "\"schemaVersion\":2,\"schemaVersion\":2", 1),
        whole.replace("image.index.v1", "image.manifest.v1"),
        whole.replace("\"manifests\":[", "\"manifests\":{},\"x\":["),
    ];
    let other_entries = [
        whole.replace("\"digest\":\"sha256:", "\"digest\":\"sha512:"),
        whole.replace("\"digest\":\"sha256:", "\"digest\":\"../"),
        whole.replace("\"size\":", "\"size\":-"),
        twice.to_string(),
    ];
    for bad in no_index.iter().chain(&other_entries) {
        assert_ne!(bad, &whole);
        fs::write(&path, bad).unwrap();
        let error = pulled(&layout).await.unwrap_err();
        assert!(matches!(error, RepositoryError::Malformed { .. }), "{bad}: {error}");
    }
    for bad in no_index {
        fs::write(&path, &bad).unwrap();
        let refused = publish(&layout, &publication("mail", "1.0.0", 1), &|_, _| ()).await;
        assert!(refused.is_err(), "nothing is written over what cannot be read");
        assert_eq!(fs::read_to_string(&path).unwrap(), bad);
    }
    fs::File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
    assert!(matches!(pulled(&layout).await.unwrap_err(), RepositoryError::TooLarge { .. }));
    fs::remove_file(&path).unwrap();
    assert!(matches!(pulled(&layout).await.unwrap_err(), RepositoryError::Missing { .. }));
}

#[tokio::test]
async fn only_a_layout_of_the_known_version_is_opened() {
    let (folder, layout) = published(&[]).await;
    let path = layout.path().join("oci-layout");
    for bad in ["", "{}", "{\"imageLayoutVersion\":\"1.1.0\"}", "{\"imageLayoutVersion\":1}", "[1.0.0]"] {
        fs::write(&path, bad).unwrap();
        for error in
            [Layout::open(layout.path()).await.unwrap_err(), Layout::create(layout.path()).await.unwrap_err()]
        {
            assert!(matches!(error, RepositoryError::Malformed { .. }), "{bad}: {error}");
        }
    }
    fs::remove_file(&path).unwrap();
    let error = Layout::open(layout.path()).await.unwrap_err();
    assert!(matches!(error, RepositoryError::NotARepository { .. }), "{error}");
    let error = Layout::open(&folder.path().join("nowhere")).await.unwrap_err();
    assert!(matches!(error, RepositoryError::Missing { .. }), "{error}");
    let error = Layout::create(folder.path()).await.unwrap_err();
    assert!(
        matches!(error, RepositoryError::NotARepository { .. }),
        "a folder with other things in it: {error}"
    );
    let left = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["published"], "nothing was put beside what is not ours");
}

#[tokio::test]
async fn a_layout_that_was_half_made_is_completed() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("oci-layout"), "{\"imageLayoutVersion\": \"1.0.0\"}").unwrap();
    fs::create_dir(folder.path().join("blobs")).unwrap();
    let layout = Layout::create(folder.path()).await.unwrap();
    publish(&layout, &publication("echo", "1.2.0", 1), &|_, _| ()).await.unwrap();
    pulled(&layout).await.unwrap();
}

#[tokio::test]
async fn what_others_wrote_is_read_and_kept() {
    let (_folder, layout) = published(&[publication("echo", "1.2.0", 1)]).await;
    // As skopeo writes it: no media type of its own, white space, entries of images and one without a tag.
    let path = layout.path().join("index.json");
    let ours: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let image = json!({
        "mediaType": MANIFEST_MEDIA_TYPE, "digest": digest(b"image").to_string(), "size": 5,
        "platform": { "architecture": "amd64", "os": "linux" },
        "annotations": { "org.opencontainers.image.ref.name": "latest", "io.example": "x" },
    });
    let nameless =
        json!({ "mediaType": MANIFEST_MEDIA_TYPE, "digest": digest(b"none").to_string(), "size": 4 });
    let entries =
        [vec![image.clone(), nameless.clone()], ours["manifests"].as_array().unwrap().clone()].concat();
    let theirs = json!({ "schemaVersion": 2, "manifests": entries, "annotations": { "a": "b" } });
    fs::write(&path, serde_json::to_string_pretty(&theirs).unwrap() + "\n").unwrap();
    fs::write(layout.path().join("oci-layout"), "{\n  \"imageLayoutVersion\": \"1.0.0\"\n}\n").unwrap();
    let layout = Layout::open(layout.path()).await.unwrap();
    pulled(&layout).await.unwrap();
    assert_eq!(layout.resolve("latest").await.unwrap().unwrap().digest, digest(b"image"));
    assert_eq!(layout.resolve("other").await.unwrap(), None);

    publish(&layout, &publication("mail", "1.0.0", 1), &|_, _| ()).await.unwrap();
    let after: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(after["annotations"], json!({ "a": "b" }));
    assert_eq!((&after["manifests"][0], &after["manifests"][1]), (&image, &nameless));
    let tags = layout.tags().await.unwrap();
    assert_eq!(tags.len(), 5);
    assert!(tags.is_sorted());
    for tag in ["latest", "echo-1.2.0", "mail-1.0.0"] {
        assert!(tags.contains(&tag.to_owned()), "{tags:?}");
    }
}

#[tokio::test]
async fn files_are_for_everybody_whom_the_umask_lets_and_nothing_is_left_over() {
    let (folder, layout) = published(&[publication("echo", "1.2.0", 1)]).await;
    let plain = folder.path().join("plain");
    fs::write(&plain, "").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    let index = layout.path().join("index.json");
    for path in blobs(&layout).iter().chain([&index, &layout.path().join("oci-layout")]) {
        assert_eq!(mode(path), mode(&plain), "{}", path.display());
    }
    let names = |folder: PathBuf| {
        let names =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    assert_eq!(names(layout.path().to_owned()), ["blobs", "index.json", "index.json.lock", "oci-layout"]);
    let hex = |name: &String| name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit());
    assert!(names(layout.path().join("blobs/sha256")).iter().all(hex));
}

#[tokio::test]
async fn content_that_is_not_what_it_is_called_is_not_written() {
    let (_folder, layout) = published(&[]).await;
    let mut other = content(b"content");
    other.bytes = b"Content".to_vec();
    let error = layout.put_blob(&other, &|_| ()).await.unwrap_err();
    assert!(matches!(error, RepositoryError::OtherContent { .. }), "{error}");
    let mut longer = content(b"content");
    longer.descriptor.size += 1;
    let error = layout.put_manifest(&longer).await.unwrap_err();
    assert!(matches!(error, RepositoryError::OtherContent { .. }), "{error}");
    assert!(blobs(&layout).is_empty());
    let error = layout.put_tag("tag", &content(b"content"), Tagging::Fixed).await.unwrap_err();
    assert!(matches!(error, RepositoryError::Missing { .. }), "a tag leads to what is there: {error}");
    assert!(layout.tags().await.unwrap().is_empty());
}

#[tokio::test]
async fn damaged_content_is_mended_by_publishing_it_again() {
    let publication = publication("echo", "1.2.0", 1);
    let (folder, layout) = published(std::slice::from_ref(&publication)).await;
    let path = layout.path().join("blobs/sha256").join(publication.module().descriptor.digest.hex());
    let elsewhere = folder.path().join("elsewhere");
    fs::write(&elsewhere, "").unwrap();
    fs::remove_file(&path).unwrap();
    symlink(&elsewhere, &path).unwrap();
    publish(&layout, &publication, &|_, _| ()).await.unwrap();
    pulled(&layout).await.unwrap();
    assert_eq!(fs::read(elsewhere).unwrap(), b"", "what the link led to was not touched");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_put_is_read_back(contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5000), 1..6)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (_folder, layout) = published(&[]).await;
            for bytes in &contents {
                layout.put_blob(&content(bytes), &|_| ()).await.unwrap();
            }
            for bytes in &contents {
                let read = layout.blob(&content(bytes).descriptor, &|_| ()).await.unwrap();
                assert_eq!(&read, bytes);
            }
        });
    }

    #[test]
    fn a_mutated_index_never_leads_to_other_content(at in any::<prop::sample::Index>(), byte: u8) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let publication = publication("echo", "1.2.0", 1);
            let (_folder, layout) = published(std::slice::from_ref(&publication)).await;
            let path = layout.path().join("index.json");
            let mut bytes = fs::read(&path).unwrap();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            fs::write(&path, bytes).unwrap();
            if let Ok(pulled) = pull(&layout, &wanted("echo@1.2.0"), &|_, _| ()).await {
                assert_eq!(pulled.module, publication.module().bytes);
            }
        });
    }
}
