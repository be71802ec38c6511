//! Several publishers at one directory, and some that die.

use crate::fixture::{CREATED, facts, key, module, policy, publication, published, tag, version, wanted};
use mainworker_domain::digest::Digest;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_publishing::layout::Layout;
use mainworker_publishing::publication::{Publication, PublicationError, Published, Unsigned, publish, pull};
use mainworker_publishing::repository::{Content, Descriptor, Repository, RepositoryError, Tagging};
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The environment of a process of this test that publishes: where to, and which of several contents.
const FOLDER: &str = "MAINWORKER_TEST_PUBLISH_TO";
const WHICH: &str = "MAINWORKER_TEST_PUBLISH_WHICH";
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// `echo` of a version, in one of several contents.
fn content(text: &str, which: u64) -> Publication {
    let mut facts = facts("echo", text);
    facts.created = Timestamp::from_ms(CREATED.as_ms() + i64::try_from(which).unwrap() * 1000);
    Unsigned::new(module("echo", text), facts).unwrap().sign(&key(1)).unwrap()
}

fn moved(result: &Result<Published, PublicationError>) -> bool {
    matches!(result, Err(PublicationError::Repository(RepositoryError::TagMoved { .. })))
}

/// Everything that has a tag of a version is whole and trusted.
async fn check(layout: &Layout) {
    let tags = layout.tags().await.unwrap();
    for tag in tags.iter().filter_map(|tag| tag.strip_prefix("echo-")) {
        let pulled = pull(layout, &wanted(&format!("echo@{tag}")), &|_, _| ()).await.unwrap();
        let verified = policy().verify(pulled, &BTreeSet::new(), CREATED).unwrap();
        assert_eq!(verified.provenance().version, version(tag));
    }
}

/// Starts this test's binary again, to run one test of it alone.
fn again(test: &str, folder: &Path, which: u64) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", &format!("publishers::{test}"), "--test-threads=1", "--nocapture"]);
    command.env(FOLDER, folder).env(WHICH, which.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
}

