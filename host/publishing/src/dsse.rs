//! A signed payload, after DSSE (Dead Simple Signing Envelope) 1.0.
//!
//! What is signed is not the payload alone but its type with it ([`pae`]), so that bytes signed as one thing cannot be passed
//! off as another. Only [`Envelope::verified`] gives the payload out: what is read afterwards is what was verified.

use crate::key::{PublicKey, SigningKey};

/// The one type of payload that is signed and taken: an in-toto statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// The bytes that are signed for a payload: both lengths and both texts.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// A payload of the type [`PAYLOAD_TYPE`] with one signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    pub(crate) payload: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

impl Envelope {
    /// Signs a payload.
    pub fn sign(payload: Vec<u8>, key: &SigningKey) -> Self {
        let signature = key.sign(&pae(PAYLOAD_TYPE, &payload));
        Self { payload, signature }
    }

    /// The payload, if this key signed it.
    pub fn verified(&self, key: &PublicKey) -> Option<SignedPayload<'_>> {
        key.verifies(&pae(PAYLOAD_TYPE, &self.payload), &self.signature)
            .then_some(SignedPayload(&self.payload))
    }
}

/// Bytes whose signature was verified.
#[derive(Clone, Copy, Debug)]
pub struct SignedPayload<'a>(&'a [u8]);

impl<'a> SignedPayload<'a> {
    /// The bytes.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }
}
