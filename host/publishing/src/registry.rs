//! A repository in a registry that speaks the OCI distribution protocol.
//!
//! Nothing that a registry says is believed: sizes are bounded before anything is read, digests are counted here, and a
//! length that it states only ever ends the reading early. A registry cannot compare and set, so that two who publish
//! the same version at once may both find that there is none; whoever was first learns it when the tag is read again.

mod authorization;
mod challenge;
mod exchange;
mod options;
mod page;
mod transport;
mod trouble;

pub use options::{Chance, Credentials, RegistryError, RegistryOptions, Wait};

use crate::place::{Place, is_tag};
use crate::repository::{Content, Descriptor, Repository, RepositoryError, Tagging, digest_of};
use authorization::Access;
use bytes::Bytes;
use exchange::{Ask, Exchange, is_redirect};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use mainworker_domain::digest::Digest;
use mainworker_domain::limits::{MODULE_BYTES_MAX, OCI_MANIFEST_BYTES_MAX, TAG_LIST_BYTES_MAX};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use transport::{Read, Reading};
use trouble::{Doing, Trouble};

/// What is taken for a manifest. Those of others are read too, so that it is said what is there.
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";
const ANY: &str = "*/*";
const JSON: &str = "application/json";
/// How a registry calls the digest of what it answers with.
const CONTENT_DIGEST: &str = "docker-content-digest";
/// Pages of a list of tags; more are a registry that never comes to an end.
const TAG_PAGES_MAX: usize = 1_000;

/// A repository in a registry.
pub struct Registry {
    name: String,
    /// `/v2/REPOSITORY`.
    base: String,
    exchange: Exchange,
}

/// The part of a manifest that says what it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    media_type: Option<String>,
}

impl Registry {
    /// A client of it. Nothing is sent yet. Reads the certificate authorities of this system.
    ///
    /// # Errors
    /// Credentials that cannot be sent, or certificates that cannot be used.
    pub fn new(options: &RegistryOptions) -> Result<Self, RegistryError> {
        let (host, repository) = (options.host.clone(), options.repository.clone());
        Ok(Self {
            base: format!("/v2/{repository}"),
            name: Place::Registry { host, repository }.to_string(),
            exchange: Exchange::new(options)?,
        })
    }

    fn doing(&self, what: impl fmt::Display) -> Doing {
        Doing(format!("{what} {}", self.name))
    }

