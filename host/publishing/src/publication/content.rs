//! Manifests and configs as JSON: written the same for the same input, and read as far as a host needs them.
//!
//! The order of the fields is that of the structs, whatever the build's features.

use super::{Facts, PublicationError};
use crate::bundle;
use crate::repository::{Content, Descriptor, digest_of};
use crate::statement::Predicate;
use mainworker_domain::job_name::JobName;
use mainworker_domain::json;
use mainworker_domain::limits::{
    BUNDLE_BYTES_MAX, MODULE_BYTES_MAX, OCI_CONFIG_BYTES_MAX, OCI_MANIFEST_BYTES_MAX,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An OCI manifest.
pub const MANIFEST_MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// An OCI image index.
pub const INDEX_MEDIA_TYPE: &str = "application/vnd.oci.image.index.v1+json";
/// The config of a WebAssembly module.
pub const CONFIG_MEDIA_TYPE: &str = "application/vnd.wasm.config.v0+json";
/// A WebAssembly module.
pub const MODULE_MEDIA_TYPE: &str = "application/wasm";
/// The config of what has none.
pub const BUNDLE_CONFIG_MEDIA_TYPE: &str = "application/vnd.oci.empty.v1+json";

/// The bytes of [`BUNDLE_CONFIG_MEDIA_TYPE`].
pub(super) const EMPTY_CONFIG: &[u8] = b"{}";

/// The annotation that says what a bundle holds.
pub(super) const BUNDLE_CONTENT: &str = "dev.sigstore.bundle.content";
const TITLE: &str = "org.opencontainers.image.title";

/// Bytes with what they are.
pub(crate) fn content(media_type: &str, bytes: Vec<u8>) -> Content {
    let descriptor = Descriptor {
        media_type: media_type.to_owned(),
        digest: digest_of(&bytes),
        size: bytes.len() as u64,
        artifact_type: None,
        annotations: BTreeMap::new(),
    };
    Content { descriptor, bytes }
}

/// The module of a job, titled so that other programs give the file its name.
pub(super) fn module(bytes: Vec<u8>, job: &JobName) -> Content {
    let mut module = content(MODULE_MEDIA_TYPE, bytes);
    module.descriptor.annotations.insert(TITLE.to_owned(), format!("{job}.wasm"));
    module
}

/// The config of a module, after the CNCF layout.
pub(super) fn config(facts: &Facts, module: &Descriptor) -> Result<Content, PublicationError> {
    let wire = WireConfig {
        created: facts.created.to_string(),
        architecture: "wasm",
        os: "wasip2",
        layer_digests: vec![module.digest.to_string()],
        component: WireComponent { exports: facts.exports.clone(), imports: facts.imports.clone() },
    };
    to_content(CONFIG_MEDIA_TYPE, "the config", OCI_CONFIG_BYTES_MAX, &wire)
}

/// The manifest of a module, after the CNCF layout.
pub(super) fn manifest(
    facts: &Facts,
    config: &Descriptor,
    module: &Descriptor,
) -> Result<Content, PublicationError> {
    let mut annotations = BTreeMap::from([
        ("org.opencontainers.image.created".to_owned(), facts.created.to_string()),
        ("org.opencontainers.image.revision".to_owned(), facts.source.commit.to_string()),
        (TITLE.to_owned(), facts.job.to_string()),
        ("org.opencontainers.image.version".to_owned(), facts.version.to_string()),
    ]);
    if let Some(uri) = &facts.source.uri {
        annotations.insert("org.opencontainers.image.source".to_owned(), uri.clone());
    }
    let wire = WireManifest {
        schema_version: 2,
        media_type: MANIFEST_MEDIA_TYPE.to_owned(),
        artifact_type: None,
        config: config.clone(),
        layers: vec![module.clone()],
        subject: None,
        annotations,
    };
    to_content(MANIFEST_MEDIA_TYPE, "the manifest", OCI_MANIFEST_BYTES_MAX, &wire)
}

/// The manifest that attaches a bundle to another one, after cosign's specification of bundles in registries.
pub(super) fn bundle_manifest(
    predicate: Predicate,
    bundle: &Descriptor,
    subject: &Descriptor,
) -> Result<Content, PublicationError> {
    let annotations = BTreeMap::from([
        (BUNDLE_CONTENT.to_owned(), "dsse-envelope".to_owned()),
        ("dev.sigstore.bundle.predicateType".to_owned(), predicate.uri().to_owned()),
    ]);
    let wire = WireManifest {
        schema_version: 2,
        media_type: MANIFEST_MEDIA_TYPE.to_owned(),
        artifact_type: Some(bundle::MEDIA_TYPE.to_owned()),
        config: content(BUNDLE_CONFIG_MEDIA_TYPE, EMPTY_CONFIG.to_vec()).descriptor,
        layers: vec![bundle.clone()],
        subject: Some(subject.clone()),
        annotations: annotations.clone(),
    };
    let mut manifest =
        to_content(MANIFEST_MEDIA_TYPE, "the bundle's manifest", OCI_MANIFEST_BYTES_MAX, &wire)?;
    // As a registry lists what refers to a manifest.
    manifest.descriptor.artifact_type = Some(bundle::MEDIA_TYPE.to_owned());
    manifest.descriptor.annotations = annotations;
    Ok(manifest)
}

/// Where the parts of a published module are, as its manifest says.
#[derive(Clone, Debug)]
pub(crate) struct ModuleParts {
    /// Its config.
    pub(crate) config: Descriptor,
    /// The module itself.
    pub(crate) module: Descriptor,
}

impl ModuleParts {
    /// Reads the manifest of a module.
    ///
    /// # Errors
    /// A manifest of something else, or of parts that are larger than they may be.
    pub(crate) fn read(manifest: &[u8]) -> Result<Self, PublicationError> {
        let WireManifest { config, layers, .. } = read_manifest(manifest)?;
        expect("the config", &config.media_type, CONFIG_MEDIA_TYPE)?;
        limit("the config", config.size, OCI_CONFIG_BYTES_MAX)?;
        let module = only(layers)?;
        expect("the layer", &module.media_type, MODULE_MEDIA_TYPE)?;
        limit("the module", module.size, MODULE_BYTES_MAX)?;
        Ok(Self { config, module })
    }
}

/// Where the bundle is that a manifest attaches.
pub(super) fn read_bundle_manifest(manifest: &[u8]) -> Result<Descriptor, PublicationError> {
    let WireManifest { layers, .. } = read_manifest(manifest)?;
    let bundle = only(layers)?;
    expect("the layer", &bundle.media_type, bundle::MEDIA_TYPE)?;
    limit("the bundle", bundle.size, BUNDLE_BYTES_MAX)?;
    Ok(bundle)
}

fn read_manifest(bytes: &[u8]) -> Result<WireManifest, PublicationError> {
    let malformed = |problem: String| PublicationError::NotAPublication {
        what: "the manifest".to_owned(),
        found: problem.chars().take(200).collect(),
        expected: "an OCI manifest".to_owned(),
    };
    limit("the manifest", bytes.len() as u64, OCI_MANIFEST_BYTES_MAX)?;
    json::check(bytes).map_err(|error| malformed(error.problem.to_string()))?;
    let wire: WireManifest = serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
    if wire.schema_version != 2 {
        return Err(malformed(format!("of version {}", wire.schema_version)));
    }
    expect("the manifest", &wire.media_type, MANIFEST_MEDIA_TYPE)?;
    Ok(wire)
}

fn only(layers: Vec<Descriptor>) -> Result<Descriptor, PublicationError> {
    <[Descriptor; 1]>::try_from(layers).map(|[layer]| layer).map_err(|layers| {
        PublicationError::NotAPublication {
            what: "the manifest".to_owned(),
            found: format!("one of {} layers", layers.len()),
            expected: "one of a single layer".to_owned(),
        }
    })
}

pub(super) fn expect(what: &str, found: &str, expected: &str) -> Result<(), PublicationError> {
    if found == expected {
        return Ok(());
    }
    Err(PublicationError::NotAPublication {
        what: what.to_owned(),
        found: format!("of type `{}`", found.chars().take(200).collect::<String>()),
        expected: format!("`{expected}`"),
    })
}

pub(super) fn limit(
    what: &'static str,
    observed_bytes: u64,
    allowed_bytes: u64,
) -> Result<(), PublicationError> {
    if observed_bytes <= allowed_bytes {
        return Ok(());
    }
    Err(PublicationError::TooLarge { what, observed_bytes, allowed_bytes })
}

fn to_content(
    media_type: &str,
    what: &'static str,
    bytes_max: u64,
    wire: &impl Serialize,
) -> Result<Content, PublicationError> {
    let bytes = serde_json::to_vec(wire).map_err(|error| PublicationError::NotAPublication {
        what: what.to_owned(),
        found: error.to_string(),
        expected: "what JSON can say".to_owned(),
    })?;
    limit(what, bytes.len() as u64, bytes_max)?;
    Ok(content(media_type, bytes))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireConfig {
    created: String,
    architecture: &'static str,
    os: &'static str,
    layer_digests: Vec<String>,
    component: WireComponent,
}

#[derive(Serialize)]
struct WireComponent {
    exports: Vec<String>,
    imports: Vec<String>,
}

/// What a manifest says beyond this is of no use to a host, and covered by its digest.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireManifest {
    schema_version: u32,
    media_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    config: Descriptor,
    layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}
