//! TLS by certificate files: what `[server.tls]` names is read at the start, and again whenever it changes, so that whoever
//! renews certificates need not stop the host. A pair that cannot be used never takes the place of one that can.
//!
//! Nothing of a key file is ever in a message, not even a line that cannot be read.

use crate::failure::Failure;
use crate::hints;
use crate::settings::TlsSettings;
use crate::small_file;
use mainworker_domain::event::Event;
use rustix::process::geteuid;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{InconsistentKeys, ServerConfig};
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

/// Bytes of a certificate or a key file. Chains have some kilobytes; keeps a wrong path from being read whole.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Between two looks whether the files have changed.
const LOOK: Duration = Duration::from_secs(5);
/// Looks after which the files are read although they seem to be as they were: one that was replaced by another of the same
/// size and time.
const LOOKS_UNTIL_READ: u32 = 12;

/// Why a pair of files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that is not there, or may not be read.
    #[error("reading the {what} `{}`: {error}", path.display())]
    Unreadable {
        /// `certificate` or `key`.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// As the system says it.
        error: io::Error,
    },
    /// Nothing of the kind is in the file.
    #[error("reading the {what} `{}`: found {found}, expected PEM with `{expected}`", path.display())]
    Foreign {
        /// `certificate` or `key`.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// What is in it.
        found: String,
        /// The label that it should have.
        expected: &'static str,
    },
    /// Others may read the key.
    #[error("reading the key `{}`: found the mode {mode:04o}, expected that nobody but its owner may read it", path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The two are not of each other.
    #[error("the key `{}` is not that of the certificate `{}`, expected a pair; of a chain the host's own certificate comes first", key.display(), cert.display())]
    Apart {
        /// The certificate.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// Something else that keeps TLS from being spoken with them.
    #[error("using the certificate `{}` with the key `{}`: {problem}", cert.display(), key.display())]
    Unusable {
        /// The certificate.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
        /// What it is.
        problem: String,
    },
}

impl From<TlsError> for Failure {
    fn from(error: TlsError) -> Self {
        Self::usage("certificate_unusable", &error, hints::of_tls(&error))
    }
}

/// Reads a pair, and whether it fits.
///
/// # Errors
/// See [`TlsError`].
pub fn read(settings: &TlsSettings) -> Result<CertifiedKey, TlsError> {
    let (what, path) = ("certificate", &settings.cert);
    let bytes = read_file(what, path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| foreign(what, path, &bytes, "CERTIFICATE"))?;

    let (what, path) = ("key", &settings.key);
    let bytes = read_file(what, path)?;
    check_mode(path)?;
    let key =
        PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| foreign(what, path, &bytes, "PRIVATE KEY"))?;
    CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| {
        let (cert, key) = (settings.cert.clone(), settings.key.clone());
        match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::Apart { cert, key },
            error => TlsError::Unusable { cert, key, problem: error.to_string() },
        }
    })
}

fn read_file(what: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    small_file::read(path, FILE_BYTES_MAX).map_err(|error| TlsError::Unreadable {
        what,
        path: path.to_owned(),
        error,
    })
}

/// As OpenSSH does it: a key of this user is for this user alone. Of another's, such as one that root lets a group read, its
/// owner has decided.
fn check_mode(path: &Path) -> Result<(), TlsError> {
    let unreadable = |error| TlsError::Unreadable { what: "key", path: path.to_owned(), error };
    let found = fs::metadata(path).map_err(unreadable)?;
    if found.uid() == geteuid().as_raw() && found.mode() & 0o077 != 0 {
        return Err(TlsError::Exposed { path: path.to_owned(), mode: found.mode() & 0o7777 });
    }
    Ok(())
}

fn foreign(what: &'static str, path: &Path, bytes: &[u8], expected: &'static str) -> TlsError {
    let labels: Vec<String> = labels(bytes).collect();
    let readable = ["CERTIFICATE", "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"];
    let is_meant = |label: &String| readable.contains(&label.as_str()) && label.ends_with(expected);
    let found = match labels.as_slice() {
        _ if bytes.is_empty() => "an empty file".to_owned(),
        [] => "no PEM".to_owned(),
        labels if labels.iter().any(is_meant) => "PEM that is cut or damaged".to_owned(),
        labels => format!("`{}`", labels.join("`, `")),
    };
    TlsError::Foreign { what, path: path.to_owned(), found, expected }
}

/// What a file of PEM says that is in it, and nothing of that itself.
fn labels(bytes: &[u8]) -> impl Iterator<Item = String> {
    let label = |line: &[u8]| {
        let label = line.trim_ascii().strip_prefix(b"-----BEGIN ")?.strip_suffix(b"-----")?;
        let is_one = label.len() <= 40
            && label.iter().all(|b| b.is_ascii_uppercase() || *b == b' ' || b.is_ascii_digit());
        is_one.then(|| String::from_utf8_lossy(label).into_owned())
    };
    bytes.split(|byte| *byte == b'\n').filter_map(label).take(4)
}

