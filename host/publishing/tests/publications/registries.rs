//! The same release in Debian's registry, in a directory, and in what `skopeo` copies from one to the other.

use crate::docker_registry::{DockerRegistry, Setup, blob_file, skopeo};
use crate::fixture::{
    CREATED, capabilities, facts, key, module, policy, publication, published, revision, tag, wanted,
};
use mainworker_domain::lifecycle::Timestamp;
use mainworker_publishing::layout::Layout;
use mainworker_publishing::place::Place;
use mainworker_publishing::publication::{PublicationError, Unsigned, publish, pull, referrers_tag};
use mainworker_publishing::registry::{Registry, RegistryOptions};
use mainworker_publishing::repository::{Repository, RepositoryError};
use mainworker_publishing::trust::ReleaseFacts;
use std::collections::BTreeSet;

fn registry(running: &DockerRegistry, repository: &str) -> Registry {
    let place = Place::parse(&format!("oci://{}/{repository}", running.host())).unwrap();
    let Place::Registry { host, repository } = place else { panic!("{place}") };
    Registry::new(&RegistryOptions::new(host, repository)).unwrap()
}

/// What is pulled of `echo` 1.2.0, if it is trusted.
async fn trusted(repository: &impl Repository) -> ReleaseFacts {
    let pulled = pull(repository, &wanted("echo"), &|_, _| ()).await.unwrap();
    let verified = policy().verify(pulled, &BTreeSet::new(), CREATED).unwrap();
    verified.admit(&revision("echo", "1.2.0"), &capabilities()).unwrap().facts().clone()
}

#[tokio::test]
async fn a_release_is_the_same_wherever_it_is_published_or_copied_to() {
    let folder = tempfile::tempdir().unwrap();
    let running = DockerRegistry::start(folder.path(), Setup::default());
    let pushed = registry(&running, "company/jobs");
    let publication = publication("echo", "1.2.0", 1);
    let (_folder, directory) = published(std::slice::from_ref(&publication)).await;
    assert!(!publish(&pushed, &publication, &|_, _| ()).await.unwrap().was_there);
    assert!(publish(&pushed, &publication, &|_, _| ()).await.unwrap().was_there);

    let tags = [tag("echo", "1.2.0"), referrers_tag(publication.manifest().descriptor.digest)];
    for tag in &tags {
        let there = pushed.resolve(tag).await.unwrap().unwrap();
        assert_eq!(there.digest, directory.resolve(tag).await.unwrap().unwrap().digest, "{tag}");
    }
    let expected = trusted(&directory).await;
    assert_eq!(trusted(&pushed).await, expected);

    let copied = folder.path().join("copied");
    for tag in &tags {
        let there = format!("docker://{}/company/jobs:{tag}", running.host());
        skopeo(&[
            "copy",
            "--all",
            "--src-tls-verify=false",
            &there,
            &format!("oci:{}:{tag}", copied.display()),
        ]);
        let back = format!("docker://{}/back:{tag}", running.host());
        let here = format!("oci:{}:{tag}", directory.path().display());
        skopeo(&["copy", "--all", "--dest-tls-verify=false", &here, &back]);
    }
    assert_eq!(trusted(&Layout::open(&copied).await.unwrap()).await, expected);
    assert_eq!(trusted(&registry(&running, "back")).await, expected);

    // What skopeo made is a directory to publish to as any other.
    let layout = Layout::create(&copied).await.unwrap();
    assert!(publish(&layout, &publication, &|_, _| ()).await.unwrap().was_there);
    let next = crate::fixture::publication("echo", "1.3.0", 1);
    assert!(!publish(&layout, &next, &|_, _| ()).await.unwrap().was_there);
    assert!(layout.resolve(&tag("echo", "1.3.0")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_version_in_a_registry_is_not_moved_and_nothing_is_sent_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let running = DockerRegistry::start(folder.path(), Setup::default());
    let registry = registry(&running, "jobs");
    publish(&registry, &publication("echo", "1.2.0", 1), &|_, _| ()).await.unwrap();
    let mut other = facts("echo", "1.2.0");
    other.created = Timestamp::from_ms(CREATED.as_ms() + 1000);
    let other = Unsigned::new(module("mail", "1.2.0"), other).unwrap().sign(&key(1)).unwrap();
    let refused = publish(&registry, &other, &|_, _| ()).await.unwrap_err();
    assert!(matches!(refused, PublicationError::Repository(RepositoryError::TagMoved { .. })), "{refused}");
    let sent =
        |digest: &mainworker_domain::digest::Digest| blob_file(folder.path(), &digest.to_string()).exists();
    assert!(!sent(&other.module().descriptor.digest) && !sent(&other.manifest().descriptor.digest));
    let ours = publication("echo", "1.2.0", 1);
    assert!(sent(&ours.module().descriptor.digest), "it is looked for in the right place");
    trusted(&registry).await;
}