    fn ask<'a>(
        &self,
        doing: &Doing,
        method: Method,
        target: &str,
        access: Access,
        accept: &'static str,
    ) -> Result<Ask<'a>, Trouble> {
        let uri = self.exchange.uri(doing, &format!("{}{target}", self.base))?;
        Ok(Ask { method, uri, access, accept, body: None, progress: &|_| {} })
    }

    /// A manifest by its tag or its digest; none where the registry has none.
    async fn read_manifest(
        &self,
        doing: &Doing,
        reference: &str,
        access: Access,
    ) -> Result<Option<Content>, Trouble> {
        let ask = self.ask(doing, Method::GET, &format!("/manifests/{reference}"), access, MANIFESTS)?;
        let answer = self.exchange.head(doing, &ask).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if answer.status() != StatusCode::OK {
            return Err(self.exchange.refused(doing, answer, "the manifest").await);
        }
        let (head, body) = answer.into_parts();
        let reading = Reading { bytes_max: OCI_MANIFEST_BYTES_MAX, progress: &|_| {} };
        let Read::Whole(bytes) = self.exchange.body(doing, body, &reading).await? else {
            return Err(too_large_manifest(doing, None));
        };
        let digest = digest_of(&bytes);
        if let Some(stated) = stated_digest(&head.headers).filter(|stated| *stated != digest) {
            return Err(doing.other_content(digest.to_string(), format!("{stated}, as the registry says")));
        }
        let media_type = self.media_type(doing, &head.headers, &bytes)?;
        let size = bytes.len() as u64;
        let descriptor =
            Descriptor { media_type, digest, size, artifact_type: None, annotations: BTreeMap::new() };
        Ok(Some(Content { descriptor, bytes }))
    }

    /// What kind a manifest is: what it says itself, and what the registry says, which are the same.
    fn media_type(&self, doing: &Doing, headers: &HeaderMap, bytes: &[u8]) -> Result<String, Trouble> {
        let inside = serde_json::from_slice::<Kind>(bytes)
            .map_err(|_| doing.malformed("the manifest is none, expected a JSON object with `mediaType`"))?
            .media_type;
        let outside = text_of(headers, header::CONTENT_TYPE.as_str())
            .and_then(|text| text.split(';').next())
            .map(|text| text.trim().to_owned());
        match (inside, outside) {
            (Some(inside), Some(outside)) if inside != outside => {
                let (inside, outside) = (self.exchange.shown(&inside), self.exchange.shown(&outside));
                Err(doing.malformed(format!(
                    "the manifest calls itself `{inside}` and the registry calls it `{outside}`"
                )))
            }
            (Some(one), _) | (None, Some(one)) => Ok(one),
            (None, None) => Err(doing.malformed("nothing says what kind the manifest is")),
        }
    }

    async fn read_blob(
        &self,
        doing: &Doing,
        descriptor: &Descriptor,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Vec<u8>, Trouble> {
        let Descriptor { digest, size, .. } = descriptor;
        let ask = self.ask(doing, Method::GET, &format!("/blobs/{digest}"), Access::Pull, ANY)?;
        let answer = self.exchange.head(doing, &ask).await?;
        if answer.status() != StatusCode::OK {
            return Err(self.exchange.refused(doing, answer, &format!("the blob {digest}")).await);
        }
        let reading = Reading { bytes_max: *size, progress };
        match self.exchange.body(doing, answer.into_body(), &reading).await? {
            Read::More => {
                Err(doing.other_content(format!("more than {size} bytes"), format!("{size} bytes")))
            }
            Read::Whole(bytes) if bytes.len() as u64 != *size => {
                Err(doing.other_content(format!("{} bytes", bytes.len()), format!("{size} bytes")))
            }
            Read::Whole(bytes) => match digest_of(&bytes) {
                found if found == *digest => Ok(bytes),
                found => Err(doing.other_content(found.to_string(), digest.to_string())),
            },
        }
    }

    /// Whether the registry says that it has a blob.
    async fn has_blob(&self, doing: &Doing, descriptor: &Descriptor) -> Result<bool, Trouble> {
        let target = format!("/blobs/{}", descriptor.digest);
        let ask = self.ask(doing, Method::HEAD, &target, Access::Push, ANY)?;
        let answer = self.exchange.head(doing, &ask).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(false),
            // It knows where the blob is.
            status if is_redirect(status) => Ok(true),
            StatusCode::OK => {
                let size = descriptor.size.to_string();
                match text_of(answer.headers(), header::CONTENT_LENGTH.as_str()) {
                    Some(found) if found != size => {
                        Err(doing
                            .other_content(format!("{found} bytes there already"), format!("{size} bytes")))
                    }
                    _ => Ok(true),
                }
            }
            _ => Err(self.exchange.refused(doing, answer, "the blob").await),
        }
    }

    async fn send_blob(
        &self,
        doing: &Doing,
        blob: &Content,
        bytes: &Bytes,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<(), Trouble> {
        let begin = self.ask(doing, Method::POST, "/blobs/uploads/", Access::Push, ANY)?;
        let answer = self.exchange.head(doing, &begin).await?;
        if answer.status() != StatusCode::ACCEPTED {
            return Err(self.exchange.refused(doing, answer, "the repository").await);
        }
        let session = self.exchange.location(doing, &self.exchange.origin, answer.headers())?;
        let joint = if session.query().is_some() { '&' } else { '?' };
        let uri = format!("{session}{joint}digest={}", blob.descriptor.digest).parse();
        let uri = uri.map_err(|_| doing.malformed("the place of the upload is too long"))?;
        let media_type = HeaderValue::from_static("application/octet-stream");
        let ask = Ask {
            method: Method::PUT,
            uri,
            access: Access::Push,
            accept: ANY,
            body: Some((media_type, bytes.clone())),
            progress,
        };
        let answer = self.exchange.head(doing, &ask).await?;
        match answer.status() {
            StatusCode::CREATED => Ok(()),
            _ => Err(self.exchange.refused(doing, answer, "the upload").await),
        }
    }

    async fn send_manifest(&self, doing: &Doing, reference: &str, manifest: &Content) -> Result<(), Trouble> {
        let Descriptor { media_type, digest, .. } = &manifest.descriptor;
        if manifest.bytes.len() as u64 > OCI_MANIFEST_BYTES_MAX {
            return Err(too_large_manifest(doing, Some(manifest.bytes.len())));
        }
        let media_type = HeaderValue::from_str(media_type)
            .map_err(|_| doing.malformed("its media type cannot be sent"))?;
        let mut ask = self.ask(doing, Method::PUT, &format!("/manifests/{reference}"), Access::Push, ANY)?;
        ask.body = Some((media_type, Bytes::from(manifest.bytes.clone())));
        let answer = self.exchange.head(doing, &ask).await?;
        if answer.status() != StatusCode::CREATED {
            return Err(self.exchange.refused(doing, answer, "the repository").await);
        }
        match stated_digest(answer.headers()) {
            Some(stated) if stated != *digest => {
                Err(doing.other_content(stated.to_string(), digest.to_string()))
            }
            _ => Ok(()),
        }
    }

    /// Looks, then puts, in each try anew: what another put in between two tries is not put over.
    async fn send_tag(
        &self,
        doing: &Doing,
        tag: &str,
        manifest: &Content,
        tagging: Tagging,
    ) -> Result<(), Trouble> {
        let ours = manifest.descriptor.digest;
        if tagging == Tagging::Fixed
            && let Some(found) = self.read_manifest(doing, tag, Access::Push).await?
        {
            let found = found.descriptor.digest;
            return if found == ours { Ok(()) } else { Err(doing.tag_moved(tag, found, ours)) };
        }
        self.send_manifest(doing, tag, manifest).await
    }

    /// One page of the list of tags: its bytes, and the query of the next one. Nothing where there is no repository yet.
    async fn read_page(
        &self,
        doing: &Doing,
        query: &str,
        bytes_max: u64,
    ) -> Result<(Vec<u8>, Option<String>), Trouble> {
        let target = format!("/tags/list?{query}");
        let ask = self.ask(doing, Method::GET, &target, Access::Pull, JSON)?;
        let answer = self.exchange.head(doing, &ask).await?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok((b"{}".to_vec(), None)),
            _ => return Err(self.exchange.refused(doing, answer, "the list").await),
        }
        let (head, body) = answer.into_parts();
        let reading = Reading { bytes_max, progress: &|_| {} };
        match self.exchange.body(doing, body, &reading).await? {
            Read::Whole(bytes) => Ok((bytes, page::next_query(&head.headers))),
            Read::More => {
                let observed = format!("more than {TAG_LIST_BYTES_MAX} bytes");
                Err(doing.too_large("the list of tags", observed, TAG_LIST_BYTES_MAX))
            }
        }
    }
}