/// The pair in use.
struct InUse(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for InUse {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // It is replaced as a whole.
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Shows nothing of the key.
impl fmt::Debug for InUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InUse").finish_non_exhaustive()
    }
}

/// The certificate of a running host.
#[derive(Debug)]
pub struct Certificate {
    settings: TlsSettings,
    in_use: Arc<InUse>,
    config: Arc<ServerConfig>,
    /// How the files were when they were read last.
    stamps: Option<Stamps>,
    /// Looks since then.
    looks: u32,
    /// What was wrong with them then, if they could not be used.
    problem: Option<String>,
    /// Whether somebody was told of that.
    is_told: bool,
}

/// How two files look from outside.
type Stamps = [Stamp; 2];
type Stamp = Option<(SystemTime, u64, u64, u64)>;

/// What a look at the files brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    /// They are as they were, or not yet as they will be.
    Same,
    /// There is a new pair, which is in use now.
    Renewed,
    /// They cannot be used: why. The former pair goes on.
    Broken(String),
}

impl Certificate {
    /// Reads the pair for the first time.
    ///
    /// # Errors
    /// A pair that cannot be used.
    pub fn load(settings: TlsSettings) -> Result<Self, TlsError> {
        let stamps = stamps(&settings);
        let in_use = Arc::new(InUse(RwLock::new(Arc::new(read(&settings)?))));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|error| TlsError::Unusable {
                cert: settings.cert.clone(),
                key: settings.key.clone(),
                problem: error.to_string(),
            })?
            .with_no_client_auth();
        let mut config = config.with_cert_resolver(Arc::clone(&in_use) as _);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let config = Arc::new(config);
        Ok(Self { settings, in_use, config, stamps: Some(stamps), looks: 0, problem: None, is_told: false })
    }

    /// What TLS is spoken with, now and after each renewal.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Looks at the files. A pair that is being replaced fits only when both files are there, so one that cannot be used is
    /// told when the next look finds it as it was.
    pub fn look(&mut self) -> Looked {
        self.looks += 1;
        let stamps = stamps(&self.settings);
        let is_same = self.stamps.as_ref() == Some(&stamps);
        let is_to_be_told = self.problem.is_some() && !self.is_told;
        if is_same && !is_to_be_told && self.looks < LOOKS_UNTIL_READ {
            return Looked::Same;
        }
        (self.stamps, self.looks) = (Some(stamps), 0);
        match read(&self.settings) {
            Ok(pair) => {
                (self.problem, self.is_told) = (None, false);
                let mut in_use = self.in_use.0.write().unwrap_or_else(PoisonError::into_inner);
                // The key of a certificate cannot be another one.
                if in_use.cert == pair.cert {
                    return Looked::Same;
                }
                *in_use = Arc::new(pair);
                Looked::Renewed
            }
            Err(error) => {
                let problem = error.to_string();
                if self.problem.as_ref() != Some(&problem) {
                    (self.problem, self.is_told) = (Some(problem), false);
                    return Looked::Same;
                }
                if self.is_told {
                    return Looked::Same;
                }
                self.is_told = true;
                Looked::Broken(problem)
            }
        }
    }

    /// Looks at the files as long as somebody wants it, and tells what comes of it.
    pub async fn keep(mut self, emit: impl Fn(Event)) {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first one comes at once.
        ticks.tick().await;
        loop {
            ticks.tick().await;
            // A disk that does not answer must not hold up others.
            let looked = spawn_blocking(move || {
                let looked = self.look();
                (self, looked)
            });
            let Ok((certificate, looked)) = looked.await else { return };
            self = certificate;
            match looked {
                Looked::Same => {}
                Looked::Renewed => {
                    tracing::warn!(cert = %self.settings.cert.display(), "the certificate was renewed")
                }
                Looked::Broken(problem) => {
                    tracing::error!(problem, "the new certificate cannot be used, the former one goes on");
                    emit(Event::HostError { code: "certificate_unusable".to_owned(), message: problem });
                }
            }
        }
    }
}

