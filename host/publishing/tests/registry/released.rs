//! A publication is the same in a registry, in a directory that `skopeo` copied it to, and in another registry from there.

use crate::client::{digest, options};
use crate::docker_registry::{DockerRegistry, Setup, skopeo};
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_publishing::key::SigningKey;
use mainworker_publishing::layout::Layout;
use mainworker_publishing::place::{Place, Wanted};
use mainworker_publishing::publication::{
    Facts, Publication, PublicationError, Pulled, Unsigned, publish, pull, referrers_tag,
};
use mainworker_publishing::registry::{Registry, RegistryOptions};
use mainworker_publishing::repository::{Repository, RepositoryError};
use mainworker_publishing::statement::{GitCommit, SampleFile, SchemaDigests, Source};
use rand::SeedableRng;
use rand::rngs::StdRng;
use semver::Version;
use serde_json::Value;
use tempfile::TempDir;

fn publication(module: &[u8]) -> Publication {
    let facts = Facts {
        job: JobName::parse("echo").unwrap(),
        version: Version::parse("1.2.0+b5").unwrap(),
        world: "mainworker:job@0.1.0".to_owned(),
        exports: vec!["mainworker:job/run@0.1.0".to_owned()],
        imports: vec!["mainworker:job/log@0.1.0".to_owned()],
        capabilities: vec!["source:api".to_owned()],
        schemas: SchemaDigests { payload: Some(digest(b"{}")), result: None },
        approved_widenings: vec!["source:api".to_owned()],
        previous: None,
        source: Source {
            uri: Some("git+https://example.com/jobs".to_owned()),
            commit: GitCommit::parse(&"a7".repeat(20)).unwrap(),
        },
        builder: "https://example.com/ci".to_owned(),
        created: Timestamp::from_ms(1_763_800_000_000),
        passed: vec!["hello".to_owned()],
        samples: vec![SampleFile { name: "hello.json".to_owned(), digest: digest(b"hello") }],
    };
    let key = SigningKey::generate(&mut StdRng::seed_from_u64(7)).unwrap();
    Unsigned::new(module.to_vec(), facts).unwrap().sign(&key).unwrap()
}

fn client(running: &DockerRegistry, repository: &str) -> Registry {
    let place = Place::parse(&format!("oci://{}/{repository}", running.host())).unwrap();
    let Place::Registry { repository, .. } = place else { panic!("{place}") };
    let (options, _) = options(running.host());
    Registry::new(&RegistryOptions { repository, ..options }).unwrap()
}

async fn newest(repository: &impl Repository) -> Pulled {
    pull(repository, &Wanted::parse("echo").unwrap(), &|_, _| {}).await.unwrap()
}

#[track_caller]
fn assert_is(pulled: &Pulled, publication: &Publication) {
    assert_eq!(pulled.wanted.to_string(), "echo@1.2.0+b5");
    assert_eq!(pulled.manifest, publication.manifest().bytes);
    assert_eq!(pulled.config, publication.config().bytes);
    assert!(pulled.module == publication.module().bytes);
    let bundles: Vec<&[u8]> = publication.bundles().map(|(_, bundle)| bundle).collect();
    assert_eq!(bundles.len(), 2);
    assert!(pulled.bundles == bundles);
}

/// The digests of the manifests in a list.
fn listed(index: Vec<u8>) -> Vec<String> {
    let index: Value = serde_json::from_slice(&index).unwrap();
    let entries = index["manifests"].as_array().unwrap().iter();
    entries.map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_publication_keeps_every_byte_from_registry_to_directory_to_registry() {
    let folder = TempDir::new().unwrap();
    let running = DockerRegistry::start(folder.path(), Setup::default());
    let registry = client(&running, "company/jobs");
    let publication = publication(&vec![0x11; 300_000]);
    let published = publish(&registry, &publication, &|_, _| {}).await.unwrap();
    assert!(!published.was_there);
    assert_is(&newest(&registry).await, &publication);
    assert!(publish(&registry, &publication, &|_, _| {}).await.unwrap().was_there);

    let directory = folder.path().join("layout");
    let referrers = referrers_tag(published.manifest);
    for tag in [published.tag.as_str(), &referrers] {
        let there = |repository: &str| format!("docker://{}/{repository}:{tag}", running.host());
        let here = format!("oci:{}:{tag}", directory.display());
        skopeo(&["copy", "--all", "--src-tls-verify=false", &there("company/jobs"), &here]);
        skopeo(&["copy", "--all", "--dest-tls-verify=false", &here, &there("copied")]);
        let raw = |repository: &str| skopeo(&["inspect", "--raw", "--tls-verify=false", &there(repository)]);
        // Of the list, skopeo 1.9 leaves out what is newer than itself.
        let digests =
            if tag == referrers { listed } else { |manifest: Vec<u8>| vec![digest(&manifest).to_string()] };
        assert_eq!(digests(raw("copied")), digests(raw("company/jobs")));
    }
    assert_is(&newest(&Layout::open(&directory).await.unwrap()).await, &publication);
    assert_is(&newest(&client(&running, "copied")).await, &publication);
}

#[tokio::test]
async fn another_module_is_not_published_as_the_same_version() {
    let folder = TempDir::new().unwrap();
    let running = DockerRegistry::start(folder.path(), Setup::default());
    let registry = client(&running, "jobs");
    let first = publication(b"first");
    publish(&registry, &first, &|_, _| {}).await.unwrap();
    let error = publish(&registry, &publication(b"second"), &|_, _| {}).await.unwrap_err();
    let moved = matches!(&error, PublicationError::Repository(RepositoryError::TagMoved { .. }));
    assert!(moved, "{error}");
    assert_is(&newest(&registry).await, &first);
}
