//! Clients whose waits pass at once and are remembered, and content for them.

use crate::scripted::Server;
use mainworker_domain::digest::Digest;
use mainworker_domain::lifecycle::Jitter;
use mainworker_domain::manifest::Retry;
use mainworker_publishing::place::Place;
use mainworker_publishing::registry::{Chance, Credentials, Registry, RegistryOptions};
use mainworker_publishing::repository::{Content, Descriptor, Repository, RepositoryError};
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const USERNAME: &str = "somebody";
pub(crate) const PASSWORD: &str = "not-for-everybody";

/// The waits of a client, in milliseconds.
pub(crate) type Waits = Arc<Mutex<Vec<u64>>>;

/// The usual bounds, three tries, half of each wait.
pub(crate) fn options(host: &str) -> (RegistryOptions, Waits) {
    let place = Place::parse(&format!("oci://{host}/company/jobs")).unwrap();
    let Place::Registry { host, repository } = place else { panic!("{place}") };
    let waits = Waits::default();
    let kept = Arc::clone(&waits);
    let chance = Chance {
        wait: Arc::new(move |ms| {
            kept.lock().unwrap().push(ms);
            Box::pin(std::future::ready(()))
        }),
        jitter: Arc::new(|| Jitter::from_bits(1 << 63)),
    };
    let retry = Retry { max_attempts: 3, base_ms: 100, cap_ms: 5_000 };
    (RegistryOptions { retry, chance, ..RegistryOptions::new(host, repository) }, waits)
}

pub(crate) fn registry(server: &Server) -> Registry {
    registry_with(server, |_| {})
}

pub(crate) fn registry_with(server: &Server, change: impl FnOnce(&mut RegistryOptions)) -> Registry {
    let (mut options, _) = options(&server.host);
    change(&mut options);
    Registry::new(&options).unwrap()
}

pub(crate) fn credentials(username: &str, password: &str) -> Option<Credentials> {
    Some(Credentials { username: username.to_owned(), password: SecretString::from(password) })
}

/// One that has the credentials of these tests.
pub(crate) fn known(server: &Server) -> Registry {
    registry_with(server, |options| options.credentials = credentials(USERNAME, PASSWORD))
}

pub(crate) fn digest(bytes: &[u8]) -> Digest {
    Digest::from_sha256(Sha256::digest(bytes).into())
}

pub(crate) fn content(media_type: &str, bytes: impl Into<Vec<u8>>) -> Content {
    let bytes = bytes.into();
    let descriptor = Descriptor {
        media_type: media_type.to_owned(),
        digest: digest(&bytes),
        size: bytes.len() as u64,
        artifact_type: None,
        annotations: BTreeMap::new(),
    };
    Content { descriptor, bytes }
}

pub(crate) fn blob(bytes: impl Into<Vec<u8>>) -> Content {
    content("application/wasm", bytes)
}

/// A manifest that is one, of its own digest for each `name`.
pub(crate) fn manifest(name: &str) -> Content {
    content(
        MANIFEST,
        format!(r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","annotations":{{"name":"{name}"}}}}"#),
    )
}

/// Pulls, listens to nothing.
pub(crate) async fn pull(registry: &Registry, blob: &Content) -> Result<Vec<u8>, RepositoryError> {
    registry.blob(&blob.descriptor, &|_| {}).await
}