/// What such a process was told, in that process.
fn told() -> Option<(std::path::PathBuf, u64)> {
    Some((env::var_os(FOLDER)?.into(), env::var(WHICH).unwrap().parse().unwrap()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_that_publish_one_version_one_wins() {
    for round in 0..8 {
        let (_folder, layout) = published(&[]).await;
        let tasks: Vec<_> = (0..4)
            .map(|which| {
                let path = layout.path().to_owned();
                tokio::spawn(async move {
                    let layout = Layout::create(&path).await.unwrap();
                    publish(&layout, &content("1.2.0", which), &|_, _| ()).await
                })
            })
            .collect();
        let mut won = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                Ok(published) => won.push(published.manifest),
                refused => assert!(moved(&refused), "round {round}: {refused:?}"),
            }
        }
        let [winner] = won.as_slice() else { panic!("round {round}: {won:?}") };
        assert_eq!(layout.resolve(&tag("echo", "1.2.0")).await.unwrap().unwrap().digest, *winner);
        check(&layout).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_that_publish_the_same_or_other_versions_win() {
    let (_folder, layout) = published(&[]).await;
    let texts = ["1.0.0", "1.0.0", "1.1.0", "1.2.0", "1.2.0", "1.3.0"];
    let tasks = texts.map(|text| {
        let layout = layout.clone();
        tokio::spawn(async move { publish(&layout, &content(text, 0), &|_, _| ()).await })
    });
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let tags = layout.tags().await.unwrap();
    assert_eq!(tags.iter().filter(|tag| tag.starts_with("echo-")).count(), 4);
    check(&layout).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_tag_is_lost_among_those_that_are_written_at_a_time() {
    let (_folder, layout) = published(&[]).await;
    let manifest = publication("echo", "1.2.0", 1).manifest().clone();
    layout.put_manifest(&manifest).await.unwrap();
    let tasks: Vec<_> = (0..4)
        .map(|task| {
            let (layout, manifest) = (layout.clone(), manifest.clone());
            tokio::spawn(async move {
                for number in 0..12 {
                    let tag = format!("tag-{task}-{number}");
                    layout.put_tag(&tag, &manifest, Tagging::Fixed).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(layout.tags().await.unwrap().len(), 48);
}

/// Run by cargo it starts two processes of itself; those find in their environment what to publish.
#[tokio::test]
async fn of_two_processes_one_wins() {
    if let Some((folder, which)) = told() {
        let layout = Layout::create(&folder).await.unwrap();
        let result = publish(&layout, &content("1.2.0", which), &|_, _| ()).await;
        assert!(result.is_ok() || moved(&result), "{result:?}");
        println!("{}", if result.is_ok() { "won" } else { "moved" });
        return;
    }
    let (_folder, layout) = published(&[]).await;
    let processes = [0, 1].map(|which| again("of_two_processes_one_wins", layout.path(), which));
    let said = processes.map(|process| {
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    });
    let count = |word: &str| said.iter().filter(|said| said.lines().any(|line| line.ends_with(word))).count();
    assert_eq!((count("won"), count("moved")), (1, 1), "{said:?}");
    check(&layout).await;
}

/// As above; the process publishes one version after the other until it is killed.
#[tokio::test]
async fn a_publisher_that_is_killed_leaves_everything_whole() {
    if let Some((folder, which)) = told() {
        let layout = Layout::create(&folder).await.unwrap();
        for number in 0.. {
            publish(&layout, &content(&format!("1.{which}.{number}"), 0), &|_, _| ()).await.unwrap();
        }
    }
    let (_folder, layout) = published(&[]).await;
    for round in 0..6 {
        let name = "a_publisher_that_is_killed_leaves_everything_whole";
        let mut process = again(name, layout.path(), round);
        let since = Instant::now();
        let ours = format!("echo-1.{round}.");
        // It dies somewhere in the midst of the next one: each round at another place.
        let wanted = 1 + usize::try_from(round).unwrap() % 3;
        while layout.tags().await.unwrap().iter().filter(|tag| tag.starts_with(&ours)).count() < wanted {
            assert!(since.elapsed() < PATIENCE, "it publishes nothing");
            tokio::time::sleep(Duration::from_millis(1 + round)).await;
        }
        process.kill().unwrap();
        process.wait().unwrap();
        check(&layout).await;
    }
    // What the dead left does not stand in the way, and is gone after the next one.
    let blobs = layout.path().join("blobs/sha256");
    for folder in [layout.path(), &blobs] {
        fs::write(folder.join(".being-written"), "half").unwrap();
    }
    publish(&layout, &publication("echo", "2.0.0", 1), &|_, _| ()).await.unwrap();
    check(&layout).await;
    for folder in [layout.path(), &blobs] {
        assert!(!folder.join(".being-written").exists());
    }
}

#[tokio::test]
async fn a_publisher_waits_for_another_process() {
    let (_folder, layout) = published(&[]).await;
    let lock = layout.path().join("index.json.lock");
    let mut other = Command::new("flock")
        .arg(&lock)
        .args(["sh", "-c", "echo held; cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("these tests need the command `flock`");
    let mut line = String::new();
    BufReader::new(other.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "held\n");

    let publication = publication("echo", "1.2.0", 1);
    let mut publishing = Box::pin(publish(&layout, &publication, &|_, _| ()));
    let waited = tokio::time::timeout(Duration::from_millis(300), &mut publishing).await;
    assert!(waited.is_err(), "it wrote while another process had the lock");
    assert_eq!(fs::read_dir(layout.path().join("blobs/sha256")).unwrap().count(), 0);
    assert!(layout.tags().await.unwrap().is_empty(), "readers do not wait");

    drop(other.stdin.take());
    other.wait().unwrap();
    tokio::time::timeout(PATIENCE, publishing).await.unwrap().unwrap();
    check(&layout).await;
}

/// A repository that moves tags like a registry, with somebody else who publishes the same version a moment later.
struct Overtaken {
    inner: Layout,
    tag: String,
    other: Content,
}

impl Repository for Overtaken {
    fn name(&self) -> String {
        self.inner.name()
    }

    async fn resolve(&self, tag: &str) -> Result<Option<Descriptor>, RepositoryError> {
        self.inner.resolve(tag).await
    }

    async fn tags(&self) -> Result<Vec<String>, RepositoryError> {
        self.inner.tags().await
    }

    async fn manifest(&self, digest: Digest) -> Result<Content, RepositoryError> {
        self.inner.manifest(digest).await
    }

    async fn blob(
        &self,
        descriptor: &Descriptor,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Vec<u8>, RepositoryError> {
        self.inner.blob(descriptor, progress).await
    }

    async fn put_blob(&self, blob: &Content, progress: &(dyn Fn(u64) + Sync)) -> Result<(), RepositoryError> {
        self.inner.put_blob(blob, progress).await
    }

    async fn put_manifest(&self, manifest: &Content) -> Result<(), RepositoryError> {
        self.inner.put_manifest(manifest).await
    }

    async fn put_tag(&self, tag: &str, manifest: &Content, _: Tagging) -> Result<(), RepositoryError> {
        self.inner.put_tag(tag, manifest, Tagging::Movable).await?;
        if tag == self.tag {
            self.inner.put_manifest(&self.other).await?;
            self.inner.put_tag(tag, &self.other, Tagging::Movable).await?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_version_that_somebody_else_moved_meanwhile_is_not_called_published() {
    let (_folder, inner) = published(&[]).await;
    let (ours, theirs) = (content("1.2.0", 0), content("1.2.0", 1));
    let repository = Overtaken { inner, tag: tag("echo", "1.2.0"), other: theirs.manifest().clone() };
    let result = publish(&repository, &ours, &|_, _| ()).await;
    let Err(PublicationError::Repository(RepositoryError::TagMoved { found, expected, .. })) = result else {
        panic!("{result:?}");
    };
    assert_eq!(found, theirs.manifest().descriptor.digest);
    assert_eq!(expected, ours.manifest().descriptor.digest);
}
