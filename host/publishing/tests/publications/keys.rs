//! Keys and signatures, with OpenSSL on the other side.

use crate::fixture::key;
use mainworker_publishing::dsse::{Envelope, PAYLOAD_TYPE, pae};
use mainworker_publishing::key::{KeyError, PublicKey, SigningKey};
use secrecy::{ExposeSecret, SecretString};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs `openssl` in a folder; its standard output, or none if it says no.
fn openssl(folder: &Path, arguments: &str) -> Option<Vec<u8>> {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output();
    let output = output.expect("these tests need the command `openssl`");
    output.status.success().then_some(output.stdout)
}

fn made_by_openssl(arguments: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let made = openssl(folder.path(), arguments).unwrap_or_else(|| panic!("openssl {arguments}"));
    String::from_utf8(made).unwrap()
}

const P256: &str = "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256";

fn private(pem: &str) -> Result<SigningKey, KeyError> {
    SigningKey::from_pem(&SecretString::from(pem))
}

#[test]
fn openssl_verifies_what_is_signed_here() {
    let folder = tempfile::tempdir().unwrap();
    let (key, path) = (key(1), folder.path());
    let payload = br#"{"_type":"https://in-toto.io/Statement/v1"}"#;
    let message = pae(PAYLOAD_TYPE, payload);
    assert_eq!(message, [b"DSSEv1 28 application/vnd.in-toto+json 43 ".as_slice(), payload].concat());
    fs::write(path.join("key.pub"), key.public_key().to_pem()).unwrap();
    fs::write(path.join("signature"), key.sign(&message)).unwrap();
    fs::write(path.join("message"), &message).unwrap();
    let verify = "dgst -sha256 -verify key.pub -signature signature message";
    assert_eq!(openssl(path, verify).unwrap(), b"Verified OK\n");

    fs::write(path.join("message"), payload).unwrap();
    assert!(openssl(path, verify).is_none(), "the payload alone was not signed");
    assert!(Envelope::sign(payload.to_vec(), &key).verified(key.public_key()).is_some());
}

#[test]
fn a_key_of_openssl_is_read_and_its_signatures_are_verified() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let pem = made_by_openssl(P256);
    fs::write(path.join("key.pem"), &pem).unwrap();
    fs::write(path.join("message"), b"a message").unwrap();
    let public = String::from_utf8(openssl(path, "pkey -in key.pem -pubout").unwrap()).unwrap();
    let signature = openssl(path, "dgst -sha256 -sign key.pem message").unwrap();
    let key = private(&pem).unwrap();
    assert_eq!(key.public_key(), &PublicKey::from_pem(&public).unwrap());
    assert_eq!(key.public_key().to_pem(), public);
    assert!(key.public_key().verifies(b"a message", &signature));
    assert!(!key.public_key().verifies(b"another message", &signature));
    assert!(!key.public_key().verifies(b"a message", &signature[1..]));
    assert!(!key.public_key().verifies(b"a message", b""));

    fs::write(path.join("ours.pem"), key.to_pem().unwrap().expose_secret()).unwrap();
    let same = openssl(path, "pkey -in ours.pem -pubout").unwrap();
    assert_eq!(same, public.as_bytes(), "what is written here is the same key to OpenSSL");
    let der = openssl(path, "pkey -in key.pem -pubout -outform DER").unwrap();
    assert_eq!(key.public_key().fingerprint(), crate::fixture::digest(&der));
    let windows = pem.replace('\n', "\r\n");
    assert_eq!(private(&windows).unwrap().public_key(), key.public_key());
}

