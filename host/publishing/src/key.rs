//! Keys that sign statements: ECDSA on the curve P-256 with SHA-256, as OpenSSL and Sigstore have it.
//!
//! A private key is read from and written as PKCS#8, a public one as a SubjectPublicKeyInfo, both in PEM. What is private is
//! wiped when it is dropped, and no error or debug output quotes it.

use crate::repository::digest_of;
use mainworker_domain::digest::Digest;
use p256::ecdsa::signature::{Signer, Verifier};
use p256::ecdsa::{DerSignature, VerifyingKey};
use p256::elliptic_curve::Generate;
use p256::pkcs8::der::asn1::AnyRef;
use p256::pkcs8::spki::AlgorithmIdentifier;
use p256::pkcs8::{
    DecodePublicKey, Document, EncodePrivateKey, EncodePublicKey, LineEnding, ObjectIdentifier,
    PrivateKeyInfoRef, SecretDocument, SubjectPublicKeyInfoRef,
};
use rand::TryCryptoRng;
use secrecy::{ExposeSecret, SecretString};
use std::fmt;

const PRIVATE: &str = "PRIVATE KEY";
const PUBLIC: &str = "PUBLIC KEY";
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

/// Keys on elliptic curves, and the one curve of them that is taken.
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// Why a key is not taken. Quotes nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not one PEM block.
    #[error("it is not one block of PEM, expected `-----BEGIN {expected}-----` to begin it")]
    NotPem {
        /// The label that was expected.
        expected: &'static str,
    },
    /// PEM of something else.
    #[error("it is a PEM `{found}`, expected `{expected}`")]
    OtherLabel {
        /// Its label.
        found: String,
        /// The label that was expected.
        expected: &'static str,
    },
    /// A key with a passphrase.
    #[error("it is encrypted, expected a key without a passphrase")]
    Encrypted,
    /// A key of another algorithm or on another curve.
    #[error("it is a key for {found}, expected ECDSA on the curve P-256")]
    OtherAlgorithm {
        /// Its algorithm.
        found: String,
    },
    /// PEM of the right kind with something else in it.
    #[error("it is damaged, expected {expected} in DER")]
    Damaged {
        /// What should be in it.
        expected: &'static str,
    },
    /// The source of random numbers gave none.
    #[error("making it: no random numbers: {problem}")]
    NoRandomNumbers {
        /// What it said.
        problem: String,
    },
}

/// A private key, with which statements are signed.
pub struct SigningKey {
    key: p256::ecdsa::SigningKey,
    public: PublicKey,
}

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// [`KeyError::NoRandomNumbers`].
    pub fn generate<R: TryCryptoRng + ?Sized>(rng: &mut R) -> Result<Self, KeyError> {
        let key = p256::ecdsa::SigningKey::try_generate_from_rng(rng)
            .map_err(|error| KeyError::NoRandomNumbers { problem: error.to_string() })?;
        Self::of(key)
    }

    /// Reads a key as `openssl genpkey` writes it.
    ///
    /// # Errors
    /// Anything else than one private key in PKCS#8 for P-256 without a passphrase.
    pub fn from_pem(pem: &SecretString) -> Result<Self, KeyError> {
        let damaged = || KeyError::Damaged { expected: "PKCS#8" };
        let block = one_block(pem.expose_secret(), PRIVATE)?;
        let (_, document) = SecretDocument::from_pem(block).map_err(|_| damaged())?;
        let info = PrivateKeyInfoRef::try_from(document.as_bytes()).map_err(|_| damaged())?;
        check_algorithm(&info.algorithm)?;
        let key = p256::SecretKey::try_from(info).map_err(|_| damaged())?;
        Self::of(key.into())
    }

    /// The key as [`SigningKey::from_pem`] takes it.
    ///
    /// # Errors
    /// [`KeyError::Damaged`], if it has no such form.
    pub fn to_pem(&self) -> Result<SecretString, KeyError> {
        let pem = p256::SecretKey::from(&self.key).to_pkcs8_pem(LineEnding::LF);
        let pem = pem.map_err(|_| KeyError::Damaged { expected: "PKCS#8" })?;
        Ok(SecretString::from(pem.as_str()))
    }

    /// The key that verifies what this one signs.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The signature of a message, in DER. The same message has the same one (RFC 6979), so that what is published again is
    /// the same content.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: DerSignature = self.key.sign(message);
        signature.as_bytes().to_vec()
    }

    fn of(key: p256::ecdsa::SigningKey) -> Result<Self, KeyError> {
        let public = PublicKey::of(*key.verifying_key())?;
        Ok(Self { key, public })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("public", &self.public).finish_non_exhaustive()
    }
}