impl Repository for Registry {
    fn name(&self) -> String {
        self.name.clone()
    }

    async fn resolve(&self, tag: &str) -> Result<Option<Descriptor>, RepositoryError> {
        let doing = self.doing(format_args!("reading the tag `{tag}` of"));
        check_tag(&doing, tag)?;
        let read = || self.read_manifest(&doing, tag, Access::Pull);
        Ok(self.exchange.persist(&doing, read).await?.map(|content| content.descriptor))
    }

    async fn tags(&self) -> Result<Vec<String>, RepositoryError> {
        let doing = self.doing("reading the tags of");
        let mut tags = Vec::new();
        let mut query = format!("n={}", page::PAGE_TAGS);
        let mut bytes_max = TAG_LIST_BYTES_MAX;
        for _ in 0..TAG_PAGES_MAX {
            let read = || self.read_page(&doing, &query, bytes_max);
            let (bytes, next) = self.exchange.persist(&doing, read).await?;
            bytes_max = bytes_max.saturating_sub(bytes.len() as u64);
            tags.extend(page::tags(&bytes).map_err(|problem| doing.malformed(problem))?);
            match next {
                None => return Ok(tags),
                Some(next) if next == query => {
                    return Err(doing.malformed("a page of tags follows itself").into());
                }
                Some(next) => query = next,
            }
        }
        Err(doing.malformed(format!("the list of tags has more than {TAG_PAGES_MAX} pages")).into())
    }

