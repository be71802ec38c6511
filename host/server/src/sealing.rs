//! Configuration at rest: sealed with XChaCha20-Poly1305, bound to its task.
//!
//! The key comes from the environment (`MAINWORKER_SEALING_KEY`) or from a file in the data folder that only its owner can
//! read, made at the first start. Two keys are derived from it, one to seal and one for fingerprints, so that neither says
//! anything about the other. Nonces are 24 random bytes: with so many they never meet.

use crate::failure::Failure;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use mainworker_domain::task_id::TaskId;
use rand::TryRng;
use rand::rngs::SysRng;
use secrecy::{ExposeSecret, SecretBox, SecretSlice, SecretString};
use sha2::Sha256;
use std::env;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// The environment variable with the key.
pub const KEY_VARIABLE: &str = "MAINWORKER_SEALING_KEY";
/// The file with the key, in the data folder.
const KEY_FILE: &str = "sealing.key";
/// Bytes of the key, and of those derived from it.
const KEY_BYTES: usize = 32;
/// Bytes of a nonce of XChaCha20.
const NONCE_BYTES: usize = 24;
/// The first byte of all that is sealed so. Another way would have another.
const FORM: u8 = 1;
/// What the check value says once it is opened.
const CHECK: &[u8] = b"mainworker sealing check";

/// Seals and opens. Its keys are wiped when it is dropped.
pub struct Sealer {
    cipher: XChaCha20Poly1305,
    fingerprints: SecretBox<[u8; KEY_BYTES]>,
}

/// What was sealed cannot be opened: it was changed, belongs to another task, or another key sealed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("opening a sealed configuration: found one that this key did not seal for this task")]
pub struct NotSealedHere;

