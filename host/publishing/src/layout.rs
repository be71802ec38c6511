//! A directory with publications: an OCI image layout.
//!
//! `blobs/sha256/HEX` are the contents, `index.json` says where the tags lead. Every file is written beside its place, synced
//! and renamed, and `index.json` last, so that a publisher that dies leaves a directory in which everything that has a tag is
//! whole. Publishers take turns by a lock; readers need none.
//!
//! What is read is held against its digest each time: a directory may be on a share, and disks forget. Links are not followed
//! and only regular files are read, so nothing outside of the directory is taken for its content.

mod folder;
mod index;
mod retain;

use crate::repository::{Content, Descriptor, Repository, RepositoryError, Tagging, digest_of};
use folder::{FileProblem, Folder, LAYOUT_FILE, Writer};
use index::Index;
use mainworker_domain::digest::Digest;
use mainworker_domain::json;
use mainworker_domain::limits::{LAYOUT_INDEX_BYTES_MAX, MODULE_BYTES_MAX, OCI_MANIFEST_BYTES_MAX};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The one version of layouts that there is.
const LAYOUT_VERSION: &str = "1.0.0";

/// A directory with publications.
#[derive(Clone, Debug)]
pub struct Layout {
    folder: Arc<Folder>,
    /// How it is called in errors.
    shown: Arc<str>,
}

impl Layout {
    /// The layout in a directory.
    ///
    /// # Errors
    /// [`RepositoryError::Missing`] if there is no directory, [`RepositoryError::NotARepository`] if there is no layout in it; a layout
    /// of another version.
    pub async fn open(path: &Path) -> Result<Self, RepositoryError> {
        let path = path.to_owned();
        blocking(move || {
            let layout = Self::of(open_folder(&path)?);
            layout.check_version()?;
            Ok(layout)
        })
        .await
    }