#[test]
fn other_keys_are_refused_by_what_they_are() {
    let other = |found: &str| KeyError::OtherAlgorithm { found: found.to_owned() };
    let label = |found: &str| KeyError::OtherLabel { found: found.to_owned(), expected: "PRIVATE KEY" };
    let ec = |curve: &str| format!("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:{curve}");
    for (arguments, expected) in [
        (ec("P-384"), other("the curve P-384")),
        (ec("P-521"), other("the curve P-521")),
        (ec("secp256k1"), other("the curve secp256k1")),
        (format!("{P256} -pkeyopt ec_param_enc:explicit"), other("a curve without a name")),
        ("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024".to_owned(), other("RSA")),
        ("genpkey -algorithm ED25519".to_owned(), other("Ed25519")),
        (format!("{P256} -aes-256-cbc -pass pass:word"), KeyError::Encrypted),
        ("ecparam -name prime256v1 -genkey -noout".to_owned(), label("EC PRIVATE KEY")),
        ("ecparam -name prime256v1 -genkey".to_owned(), label("EC PARAMETERS")),
    ] {
        let pem = made_by_openssl(&arguments);
        assert_eq!(private(&pem).err(), Some(expected), "{arguments}");
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("key.pem"), made_by_openssl(P256)).unwrap();
    let old = openssl(folder.path(), "ec -in key.pem -aes128 -passout pass:word").unwrap();
    assert_eq!(private(&String::from_utf8(old).unwrap()).err(), Some(KeyError::Encrypted));
    fs::write(folder.path().join("p384.pem"), made_by_openssl(&ec("P-384"))).unwrap();
    let p384 = openssl(folder.path(), "pkey -in p384.pem -pubout").unwrap();
    let found = PublicKey::from_pem(std::str::from_utf8(&p384).unwrap());
    assert_eq!(found.err(), Some(other("the curve P-384")));
}

#[test]
fn a_private_key_is_no_public_one_and_the_other_way_round() {
    let key = key(1);
    let pem = key.to_pem().unwrap();
    let private_pem = pem.expose_secret();
    assert_eq!(
        private(key.public_key().to_pem()).err(),
        Some(KeyError::OtherLabel { found: "PUBLIC KEY".to_owned(), expected: "PRIVATE KEY" })
    );
    assert_eq!(
        PublicKey::from_pem(private_pem).err(),
        Some(KeyError::OtherLabel { found: "PRIVATE KEY".to_owned(), expected: "PUBLIC KEY" })
    );
}

#[test]
fn what_is_no_key_is_refused_and_not_repeated() {
    let pem = key(1).to_pem().unwrap();
    let pem = pem.expose_secret();
    let lines: Vec<&str> = pem.lines().collect();
    let secret = lines[1];
    let damaged = pem.replacen(&secret[10..14], "AAAA", 1);
    let not_pem = KeyError::NotPem { expected: "PRIVATE KEY" };
    for (text, expected) in [
        (String::new(), &not_pem),
        (secret.to_owned(), &not_pem),
        (format!("{pem}{pem}"), &not_pem),
        (format!("{pem}{}", key(1).public_key().to_pem()), &not_pem),
        (format!("my key\n{pem}"), &not_pem),
        (lines[..lines.len() - 1].join("\n"), &not_pem),
        (pem.replace("END PRIVATE", "END PUBLIC"), &not_pem),
        (format!("-----BEGIN {secret}-----"), &not_pem),
        (damaged, &KeyError::Damaged { expected: "PKCS#8" }),
        (pem.replacen(secret, "", 1), &KeyError::Damaged { expected: "PKCS#8" }),
        (pem.replacen(&secret[..1], "*", 1), &KeyError::Damaged { expected: "PKCS#8" }),
    ] {
        let error = private(&text).unwrap_err();
        assert_eq!(&error, expected, "{} bytes", text.len());
        let shown = format!("{error} {error:?}");
        assert!(
            !secret.as_bytes().chunks(8).any(|part| shown.contains(std::str::from_utf8(part).unwrap())),
            "{shown}"
        );
    }
}

#[test]
fn a_key_is_not_shown() {
    let key = key(1);
    let pem = key.to_pem().unwrap();
    let shown = format!("{key:?} {key:#?} {pem:?}");
    assert!(
        shown.contains(&key.public_key().fingerprint().to_string()),
        "which key is told by its fingerprint"
    );
    let secret: Vec<&str> = pem.expose_secret().lines().filter(|line| !line.starts_with('-')).collect();
    assert!(secret.len() > 1 && !secret.iter().any(|line| shown.contains(line)), "{shown}");
    // The whole of it is two fingerprints and no number beside them.
    assert_eq!(shown.matches("sha256:").count(), 2);
    assert!(shown.len() < 400, "{shown}");
}

#[test]
fn each_key_is_another_and_signs_the_same_message_the_same() {
    assert_ne!(key(1).public_key(), key(2).public_key());
    assert_eq!(key(1).sign(b"message"), key(1).sign(b"message"));
    let read = private(key(1).to_pem().unwrap().expose_secret()).unwrap();
    assert_eq!(read.sign(b"message"), key(1).sign(b"message"));
    assert!(!key(2).public_key().verifies(b"message", &key(1).sign(b"message")));
}