impl Sealer {
    /// The sealer with the key of this host. `is_new` says that the data folder has no store yet: only then a key is made.
    ///
    /// # Errors
    /// A key that cannot be read, is no key, can be read by others, or is gone.
    pub fn open(data_dir: &Path, is_new: bool) -> Result<Self, Failure> {
        if let Some(text) = env::var_os(KEY_VARIABLE).filter(|text| !text.is_empty()) {
            let text = SecretString::from(text.to_string_lossy().into_owned());
            return Self::from_text(&text, &format!("the variable `{KEY_VARIABLE}`"));
        }
        let path = data_dir.join(KEY_FILE);
        let place = format!("`{}`", path.display());
        let unreadable = |problem: &dyn std::fmt::Display| {
            Failure::usage(
                "sealing_key_unreadable",
                format!("reading the sealing key {place}: {problem}"),
                format!("it has to be a file that only its owner can read: `chmod 600 {}`", path.display()),
            )
        };
        match fs::metadata(&path) {
            Ok(metadata) if !metadata.is_file() => {
                return Err(unreadable(&"found something else, expected a file"));
            }
            Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => {
                let mode = metadata.permissions().mode() & 0o777;
                return Err(unreadable(&format!(
                    "found mode {mode:03o}, expected 600: others could read it"
                )));
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound && is_new => {
                make(&path).map_err(|error| unreadable(&error))?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(Failure::usage(
                    "sealing_key_gone",
                    format!(
                        "reading the sealing key {place}: it is not there, and the store beside it was sealed with one"
                    ),
                    format!("put the file back, or give the key in `{KEY_VARIABLE}`"),
                ));
            }
            Err(error) => return Err(unreadable(&error)),
        }
        let bytes = SecretSlice::from(fs::read(&path).map_err(|error| unreadable(&error))?);
        // What is not text is no key either.
        let text = SecretString::from(str::from_utf8(bytes.expose_secret()).unwrap_or_default());
        Self::from_text(&text, &place)
    }

    fn from_text(text: &SecretString, place: &str) -> Result<Self, Failure> {
        let bytes = STANDARD.decode(text.expose_secret().trim()).ok().and_then(|bytes| bytes.try_into().ok());
        let key = SecretBox::new(Box::new(bytes.ok_or_else(|| {
            Failure::usage(
                "sealing_key_invalid",
                format!("reading the sealing key in {place}: found something else than {KEY_BYTES} bytes in Base64"),
                format!("put back the key that it had; for a new store: `head -c {KEY_BYTES} /dev/urandom | base64`"),
            )
        })?));
        Ok(Self::from_key(&key))
    }

    fn from_key(key: &SecretBox<[u8; KEY_BYTES]>) -> Self {
        let sealing = derived(key, b"mainworker configuration");
        let cipher = XChaCha20Poly1305::new(&Key::from(*sealing.expose_secret()));
        Self { cipher, fingerprints: derived(key, b"mainworker fingerprints") }
    }

    /// Seals the configuration of a task.
    ///
    /// # Errors
    /// A system that has no random bytes.
    pub fn seal(&self, task: TaskId, configuration: &SecretString) -> Result<Vec<u8>, Failure> {
        self.seal_bytes(task.as_bytes(), configuration.expose_secret().as_bytes())
    }

    fn seal_bytes(&self, bound_to: &[u8], bytes: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut nonce = [0; NONCE_BYTES];
        SysRng
            .try_fill_bytes(&mut nonce)
            .map_err(|error| Failure::host(format!("drawing random bytes: {error}")))?;
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: bytes, aad: bound_to })
            .map_err(|_| Failure::host("sealing a configuration: it is too long"))?;
        Ok([&[FORM], nonce.as_slice(), &sealed].concat())
    }

    /// Opens what [`Sealer::seal`] sealed for the same task.
    ///
    /// # Errors
    /// Anything else.
    pub fn open_sealed(&self, task: TaskId, sealed: &[u8]) -> Result<SecretString, NotSealedHere> {
        let bytes = self.open_bytes(task.as_bytes(), sealed)?;
        String::from_utf8(bytes).map(SecretString::from).map_err(|_| NotSealedHere)
    }

    fn open_bytes(&self, bound_to: &[u8], sealed: &[u8]) -> Result<Vec<u8>, NotSealedHere> {
        let (&[FORM], sealed) = sealed.split_first_chunk::<1>().ok_or(NotSealedHere)? else {
            return Err(NotSealedHere);
        };
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(NotSealedHere)?;
        let payload = Payload { msg: sealed, aad: bound_to };
        self.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| NotSealedHere)
    }

    /// A value that only this key opens, to be kept beside what it seals.
    ///
    /// # Errors
    /// As [`Sealer::seal`].
    pub fn check_value(&self) -> Result<Vec<u8>, Failure> {
        self.seal_bytes(CHECK, CHECK)
    }

    /// Whether this key made a check value.
    pub fn made(&self, check_value: &[u8]) -> bool {
        self.open_bytes(CHECK, check_value).is_ok_and(|opened| opened == CHECK)
    }

    /// Equal for equal parts, and telling nothing about them without the key.
    pub fn fingerprint(&self, parts: &[&str]) -> [u8; KEY_BYTES] {
        let mut mac = mac_with(self.fingerprints.expose_secret());
        for part in parts {
            // With its length, so that no part can reach into the next.
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}

fn mac_with(key: &[u8; KEY_BYTES]) -> Hmac<Sha256> {
    // By the definition of HMAC a key is filled up with zeros to a block of its hash.
    let mut block = zeroize::Zeroizing::new([0; 64]);
    block[..KEY_BYTES].copy_from_slice(key);
    Hmac::<Sha256>::new(&(*block).into())
}

fn derived(key: &SecretBox<[u8; KEY_BYTES]>, purpose: &[u8]) -> SecretBox<[u8; KEY_BYTES]> {
    let mut mac = mac_with(key.expose_secret());
    mac.update(purpose);
    SecretBox::new(Box::new(mac.finalize().into_bytes().into()))
}

/// Makes a key file, whole or not at all.
fn make(path: &Path) -> std::io::Result<()> {
    let mut key = SecretBox::new(Box::new([0; KEY_BYTES]));
    SysRng
        .try_fill_bytes(secrecy::ExposeSecretMut::expose_secret_mut(&mut key))
        .map_err(std::io::Error::other)?;
    let text = SecretString::from(format!("{}\n", STANDARD.encode(key.expose_secret())));
    let temporary = path.with_extension("key.new");
    // One that was left by a start that did not come to its end.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(text.expose_secret().as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: TaskId = TaskId::from_bytes([7; 16]);

    fn sealer(byte: u8) -> Sealer {
        Sealer::from_key(&SecretBox::new(Box::new([byte; KEY_BYTES])))
    }

    #[test]
    fn what_is_sealed_opens_for_its_task_and_with_its_key_alone() {
        let secret = SecretString::from(r#"{"accounts.token":"canary"}"#);
        let sealed = sealer(1).seal(TASK, &secret).unwrap();
        assert!(!sealed.windows(6).any(|bytes| bytes == b"canary"));
        assert_eq!(sealer(1).open_sealed(TASK, &sealed).unwrap().expose_secret(), secret.expose_secret());
        assert_ne!(sealed, sealer(1).seal(TASK, &secret).unwrap(), "a nonce is used once");
        assert!(
            sealer(1).open_sealed(TaskId::from_bytes([8; 16]), &sealed).is_err(),
            "moved to another task"
        );
        assert!(sealer(2).open_sealed(TASK, &sealed).is_err(), "another key");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(sealer(1).open_sealed(TASK, &changed).is_err(), "byte {at}");
            assert!(sealer(1).open_sealed(TASK, &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_check_value_tells_one_key_from_another() {
        let value = sealer(1).check_value().unwrap();
        assert!(sealer(1).made(&value) && !sealer(2).made(&value));
        assert!(!sealer(1).made(&sealer(1).seal(TASK, &SecretString::from("x")).unwrap()));
    }

    #[test]
    fn fingerprints_are_of_the_parts_and_the_key() {
        let of = |byte, parts: &[&str]| sealer(byte).fingerprint(parts);
        assert_eq!(of(1, &["a", "b"]), of(1, &["a", "b"]));
        assert_ne!(of(1, &["a", "b"]), of(2, &["a", "b"]));
        assert_ne!(of(1, &["a", "b"]), of(1, &["ab", ""]));
    }

    #[test]
    fn a_key_is_made_once_and_only_for_a_new_store() {
        let folder = tempfile::tempdir().unwrap();
        let gone = Sealer::open(folder.path(), false).unwrap_err();
        assert_eq!(gone.code, "sealing_key_gone");
        let sealed = Sealer::open(folder.path(), true).unwrap().seal(TASK, &SecretString::from("x")).unwrap();
        assert!(Sealer::open(folder.path(), false).unwrap().open_sealed(TASK, &sealed).is_ok());
        let path = folder.path().join(KEY_FILE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let open = Sealer::open(folder.path(), false).unwrap_err();
        assert!(open.message.contains("found mode 640, expected 600"), "{}", open.message);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "short").unwrap();
        assert_eq!(Sealer::open(folder.path(), false).unwrap_err().code, "sealing_key_invalid");
    }
}