    /// The layout in a directory, which is made if it is not there or empty.
    ///
    /// # Errors
    /// A directory with other things in it; what the operating system says.
    pub async fn create(path: &Path) -> Result<Self, RepositoryError> {
        let path = path.to_owned();
        blocking(move || {
            let doing = format!("making an OCI image layout in `{}`", path.display());
            let unavailable = |error: std::io::Error| unavailable(&doing, &error.to_string());
            std::fs::create_dir_all(&path).map_err(unavailable)?;
            let layout = Self::of(open_folder(&path)?);
            // Before the lock is put there: nothing is left in a directory of somebody else's.
            if let Some(other) = layout.folder.not_ours().map_err(unavailable)? {
                let problem =
                    format!("found `{other}` in it, expected an empty directory or an OCI image layout");
                return Err(RepositoryError::NotARepository { doing, problem });
            }
            let writer = layout.folder.lock(&doing)?;
            if layout.folder.has(LAYOUT_FILE).map_err(unavailable)? {
                layout.check_version()?;
            }
            writer.complete(LAYOUT_VERSION, Index::EMPTY).map_err(unavailable)?;
            drop(writer);
            Ok(layout)
        })
        .await
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The same under another name in errors: where it is may not be everybody's affair.
    pub fn called(self, name: &str) -> Self {
        Self { shown: name.into(), ..self }
    }

    fn of(folder: Folder) -> Self {
        let shown = folder.path().display().to_string().into();
        Self { folder: Arc::new(folder), shown }
    }

    fn check_version(&self) -> Result<(), RepositoryError> {
        let doing = self.doing("opening");
        let expected = format!("`imageLayoutVersion` {LAYOUT_VERSION}");
        let bytes = self.folder.read(LAYOUT_FILE, 4096).map_err(|problem| match problem {
            FileProblem::Missing => {
                let problem = format!("found no `{LAYOUT_FILE}` in it, expected an OCI image layout");
                RepositoryError::NotARepository { doing: doing.clone(), problem }
            }
            problem => problem.of(&doing, &format!("`{LAYOUT_FILE}`")),
        })?;
        let found = json::check(&bytes).ok().and_then(|()| serde_json::from_slice::<Value>(&bytes).ok());
        match found.as_ref().and_then(|found| found.get("imageLayoutVersion")).and_then(Value::as_str) {
            Some(LAYOUT_VERSION) => Ok(()),
            other => {
                let found = other.map_or("no version".to_owned(), |found| format!("`{}`", shortened(found)));
                let problem = format!("`{LAYOUT_FILE}` has {found}, expected {expected}");
                Err(RepositoryError::Malformed { doing, problem })
            }
        }
    }

    fn doing(&self, verb: &str) -> String {
        format!("{verb} the OCI image layout `{}`", self.shown)
    }

    fn read_index(&self, doing: &str) -> Result<Index, RepositoryError> {
        let bytes = self.folder.read(index::FILE, LAYOUT_INDEX_BYTES_MAX);
        let bytes = bytes.map_err(|problem| problem.of(doing, &format!("`{}`", index::FILE)))?;
        Index::read(&bytes).map_err(|problem| RepositoryError::Malformed { doing: doing.to_owned(), problem })
    }

    /// The bytes of a blob of this digest.
    fn read_blob(&self, doing: &str, digest: Digest, bytes_max: u64) -> Result<Vec<u8>, RepositoryError> {
        let bytes = self
            .folder
            .read_blob(digest, bytes_max)
            .map_err(|problem| problem.of(doing, &format!("{digest}")))?;
        let found = digest_of(&bytes);
        if found == digest {
            return Ok(bytes);
        }
        let (found, expected) = (found.to_string(), digest.to_string());
        Err(RepositoryError::OtherContent { doing: doing.to_owned(), found, expected })
    }

    fn read_manifest(&self, digest: Digest) -> Result<Content, RepositoryError> {
        let doing = self.doing(&format!("reading {digest} in"));
        let bytes = self.read_blob(&doing, digest, OCI_MANIFEST_BYTES_MAX)?;
        let said = json::check(&bytes).ok().and_then(|()| serde_json::from_slice::<Value>(&bytes).ok());
        let said = said.as_ref().and_then(|manifest| manifest.get("mediaType")).and_then(Value::as_str);
        let Some(media_type) = said else {
            let problem = "found content without a `mediaType`, expected a manifest or an index".to_owned();
            return Err(RepositoryError::Malformed { doing, problem });
        };
        let descriptor = Descriptor {
            media_type: media_type.to_owned(),
            digest,
            size: bytes.len() as u64,
            artifact_type: None,
            annotations: BTreeMap::new(),
        };
        Ok(Content { descriptor, bytes })
    }

    fn read_described(&self, descriptor: &Descriptor) -> Result<Vec<u8>, RepositoryError> {
        let Descriptor { digest, size, .. } = *descriptor;
        let doing = self.doing(&format!("reading {digest} in"));
        check_blob_size(&doing, size)?;
        let bytes = self.folder.read_blob(digest, size);
        let other_size = |found: String| RepositoryError::OtherContent {
            doing: doing.clone(),
            found,
            expected: format!("{size} bytes"),
        };
        let bytes = match bytes {
            Err(FileProblem::TooLarge { observed_bytes, .. }) => {
                return Err(other_size(format!("{observed_bytes} bytes or more")));
            }
            bytes => bytes.map_err(|problem| problem.of(&doing, &digest.to_string()))?,
        };
        if bytes.len() as u64 != size {
            return Err(other_size(format!("{} bytes", bytes.len())));
        }
        let found = digest_of(&bytes);
        if found != digest {
            let (found, expected) = (found.to_string(), digest.to_string());
            return Err(RepositoryError::OtherContent { doing, found, expected });
        }
        Ok(bytes)
    }

    /// Keeps content under its digest, unless it is there and whole.
    fn write_blob(&self, content: &Content) -> Result<(), RepositoryError> {
        let Content { descriptor, bytes } = content;
        let doing = self.doing(&format!("writing {} to", descriptor.digest));
        check_blob_size(&doing, bytes.len() as u64)?;
        let found = digest_of(bytes);
        if found != descriptor.digest || descriptor.size != bytes.len() as u64 {
            let found = format!("{found} of {} bytes", bytes.len());
            let expected = format!("{} of {} bytes", descriptor.digest, descriptor.size);
            return Err(RepositoryError::OtherContent { doing, found, expected });
        }
        let writer = self.folder.lock(&doing)?;
        if self.read_described(descriptor).is_ok() {
            return Ok(());
        }
        writer.write_blob(descriptor.digest, bytes).map_err(|error| unavailable(&doing, &error.to_string()))
    }

    fn write_tag(&self, tag: &str, manifest: &Descriptor, tagging: Tagging) -> Result<(), RepositoryError> {
        let doing = self.doing(&format!("tagging {} as `{tag}` in", manifest.digest));
        let writer = self.folder.lock(&doing)?;
        let mut index = self.read_index(&doing)?;
        let found = index.find(tag).map_err(|problem| malformed(&doing, problem))?;
        match found {
            Some(found) if found.digest == manifest.digest => return Ok(()),
            Some(found) if tagging == Tagging::Fixed => {
                let (found, expected) = (found.digest, manifest.digest);
                return Err(RepositoryError::TagMoved { doing, tag: tag.to_owned(), found, expected });
            }
            _ => {}
        }
        // What has a tag is there.
        self.read_manifest(manifest.digest)?;
        index.set(tag, manifest);
        self.write_index(&writer, &doing, &index)
    }

    fn write_index(&self, writer: &Writer<'_>, doing: &str, index: &Index) -> Result<(), RepositoryError> {
        let bytes = index.to_bytes();
        if bytes.len() as u64 > LAYOUT_INDEX_BYTES_MAX {
            return Err(RepositoryError::TooLarge {
                doing: doing.to_owned(),
                what: "`index.json`",
                observed: format!("{} bytes", bytes.len()),
                allowed_bytes: LAYOUT_INDEX_BYTES_MAX,
            });
        }
        writer.write_index(&bytes).map_err(|error| unavailable(doing, &error.to_string()))
    }
}

impl Repository for Layout {
    fn name(&self) -> String {
        self.shown.to_string()
    }