    async fn manifest(&self, digest: Digest) -> Result<Content, RepositoryError> {
        let doing = self.doing(format_args!("pulling the manifest {digest} from"));
        let read = async || {
            let found = self.read_manifest(&doing, &digest.to_string(), Access::Pull).await?;
            match found {
                None => Err(doing.missing("the manifest")),
                Some(content) if content.descriptor.digest != digest => {
                    Err(doing.other_content(content.descriptor.digest.to_string(), digest.to_string()))
                }
                Some(content) => Ok(content),
            }
        };
        self.exchange.persist(&doing, read).await
    }

    async fn blob(
        &self,
        descriptor: &Descriptor,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Vec<u8>, RepositoryError> {
        let doing = self.doing(format_args!("pulling the blob {} from", descriptor.digest));
        check_size(&doing, descriptor.size)?;
        self.exchange.persist(&doing, || self.read_blob(&doing, descriptor, progress)).await
    }

    async fn put_blob(&self, blob: &Content, progress: &(dyn Fn(u64) + Sync)) -> Result<(), RepositoryError> {
        let doing = self.doing(format_args!("pushing the blob {} to", blob.descriptor.digest));
        check_size(&doing, blob.bytes.len() as u64)?;
        let bytes = Bytes::from(blob.bytes.clone());
        if !self.exchange.persist(&doing, || self.has_blob(&doing, &blob.descriptor)).await? {
            self.exchange.persist(&doing, || self.send_blob(&doing, blob, &bytes, progress)).await?;
        }
        progress(blob.descriptor.size);
        Ok(())
    }

    async fn put_manifest(&self, manifest: &Content) -> Result<(), RepositoryError> {
        let digest = manifest.descriptor.digest.to_string();
        let doing = self.doing(format_args!("pushing the manifest {digest} to"));
        self.exchange.persist(&doing, || self.send_manifest(&doing, &digest, manifest)).await
    }

    /// As far as a registry can: a tag that is to stay is looked at before and after, not in between.
    async fn put_tag(&self, tag: &str, manifest: &Content, tagging: Tagging) -> Result<(), RepositoryError> {
        let doing = self.doing(format_args!("setting the tag `{tag}` of"));
        check_tag(&doing, tag)?;
        self.exchange.persist(&doing, || self.send_tag(&doing, tag, manifest, tagging)).await?;
        if tagging == Tagging::Movable {
            return Ok(());
        }
        let ours = manifest.descriptor.digest;
        let read = || self.read_manifest(&doing, tag, Access::Push);
        match self.exchange.persist(&doing, read).await? {
            Some(found) if found.descriptor.digest == ours => Ok(()),
            Some(found) => Err(doing.tag_moved(tag, found.descriptor.digest, ours).into()),
            None => Err(doing.missing("the tag that was set").into()),
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.name).finish()
    }
}

fn text_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The digest that a registry says its answer has. One of another kind says nothing that can be compared.
fn stated_digest(headers: &HeaderMap) -> Option<Digest> {
    text_of(headers, CONTENT_DIGEST).and_then(Digest::parse)
}

fn too_large_manifest(doing: &Doing, bytes: Option<usize>) -> Trouble {
    let observed = match bytes {
        Some(bytes) => format!("{bytes} bytes"),
        None => format!("more than {OCI_MANIFEST_BYTES_MAX} bytes"),
    };
    doing.too_large("the manifest", observed, OCI_MANIFEST_BYTES_MAX)
}

fn check_size(doing: &Doing, bytes: u64) -> Result<(), RepositoryError> {
    if bytes <= MODULE_BYTES_MAX {
        return Ok(());
    }
    Err(doing.too_large("the blob", format!("{bytes} bytes"), MODULE_BYTES_MAX).into())
}

fn check_tag(doing: &Doing, tag: &str) -> Result<(), RepositoryError> {
    if is_tag(tag) {
        return Ok(());
    }
    let expected = "expected at most 128 letters, digits, `_`, `.` and `-`, not beginning with `.` or `-`";
    Err(doing.malformed(format!("it is no tag: {expected}")).into())
}