fn stamps(settings: &TlsSettings) -> Stamps {
    [&settings.cert, &settings.key].map(|path| {
        let found = fs::metadata(path).ok()?;
        Some((found.modified().ok()?, found.len(), found.ino(), u64::from(found.mode())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertifiedKey as Made, KeyPair};
    use std::os::unix::fs::PermissionsExt as _;
    use tempfile::TempDir;

    struct Files {
        folder: TempDir,
    }

    impl Files {
        /// A pair that fits.
        fn new() -> Self {
            let files = Self { folder: TempDir::new().unwrap() };
            files.renew();
            files
        }

        fn settings(&self) -> TlsSettings {
            TlsSettings { cert: self.folder.path().join("cert.pem"), key: self.folder.path().join("key.pem") }
        }

        fn made() -> Made<KeyPair> {
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap()
        }

        fn renew(&self) {
            let made = Self::made();
            self.write_cert(&made.cert.pem());
            self.write_key(&made.signing_key.serialize_pem());
        }

        fn write_cert(&self, text: &str) {
            fs::write(self.settings().cert, text).unwrap();
        }

        fn write_key(&self, text: &str) {
            let path = self.settings().key;
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }

        fn refused(&self) -> String {
            let error = Certificate::load(self.settings()).unwrap_err().to_string();
            error.replace(&*self.folder.path().to_string_lossy(), "[folder]")
        }
    }

    #[test]
    fn a_pair_that_fits_is_taken_and_so_is_a_chain() {
        let files = Files::new();
        Certificate::load(files.settings()).unwrap();
        let cert = fs::read_to_string(files.settings().cert).unwrap();
        files.write_cert(&format!("{cert}{}", Files::made().cert.pem()));
        assert_eq!(read(&files.settings()).unwrap().cert.len(), 2);
        files.write_cert(&format!("{}{cert}", Files::made().cert.pem()));
        assert!(files.refused().contains("comes first"), "the wrong way round");
    }

    #[test]
    fn what_cannot_be_used_is_named_and_not_shown() {
        let files = Files::new();
        let (settings, good) = (files.settings(), fs::read_to_string(files.settings().key).unwrap());
        let mut said = Vec::new();
        files.write_key(&Files::made().signing_key.serialize_pem());
        said.push(files.refused());
        files.write_key("");
        said.push(files.refused());
        files.write_key(&fs::read_to_string(&settings.cert).unwrap());
        said.push(files.refused());
        files.write_key(&good[..good.len() / 2]);
        said.push(files.refused());
        files.write_key(&good.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"));
        said.push(files.refused());
        files.write_key("secret-key-text");
        said.push(files.refused());
        files.write_key(&good);
        fs::set_permissions(&settings.key, fs::Permissions::from_mode(0o640)).unwrap();
        said.push(files.refused());
        files.write_key(&good);
        files.write_cert(&good);
        said.push(files.refused());
        fs::remove_file(&settings.cert).unwrap();
        said.push(files.refused());
        insta::assert_snapshot!(said.join("\n"), @r"
        the key `[folder]/key.pem` is not that of the certificate `[folder]/cert.pem`, expected a pair; of a chain the host's own certificate comes first
        reading the key `[folder]/key.pem`: found an empty file, expected PEM with `PRIVATE KEY`
        reading the key `[folder]/key.pem`: found `CERTIFICATE`, expected PEM with `PRIVATE KEY`
        reading the key `[folder]/key.pem`: found PEM that is cut or damaged, expected PEM with `PRIVATE KEY`
        reading the key `[folder]/key.pem`: found `ENCRYPTED PRIVATE KEY`, expected PEM with `PRIVATE KEY`
        reading the key `[folder]/key.pem`: found no PEM, expected PEM with `PRIVATE KEY`
        reading the key `[folder]/key.pem`: found the mode 0640, expected that nobody but its owner may read it
        reading the certificate `[folder]/cert.pem`: found `PRIVATE KEY`, expected PEM with `CERTIFICATE`
        reading the certificate `[folder]/cert.pem`: No such file or directory (os error 2)
        ");
        let body: Vec<&str> = good.lines().filter(|line| !line.starts_with('-')).collect();
        assert!(
            body.iter().all(|line| !said.join("\n").contains(line))
                && !said.join("\n").contains("secret-key")
        );
    }

    #[test]
    fn a_renewed_pair_is_taken_and_a_broken_one_is_told_once() {
        let files = Files::new();
        let mut certificate = Certificate::load(files.settings()).unwrap();
        let in_use = |certificate: &Certificate| certificate.in_use.0.read().unwrap().cert.clone();
        let first = in_use(&certificate);
        assert_eq!(certificate.look(), Looked::Same);
        files.renew();
        assert_eq!(certificate.look(), Looked::Renewed);
        let second = in_use(&certificate);
        assert_ne!(first, second);
        assert_eq!(certificate.look(), Looked::Same);

        // Half of a pair: it is only told when it stays so.
        let made = Files::made();
        files.write_cert(&made.cert.pem());
        assert_eq!(certificate.look(), Looked::Same);
        let Looked::Broken(problem) = certificate.look() else { panic!("nobody is told") };
        assert!(problem.contains("expected a pair"), "{problem}");
        for _ in 0..2 * LOOKS_UNTIL_READ {
            assert_eq!(certificate.look(), Looked::Same, "it is told once");
        }
        assert_eq!(in_use(&certificate), second, "the former pair goes on");
        files.write_key(&made.signing_key.serialize_pem());
        assert_eq!(certificate.look(), Looked::Renewed);
        assert_eq!(in_use(&certificate), [made.cert.der().clone()]);
    }

    #[test]
    fn what_looks_as_it_was_is_read_all_the_same_after_a_minute() {
        let files = Files::new();
        let mut certificate = Certificate::load(files.settings()).unwrap();
        files.renew();
        // As if nothing had changed.
        certificate.stamps = Some(stamps(&files.settings()));
        let looks = (0..LOOKS_UNTIL_READ).map(|_| certificate.look()).collect::<Vec<_>>();
        assert_eq!(looks.iter().position(|looked| *looked == Looked::Renewed), Some(11));
    }
}
