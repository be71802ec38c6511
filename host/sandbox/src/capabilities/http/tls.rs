//! TLS outwards: rustls with ring; the roots of the system, or those that the settings name.

use mainworker_domain::limits::CA_FILE_BYTES_MAX;
use rustix::fs::OFlags;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use rustls::{ClientConfig, RootCertStore};
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which certificate authorities are trusted.
#[derive(Clone, Debug)]
pub enum Roots {
    /// Those of the system, or of the file that `SSL_CERT_FILE` names.
    System,
    /// Those in this file of PEM certificates, and no others.
    File(PathBuf),
}

/// Why TLS cannot be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TlsError {
    /// A file of roots that cannot be used.
    #[error("reading the certificates in `{}`: {problem}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A system without roots.
    #[error("found no trusted certificates on this system, expected some: {0}")]
    NoRoots(String),
    /// What ring cannot do.
    #[error("setting up TLS: {0}")]
    Unsupported(String),
}

impl Roots {
    /// Reads the certificates.
    ///
    /// # Errors
    /// A file that cannot be read or has none; a system that has none.
    pub fn read(&self) -> Result<RootCertStore, TlsError> {
        let mut store = RootCertStore::empty();
        match self {
            Self::File(path) => {
                for certificate in certificates(path)? {
                    store.add(certificate).map_err(|error| unreadable(path, error.to_string()))?;
                }
                if store.is_empty() {
                    return Err(unreadable(path, "found no certificate, expected PEM".to_owned()));
                }
            }
            Self::System => {
                let found = rustls_native_certs::load_native_certs();
                // Some systems carry a root or two that no reader takes.
                store.add_parsable_certificates(found.certs);
                if store.is_empty() {
                    let problems: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
                    return Err(TlsError::NoRoots(problems.join("; ")));
                }
            }
        }
        Ok(store)
    }

    pub(super) fn client(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Unsupported(error.to_string()))?
            .with_root_certificates(self.read()?)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}

fn unreadable(path: &Path, problem: String) -> TlsError {
    TlsError::Unreadable { path: path.to_owned(), problem }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = read_file(path).map_err(|error| unreadable(path, error.to_string()))?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    read.map_err(|error| unreadable(path, describe(&error)))
}

/// A file of a size that certificates have. Opening a pipe would wait for whoever writes into it.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("found something else, expected a file"));
    }
    let mut bytes = Vec::new();
    file.take(CA_FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > CA_FILE_BYTES_MAX {
        return Err(io::Error::other(format!(
            "found more than {CA_FILE_BYTES_MAX} bytes, expected certificates"
        )));
    }
    Ok(bytes)
}

/// As people read it: the reader itself shows lines as lists of bytes.
fn describe(error: &pem::Error) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        pem::Error::MissingSectionEnd { .. } => "a section has no line `-----END …-----`".to_owned(),
        pem::Error::IllegalSectionStart { .. } => {
            "a section begins with a line other than `-----BEGIN …-----`".to_owned()
        }
        _ => error.to_string(),
    }
}
