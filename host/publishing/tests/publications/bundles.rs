//! Bundles: what is written is read, and nothing else is.

use crate::fixture::{key, publication};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mainworker_publishing::bundle::{Bundle, BundleError};
use mainworker_publishing::dsse::Envelope;
use proptest::prelude::*;
use serde_json::{Value, json};

fn bundle() -> Vec<u8> {
    Bundle::new("ci-2026".to_owned(), Envelope::sign(b"{}".to_vec(), &key(1))).to_json().unwrap()
}

fn value() -> Value {
    serde_json::from_slice(&bundle()).unwrap()
}

fn refused(value: &Value) -> BundleError {
    Bundle::parse(value.to_string().as_bytes()).unwrap_err()
}

#[test]
fn a_bundle_has_the_form_that_others_verify() {
    let signature = STANDARD.encode(key(1).sign(b"DSSEv1 28 application/vnd.in-toto+json 2 {}"));
    let expected = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "publicKey": { "hint": "ci-2026" },
            "tlogEntries": [],
            "timestampVerificationData": { "rfc3161Timestamps": [] },
        },
        "dsseEnvelope": {
            "payload": "e30=",
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{ "sig": signature, "keyid": "" }],
        },
    });
    assert_eq!(value(), expected);
    let read = Bundle::parse(&bundle()).unwrap();
    assert_eq!(read.hint(), "ci-2026");
    assert_eq!(read.envelope().verified(key(1).public_key()).unwrap().bytes(), b"{}");
    assert!(read.envelope().verified(key(2).public_key()).is_none());
    assert_eq!(read.to_json().unwrap(), bundle());
}

#[test]
fn what_others_leave_out_may_be_missing() {
    let mut value = value();
    value["verificationMaterial"] = json!({ "publicKey": { "hint": "ci-2026" } });
    value["dsseEnvelope"]["signatures"][0].as_object_mut().unwrap().remove("keyid");
    let read = Bundle::parse(value.to_string().as_bytes()).unwrap();
    assert_eq!(read, Bundle::parse(&bundle()).unwrap());
}

#[test]
fn each_thing_that_is_not_a_bundle_is_refused_by_its_name() {
    type Change = fn(&mut Value);
    let malformed: [(&str, Change); 6] = [
        ("unknown key", |value| value["x"] = json!(1)),
        ("unknown key inside", |value| value["dsseEnvelope"]["x"] = json!(1)),
        ("certificate", |value| value["verificationMaterial"] = json!({ "certificate": {} })),
        ("no envelope", |value| value["dsseEnvelope"] = json!(null)),
        ("other content", |value| value["messageSignature"] = json!({})),
        ("number", |value| value["dsseEnvelope"]["payload"] = json!(1)),
    ];
    for (name, change) in malformed {
        let mut value = value();
        change(&mut value);
        assert!(matches!(refused(&value), BundleError::Malformed { .. }), "{name}");
    }
    let others: [(Change, BundleError); 9] = [
        (
            |value| value["mediaType"] = json!("application/vnd.dev.sigstore.bundle.v0.2+json"),
            BundleError::OtherMediaType { found: "application/vnd.dev.sigstore.bundle.v0.2+json".to_owned() },
        ),
        (
            |value| value["dsseEnvelope"]["payloadType"] = json!("text/plain"),
            BundleError::OtherPayloadType { found: "text/plain".to_owned() },
        ),
        (|value| value["dsseEnvelope"]["signatures"] = json!([]), BundleError::SignatureCount { found: 0 }),
        (
            |value| {
                let one = value["dsseEnvelope"]["signatures"][0].clone();
                value["dsseEnvelope"]["signatures"] = json!([one, one]);
            },
            BundleError::SignatureCount { found: 2 },
        ),
        (
            |value| value["verificationMaterial"]["tlogEntries"] = json!([{}]),
            BundleError::NotVerifiedHere { field: "tlogEntries" },
        ),
        (
            |value| {
                value["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"] = json!([{}]);
            },
            BundleError::NotVerifiedHere { field: "rfc3161Timestamps" },
        ),
        // Without padding, with bits that mean nothing, and in the alphabet of URLs.
        (
            |value| value["dsseEnvelope"]["payload"] = json!("e30"),
            BundleError::NotBase64 { field: "payload" },
        ),
        (
            |value| value["dsseEnvelope"]["payload"] = json!("e31="),
            BundleError::NotBase64 { field: "payload" },
        ),
        (
            |value| value["dsseEnvelope"]["signatures"][0]["sig"] = json!("_-8="),
            BundleError::NotBase64 { field: "sig" },
        ),
    ];
    for (change, expected) in others {
        let mut value = value();
        change(&mut value);
        assert_eq!(refused(&value), expected);
    }
}

#[test]
fn text_that_two_readers_read_differently_is_refused() {
    let text = String::from_utf8(bundle()).unwrap();
    let twice = text.replacen("\"payload\":", "\"payload\":\"e30=\",\"payload\":", 1);
    for bad in
        [twice, format!("{text}x"), format!("{text}{text}"), format!("\u{feff}{text}"), text[1..].to_owned()]
    {
        assert!(matches!(Bundle::parse(bad.as_bytes()), Err(BundleError::Malformed { .. })), "{bad}");
    }
    Bundle::parse(format!(" {text}\n").as_bytes()).expect("white space around it means nothing");
}

#[test]
fn the_size_is_looked_at_before_anything_else() {
    let large = vec![b'{'; (1 << 20) + 1];
    assert_eq!(Bundle::parse(&large), Err(BundleError::TooLarge { observed_bytes: (1 << 20) + 1 }));
    let unwritable = Bundle::new(String::new(), Envelope::sign(vec![b' '; 1 << 20], &key(1)));
    assert!(matches!(unwritable.to_json(), Err(BundleError::TooLarge { .. })));
}

proptest! {
    #[test]
    fn a_mutated_bundle_is_refused_or_says_the_same(
        which in 0_usize..2,
        at in any::<prop::sample::Index>(),
        byte: u8,
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let publication = publication("echo", "1.0.0", 1);
        let whole = publication.bundles().nth(which).unwrap().1.to_vec();
        let signed = Bundle::parse(&whole).unwrap();
        let mut bytes = whole.clone();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Some(cut) = cut {
            bytes.truncate(cut.index(whole.len()));
        }
        // Whatever became of it: what the key verifies is what it signed.
        if let Ok(read) = Bundle::parse(&bytes)
            && let Some(payload) = read.envelope().verified(key(1).public_key())
        {
            let original = signed.envelope().verified(key(1).public_key()).unwrap();
            prop_assert_eq!(payload.bytes(), original.bytes());
        }
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = Bundle::parse(&bytes);
    }
}