/// A public key, with which signatures are verified.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    key: VerifyingKey,
    pem: String,
    fingerprint: Digest,
}

impl PublicKey {
    /// Reads a key as `openssl pkey -pubout` writes it.
    ///
    /// # Errors
    /// Anything else than one public key for P-256.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let damaged = || KeyError::Damaged { expected: "a SubjectPublicKeyInfo" };
        let (_, document) = Document::from_pem(one_block(pem, PUBLIC)?).map_err(|_| damaged())?;
        let info = SubjectPublicKeyInfoRef::try_from(document.as_bytes()).map_err(|_| damaged())?;
        check_algorithm(&info.algorithm)?;
        Self::of(VerifyingKey::from_public_key_der(document.as_bytes()).map_err(|_| damaged())?)
    }

    /// The key as [`PublicKey::from_pem`] takes it.
    pub fn to_pem(&self) -> &str {
        &self.pem
    }

    /// The name of the key that nobody chose: the SHA-256 of its SubjectPublicKeyInfo in DER.
    pub fn fingerprint(&self) -> Digest {
        self.fingerprint
    }

    /// Whether `signature`, in DER, is one of `message` by this key.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        DerSignature::try_from(signature).is_ok_and(|signature| self.key.verify(message, &signature).is_ok())
    }

    fn of(key: VerifyingKey) -> Result<Self, KeyError> {
        let damaged = || KeyError::Damaged { expected: "a SubjectPublicKeyInfo" };
        let der = key.to_public_key_der().map_err(|_| damaged())?;
        let pem = key.to_public_key_pem(LineEnding::LF).map_err(|_| damaged())?;
        let fingerprint = digest_of(der.as_bytes());
        Ok(Self { key, pem, fingerprint })
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PublicKey").field(&self.fingerprint).finish()
    }
}

/// The one PEM block that a text is, if its label is the expected one.
fn one_block<'a>(text: &'a str, expected: &'static str) -> Result<&'a str, KeyError> {
    let not_pem = || KeyError::NotPem { expected };
    let text = text.trim();
    let (label, rest) = text
        .strip_prefix("-----BEGIN ")
        .and_then(|rest| rest.split_once("-----"))
        .filter(|(label, _)| label.len() <= 40 && label.bytes().all(|b| b.is_ascii_uppercase() || b == b' '))
        .ok_or_else(not_pem)?;
    // The old form of OpenSSL says in a header that it is encrypted.
    if label == ENCRYPTED || rest.trim_start().starts_with("Proc-Type: 4,ENCRYPTED") {
        return Err(KeyError::Encrypted);
    }
    if label != expected {
        return Err(KeyError::OtherLabel { found: label.to_owned(), expected });
    }
    let end = rest.find("-----END ").ok_or_else(not_pem)?;
    let closing = rest[end..].strip_prefix("-----END ").and_then(|rest| rest.strip_suffix("-----"));
    if closing != Some(expected) {
        return Err(not_pem());
    }
    Ok(text)
}

fn check_algorithm(algorithm: &AlgorithmIdentifier<AnyRef<'_>>) -> Result<(), KeyError> {
    let other = |found: String| Err(KeyError::OtherAlgorithm { found });
    if algorithm.oid != EC {
        return other(match algorithm.oid.to_string().as_str() {
            "1.2.840.113549.1.1.1" => "RSA".to_owned(),
            "1.2.840.113549.1.1.10" => "RSA-PSS".to_owned(),
            "1.3.101.112" => "Ed25519".to_owned(),
            "1.3.101.113" => "Ed448".to_owned(),
            oid => format!("the algorithm {oid}"),
        });
    }
    match algorithm.parameters_oid() {
        Ok(P256) => Ok(()),
        Ok(curve) => other(match curve.to_string().as_str() {
            "1.3.132.0.10" => "the curve secp256k1".to_owned(),
            "1.3.132.0.34" => "the curve P-384".to_owned(),
            "1.3.132.0.35" => "the curve P-521".to_owned(),
            oid => format!("the curve {oid}"),
        }),
        Err(_) => other("a curve without a name".to_owned()),
    }
}
