//! A job as it is published in these tests, with keys that are the same in each run.

use mainworker_domain::catalog::{CONTRACT, ModuleDescription, Revision};
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::manifest::Manifest;
use mainworker_publishing::bundle::Bundle;
use mainworker_publishing::dsse::Envelope;
use mainworker_publishing::key::SigningKey;
use mainworker_publishing::layout::Layout;
use mainworker_publishing::place::{Wanted, tag_of};
use mainworker_publishing::publication::{Facts, Publication, Unsigned, publish};
use mainworker_publishing::statement::{GitCommit, SampleFile, SchemaDigests, Source, Statement};
use mainworker_publishing::trust::{JobPattern, TrustPolicy, TrustedKey};
use rand::SeedableRng;
use rand::rngs::StdRng;
use semver::Version;
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// 2026-11-20T12:00:00Z, when everything here is published.
pub(crate) const CREATED: Timestamp = Timestamp::from_ms(1_795_176_000_000);
/// When keys begin and end to be valid; `CREATED` lies between.
pub(crate) const VALID_FROM: Timestamp = Timestamp::from_ms(1_790_000_000_000);
pub(crate) const VALID_UNTIL: Timestamp = Timestamp::from_ms(1_800_000_000_000);

pub(crate) const BUILDER: &str = "https://ci.example/publish-jobs";

/// The same key for the same number.
pub(crate) fn key(number: u64) -> SigningKey {
    SigningKey::generate(&mut StdRng::seed_from_u64(number)).unwrap()
}

pub(crate) fn job(name: &str) -> JobName {
    JobName::parse(name).unwrap()
}

pub(crate) fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

pub(crate) fn wanted(text: &str) -> Wanted {
    Wanted::parse(text).unwrap()
}

pub(crate) fn digest(bytes: &[u8]) -> Digest {
    Digest::from_sha256(Sha256::digest(bytes).into())
}

/// What a module of the job says of itself.
pub(crate) fn description(name: &str, version: &str) -> ModuleDescription {
    let manifest = format!(
        "[job]\nname = \"{name}\"\nversion = \"{version}\"\nsummary = \"Says it again.\"\n\
         [schedulable-by]\nsources = [\"api\"]\n"
    );
    ModuleDescription {
        manifest: Manifest::parse_toml(&manifest).unwrap(),
        payload_schema: Some(json!({ "type": "object" })),
        result_schema: None,
    }
}

/// A module of the job. Nothing in this crate looks into one.
pub(crate) fn module(name: &str, version: &str) -> Vec<u8> {
    [b"\0asm\x0d\0\x01\0".to_vec(), description(name, version).to_section()].concat()
}

/// The revision that the module is.
pub(crate) fn revision(name: &str, version: &str) -> Revision {
    let section = description(name, version).to_section();
    Revision::from_section(digest(&module(name, version)), &section).unwrap()
}

pub(crate) fn capabilities() -> Vec<String> {
    vec!["source:api".to_owned(), "limit:memory=64MiB".to_owned()]
}

pub(crate) fn facts(name: &str, text: &str) -> Facts {
    Facts {
        job: job(name),
        version: version(text),
        world: CONTRACT.to_owned(),
        exports: vec!["mainworker:job/run@0.1.0".to_owned()],
        imports: vec!["mainworker:job/log@0.1.0".to_owned(), "wasi:clocks/monotonic-clock@0.2.0".to_owned()],
        capabilities: capabilities(),
        schemas: SchemaDigests::of(&description(name, text)),
        approved_widenings: vec!["source:api".to_owned()],
        previous: None,
        source: Source {
            uri: Some("git+https://git.example/jobs".to_owned()),
            commit: GitCommit::parse("2c799b932c799b932c799b932c799b932c799b93").unwrap(),
        },
        builder: BUILDER.to_owned(),
        created: CREATED,
        passed: vec!["hello".to_owned()],
        samples: vec![SampleFile { name: "hello.json".to_owned(), digest: digest(b"{}") }],
    }
}

/// A version of the job, signed by the key of this number.
pub(crate) fn publication(name: &str, version: &str, number: u64) -> Publication {
    let unsigned = Unsigned::new(module(name, version), facts(name, version)).unwrap();
    unsigned.sign(&key(number)).unwrap()
}

/// A layout in a new directory with this in it.
pub(crate) async fn published(publications: &[Publication]) -> (tempfile::TempDir, Layout) {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::create(&folder.path().join("published")).await.unwrap();
    for publication in publications {
        publish(&layout, publication, &|_, _| ()).await.unwrap();
    }
    (folder, layout)
}

/// A statement as a bundle, signed by a key and naming one.
pub(crate) fn bundle(statement: &Statement, signer: u64, hint: &str) -> Vec<u8> {
    let envelope = Envelope::sign(statement.to_json().unwrap(), &key(signer));
    Bundle::new(hint.to_owned(), envelope).to_json().unwrap()
}

pub(crate) fn trusted(id: &str, number: u64, jobs: &[&str]) -> TrustedKey {
    TrustedKey {
        id: id.to_owned(),
        public_key: key(number).public_key().clone(),
        valid_from: VALID_FROM,
        valid_until: VALID_UNTIL,
        jobs: jobs.iter().map(|pattern| JobPattern::parse(pattern).unwrap()).collect(),
        builders: Vec::new(),
    }
}

/// A policy that trusts the key 1 for every job, and requires both statements.
pub(crate) fn policy() -> TrustPolicy {
    TrustPolicy { keys: vec![trusted("ci-2026", 1, &["*"])], ..TrustPolicy::default() }
}

pub(crate) fn tag(name: &str, text: &str) -> String {
    tag_of(&job(name), &version(text)).unwrap()
}
