//! A signed statement as a file: a Sigstore bundle v0.3 with one DSSE envelope and the hint of a public key.
//!
//! Reading is strict. A bundle with anything in it that is not verified here, such as entries of a transparency log, is not
//! taken: it would look like more than it is.

use crate::dsse::{Envelope, PAYLOAD_TYPE};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mainworker_domain::json;
use mainworker_domain::limits::BUNDLE_BYTES_MAX;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What kind of content a bundle is.
pub const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// Why a bundle is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// More than there may be.
    #[error("the bundle has {observed_bytes} bytes, expected at most {BUNDLE_BYTES_MAX}")]
    TooLarge {
        /// Its size.
        observed_bytes: usize,
    },
    /// Not JSON with one meaning, or JSON of another shape.
    #[error("the bundle is not a Sigstore bundle with a DSSE envelope: {problem}")]
    Malformed {
        /// What is wrong.
        problem: String,
    },
    /// Another version, or something else.
    #[error("the bundle is a `{found}`, expected `{MEDIA_TYPE}`")]
    OtherMediaType {
        /// The media type it names, shortened.
        found: String,
    },
    /// A payload that is no statement.
    #[error("the signed payload is a `{found}`, expected `{PAYLOAD_TYPE}`")]
    OtherPayloadType {
        /// The type it names, shortened.
        found: String,
    },
    /// None or several.
    #[error("the envelope has {found} signatures, expected one")]
    SignatureCount {
        /// How many.
        found: usize,
    },
    /// Not base64, or not the one form that these bytes have.
    #[error("`{field}` is not standard base64 with its padding")]
    NotBase64 {
        /// Which field.
        field: &'static str,
    },
    /// Evidence that nobody looks at here.
    #[error("`{field}` has entries, expected none: they are not verified here")]
    NotVerifiedHere {
        /// Which field.
        field: &'static str,
    },
}

/// An envelope, and which key is said to have signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    hint: String,
    envelope: Envelope,
}

impl Bundle {
    /// A bundle; `hint` names the key.
    pub fn new(hint: String, envelope: Envelope) -> Self {
        Self { hint, envelope }
    }

    /// Which key is said to have signed. Nobody signed this: it picks a key to try and grants nothing.
    pub fn hint(&self) -> &str {
        &self.hint
    }

    /// What was signed.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// The bytes of the file: the same bundle has the same ones.
    ///
    /// # Errors
    /// [`BundleError::TooLarge`] for a payload that would not be read back.
    pub fn to_json(&self) -> Result<Vec<u8>, BundleError> {
        let wire = WireBundle {
            media_type: MEDIA_TYPE.to_owned(),
            verification_material: WireMaterial {
                public_key: WirePublicKey { hint: self.hint.clone() },
                tlog_entries: Vec::new(),
                timestamp_verification_data: WireTimestamps::default(),
            },
            dsse_envelope: WireEnvelope {
                payload: STANDARD.encode(&self.envelope.payload),
                payload_type: PAYLOAD_TYPE.to_owned(),
                signatures: vec![WireSignature {
                    sig: STANDARD.encode(&self.envelope.signature),
                    keyid: String::new(),
                }],
            },
        };
        let bytes = serde_json::to_vec(&wire).map_err(|error| malformed(&error.to_string()))?;
        if bytes.len() as u64 > BUNDLE_BYTES_MAX {
            return Err(BundleError::TooLarge { observed_bytes: bytes.len() });
        }
        Ok(bytes)
    }

    /// Reads a bundle. Nothing of it is verified by that.
    ///
    /// # Errors
    /// [`BundleError`]: anything else than a bundle as [`Bundle::to_json`] or another signer of DSSE with a public key makes it.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        if bytes.len() as u64 > BUNDLE_BYTES_MAX {
            return Err(BundleError::TooLarge { observed_bytes: bytes.len() });
        }
        json::check(bytes).map_err(|error| malformed(&error.problem.to_string()))?;
        let wire: WireBundle =
            serde_json::from_slice(bytes).map_err(|error| malformed(&error.to_string()))?;
        if wire.media_type != MEDIA_TYPE {
            return Err(BundleError::OtherMediaType { found: shortened(&wire.media_type) });
        }
        let WireMaterial { public_key, tlog_entries, timestamp_verification_data } =
            wire.verification_material;
        for (field, entries) in [
            ("tlogEntries", tlog_entries),
            ("rfc3161Timestamps", timestamp_verification_data.rfc3161_timestamps),
        ] {
            if !entries.is_empty() {
                return Err(BundleError::NotVerifiedHere { field });
            }
        }
        let WireEnvelope { payload, payload_type, signatures } = wire.dsse_envelope;
        if payload_type != PAYLOAD_TYPE {
            return Err(BundleError::OtherPayloadType { found: shortened(&payload_type) });
        }
        let [WireSignature { sig, .. }] = signatures.as_slice() else {
            return Err(BundleError::SignatureCount { found: signatures.len() });
        };
        let decoded = |field, text: &str| STANDARD.decode(text).map_err(|_| BundleError::NotBase64 { field });
        let envelope = Envelope { payload: decoded("payload", &payload)?, signature: decoded("sig", sig)? };
        Ok(Self { hint: public_key.hint, envelope })
    }
}

fn malformed(problem: &str) -> BundleError {
    BundleError::Malformed { problem: shortened(problem) }
}

fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireBundle {
    media_type: String,
    verification_material: WireMaterial,
    dsse_envelope: WireEnvelope,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireMaterial {
    public_key: WirePublicKey,
    #[serde(default)]
    tlog_entries: Vec<Value>,
    #[serde(default)]
    timestamp_verification_data: WireTimestamps,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WirePublicKey {
    hint: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireTimestamps {
    #[serde(default)]
    rfc3161_timestamps: Vec<Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireEnvelope {
    payload: String,
    payload_type: String,
    signatures: Vec<WireSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSignature {
    sig: String,
    #[serde(default)]
    keyid: String,
}