    async fn resolve(&self, tag: &str) -> Result<Option<Descriptor>, RepositoryError> {
        let (layout, tag) = (self.clone(), tag.to_owned());
        blocking(move || {
            let doing = layout.doing(&format!("looking for `{tag}` in"));
            layout.read_index(&doing)?.find(&tag).map_err(|problem| malformed(&doing, problem))
        })
        .await
    }

    async fn tags(&self) -> Result<Vec<String>, RepositoryError> {
        let layout = self.clone();
        blocking(move || Ok(layout.read_index(&layout.doing("listing the tags of"))?.tags())).await
    }

    async fn manifest(&self, digest: Digest) -> Result<Content, RepositoryError> {
        let layout = self.clone();
        blocking(move || layout.read_manifest(digest)).await
    }

    async fn blob(
        &self,
        descriptor: &Descriptor,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Vec<u8>, RepositoryError> {
        let (layout, descriptor) = (self.clone(), descriptor.clone());
        let bytes = blocking(move || layout.read_described(&descriptor)).await?;
        progress(bytes.len() as u64);
        Ok(bytes)
    }

    async fn put_blob(&self, blob: &Content, progress: &(dyn Fn(u64) + Sync)) -> Result<(), RepositoryError> {
        let (layout, content) = (self.clone(), blob.clone());
        blocking(move || layout.write_blob(&content)).await?;
        progress(blob.descriptor.size);
        Ok(())
    }

    async fn put_manifest(&self, manifest: &Content) -> Result<(), RepositoryError> {
        let (layout, content) = (self.clone(), manifest.clone());
        blocking(move || layout.write_blob(&content)).await
    }

    async fn put_tag(&self, tag: &str, manifest: &Content, tagging: Tagging) -> Result<(), RepositoryError> {
        let (layout, tag, descriptor) = (self.clone(), tag.to_owned(), manifest.descriptor.clone());
        blocking(move || layout.write_tag(&tag, &descriptor, tagging)).await
    }
}

fn open_folder(path: &Path) -> Result<Folder, RepositoryError> {
    let doing = format!("opening the OCI image layout `{}`", path.display());
    Folder::open(PathBuf::from(path)).map_err(|problem| problem.of(&doing, "the directory"))
}

fn check_blob_size(doing: &str, size: u64) -> Result<(), RepositoryError> {
    if size <= MODULE_BYTES_MAX {
        return Ok(());
    }
    Err(RepositoryError::TooLarge {
        doing: doing.to_owned(),
        what: "the content",
        observed: format!("{size} bytes"),
        allowed_bytes: MODULE_BYTES_MAX,
    })
}

fn malformed(doing: &str, problem: String) -> RepositoryError {
    RepositoryError::Malformed { doing: doing.to_owned(), problem }
}

fn unavailable(doing: &str, problem: &str) -> RepositoryError {
    RepositoryError::Unavailable { doing: doing.to_owned(), problem: problem.to_owned() }
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Runs what reads or writes files, on a thread that may wait for them.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RepositoryError> + Send + 'static,
) -> Result<T, RepositoryError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        Err(unavailable("reading or writing an OCI image layout", &error.to_string()))
    })
}
