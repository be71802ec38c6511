//! The four fields, validated once, at the door.
//!
//! [`Envelope::parse`] does the first three of the checks at the door: size, syntax, shape. What it accepts keeps
//! `configuration` and `jobPayload` as they were written. The source is still a claim here; the job may not exist.

use crate::json;
use crate::limits::{CONFIGURATION_BYTES_MAX, ENVELOPE_BYTES_MAX, PAYLOAD_BYTES_MAX};
use crate::nearest::nearest;
use crate::rejection::Rejection;
use secrecy::{ExposeSecret, SecretString};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;

const FIELDS: [&str; 4] = ["configuration", "jobName", "source", "jobPayload"];

/// A request to run a job, of the right size, syntax and shape.
#[derive(Clone)]
pub struct Envelope {
    /// Held as a secret: it may contain credentials of keys that the job is not even granted.
    configuration: SecretString,
    job_name: String,
    source: String,
    job_payload: String,
}

impl Envelope {
    /// Reads an envelope: size, then JSON syntax, then shape; the first that fails is the one reported.
    ///
    /// # Errors
    /// `too_large`, `malformed_json`, `missing_field`, `unknown_field` or `wrong_type`.
    pub fn parse(bytes: &[u8]) -> Result<Self, Rejection> {
        check_size("the envelope", "", bytes.len(), ENVELOPE_BYTES_MAX)?;
        json::check(bytes)?;

        let fields = fields(bytes)?;
        if let Some(field) = fields.keys().find(|key| !FIELDS.contains(&key.as_str())) {
            return Err(Rejection::UnknownField {
                field: field.chars().take(80).collect(),
                nearest: nearest(field, FIELDS)
                    .and_then(|name| FIELDS.iter().find(|known| **known == name).copied()),
            });
        }
        let field = |name: &'static str| {
            fields.get(name).map(|raw| raw.get()).ok_or(Rejection::MissingField { field: name })
        };
        // Missing before mistyped: all four are looked for first.
        let [configuration, job_name, source, job_payload] =
            [field("configuration")?, field("jobName")?, field("source")?, field("jobPayload")?];

        let envelope = Self {
            configuration: SecretString::from(object("/configuration", configuration)?),
            job_name: text("/jobName", job_name)?,
            source: text("/source", source)?,
            job_payload: object("/jobPayload", job_payload)?,
        };
        let configuration_bytes = envelope.configuration.expose_secret().len();
        check_size("`configuration`", "/configuration", configuration_bytes, CONFIGURATION_BYTES_MAX)?;
        check_size("`jobPayload`", "/jobPayload", envelope.job_payload.len(), PAYLOAD_BYTES_MAX)?;
        Ok(envelope)
    }

    /// The envelope of a task that was admitted before, with what was kept of its configuration.
    pub(crate) fn returning(
        job_name: &str,
        source: String,
        payload: String,
        kept: Option<SecretString>,
    ) -> Self {
        let configuration = kept.unwrap_or_else(|| SecretString::from("{}"));
        Self { configuration, job_name: job_name.to_owned(), source, job_payload: payload }
    }

    pub(crate) fn into_source_and_payload(self) -> (String, String) {
        (self.source, self.job_payload)
    }

    /// The job as named, which may not exist or not even be a job name.
    pub fn job_name(&self) -> &str {
        &self.job_name
    }

    /// Who says to ask: a claim, until a credential or an operator stands behind it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The payload as written: a JSON object.
    pub fn job_payload(&self) -> &str {
        &self.job_payload
    }

    /// The configuration as written: a JSON object with possible credentials in it.
    pub fn configuration(&self) -> &SecretString {
        &self.configuration
    }

    /// The envelope as JSON, which [`Envelope::parse`] reads back to an equal one. Holds the configuration: not for logs.
    pub fn to_json(&self) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        format!(
            r#"{{"configuration":{},"jobName":{},"source":{},"jobPayload":{}}}"#,
            self.configuration.expose_secret(),
            quoted(&self.job_name),
            quoted(&self.source),
            self.job_payload
        )
    }
}

impl PartialEq for Envelope {
    fn eq(&self, other: &Self) -> bool {
        self.to_json() == other.to_json()
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("job_name", &self.job_name)
            .field("source", &self.source)
            .field("job_payload_bytes", &self.job_payload.len())
            .finish_non_exhaustive()
    }
}

fn check_size(
    what: &'static str,
    pointer: &'static str,
    observed: usize,
    allowed_bytes: u64,
) -> Result<(), Rejection> {
    let observed_bytes = observed as u64;
    if observed_bytes > allowed_bytes {
        return Err(Rejection::TooLarge {
            what,
            pointer,
            observed_bytes,
            observed_is_least: false,
            allowed_bytes,
        });
    }
    Ok(())
}

/// The top level as raw fields. The syntax was checked, so all that can fail is the type of the whole.
fn fields(bytes: &[u8]) -> Result<BTreeMap<String, &RawValue>, Rejection> {
    serde_json::from_slice(bytes).map_err(|_| {
        let found = serde_json::from_slice::<&RawValue>(bytes).map_or("not JSON", |raw| raw_type(raw.get()));
        Rejection::WrongType { pointer: String::new(), expected: "an object", found }
    })
}

fn object(pointer: &str, raw: &str) -> Result<String, Rejection> {
    if raw.starts_with('{') {
        return Ok(raw.to_owned());
    }
    Err(Rejection::WrongType { pointer: pointer.to_owned(), expected: "an object", found: raw_type(raw) })
}

fn text(pointer: &str, raw: &str) -> Result<String, Rejection> {
    serde_json::from_str(raw).map_err(|_| Rejection::WrongType {
        pointer: pointer.to_owned(),
        expected: "a string",
        found: raw_type(raw),
    })
}

/// What a valid JSON text is, by its first character.
fn raw_type(raw: &str) -> &'static str {
    match raw.trim_start().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}
