//! Which parts of the configuration a job gets, and from where.
//!
//! Only keys that the manifest names exist for a job. Each says whether its value comes from the envelope, from the host
//! or from either (then the envelope goes first: whoever asks may override what the host gives by default, and a key
//! where that must not be says `from = "host"`). Everything else in the envelope's configuration is ignored and never
//! shown.

use crate::envelope::Envelope;
use crate::manifest::KeyGrant;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::collections::BTreeMap;

/// Where a key's value may come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum From {
    /// The envelope's `configuration`.
    Envelope,
    /// The host's settings, environment or files.
    Host,
    /// The envelope, or the host where the envelope has none.
    #[default]
    Either,
}

impl From {
    /// The word in `job.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Envelope => "envelope",
            Self::Host => "host",
            Self::Either => "either",
        }
    }

    /// The end of a sentence that says a value is missing.
    pub fn missing(self) -> &'static str {
        match self {
            Self::Envelope => "expected it in the envelope's `configuration`, found none",
            Self::Host => "expected it from the host's settings alone, found none there",
            Self::Either => {
                "expected it in the envelope's `configuration` or from the host's settings, found none"
            }
        }
    }
}

/// A value that a job was granted.
#[derive(Clone, Debug)]
pub struct GrantedValue {
    /// JSON strings as their text, other JSON values as JSON.
    pub value: SecretString,
    /// Whether it is masked wherever it appears.
    pub secret: bool,
    /// Whether the job gets a placeholder for it, because the manifest says where alone the value may go.
    pub placeholder: bool,
    /// Whether the host gave it, and not whoever asked.
    pub of_host: bool,
}

/// What one attempt may read, sorted by key.
pub type Granted = BTreeMap<String, GrantedValue>;

/// The granted values of `keys`, looked up in the envelope and with `host`.
///
/// # Errors
/// The first required key, in alphabetical order, that has no value.
pub fn grant(
    keys: &BTreeMap<String, KeyGrant>,
    envelope: &Envelope,
    host: &dyn Fn(&str) -> Option<SecretString>,
) -> Result<Granted, String> {
    let mut granted = Granted::new();
    if keys.is_empty() {
        return Ok(granted);
    }
    // Valid JSON by construction of `Envelope`.
    let given: Value = serde_json::from_str(envelope.configuration().expose_secret()).unwrap_or(Value::Null);
    for (key, grant) in keys {
        let from_envelope = || look_up(&given, key).map(|value| (SecretString::from(as_text(value)), false));
        let from_host = || host(key).map(|value| (value, true));
        let value = match grant.from {
            From::Envelope => from_envelope(),
            From::Host => from_host(),
            From::Either => from_envelope().or_else(from_host),
        };
        match value {
            Some((value, of_host)) => {
                let (secret, placeholder) = (grant.secret, !grant.only_to.is_empty());
                granted.insert(key.clone(), GrantedValue { value, secret, placeholder, of_host });
            }
            None if grant.required => return Err(key.clone()),
            None => {}
        }
    }
    Ok(granted)
}

/// What of an envelope's configuration is kept with its task: the keys that the job may take from there, and nothing else
/// that it brought. None if that is nothing. A JSON object with a field for each key, from which [`grant`] reads the same.
pub fn kept(keys: &BTreeMap<String, KeyGrant>, envelope: &Envelope) -> Option<SecretString> {
    if !keys.values().any(|grant| grant.from != From::Host) {
        return None;
    }
    // Valid JSON by construction of `Envelope`.
    let given: Value = serde_json::from_str(envelope.configuration().expose_secret()).unwrap_or(Value::Null);
    let named = keys.iter().filter(|(_, grant)| grant.from != From::Host);
    let kept: BTreeMap<&str, &Value> =
        named.filter_map(|(key, _)| look_up(&given, key).map(|value| (key.as_str(), value))).collect();
    if kept.is_empty() {
        return None;
    }
    serde_json::to_string(&kept).ok().map(SecretString::from)
}

/// The value of a key with dots. A field that is called exactly that goes before the nested objects that the dots reach
/// into. JSON `null` is no value.
pub fn look_up<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    let object = value.as_object()?;
    if let Some(found) = object.get(key) {
        return (!found.is_null()).then_some(found);
    }
    key.match_indices('.').find_map(|(dot, _)| look_up(object.get(&key[..dot])?, &key[dot + 1..]))
}

/// A JSON value as a job reads it.
pub fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn envelope(configuration: &Value) -> Envelope {
        let text =
            json!({ "configuration": configuration, "jobName": "x", "source": "api", "jobPayload": {} });
        Envelope::parse(text.to_string().as_bytes()).unwrap()
    }

    fn keys(list: &[(&str, bool, From)]) -> BTreeMap<String, KeyGrant> {
        list.iter()
            .map(|&(key, required, from)| {
                (key.to_owned(), KeyGrant { required, from, ..KeyGrant::default() })
            })
            .collect()
    }

    fn read(granted: &Granted, key: &str) -> Option<String> {
        granted.get(key).map(|value| value.value.expose_secret().to_owned())
    }

    #[test]
    fn only_named_keys_are_granted_and_dots_reach_into_objects() {
        let envelope = envelope(&json!({ "a": { "b": "x", "n": 1.50 }, "c": "never", "d.e": true }));
        let keys =
            keys(&[("a.b", true, From::Either), ("d.e", true, From::Envelope), ("a.z", false, From::Either)]);
        let granted = grant(&keys, &envelope, &|_| None).unwrap();
        assert_eq!(read(&granted, "a.b").as_deref(), Some("x"));
        assert_eq!(read(&granted, "d.e").as_deref(), Some("true"));
        assert_eq!(granted.len(), 2);
    }

    #[test]
    fn what_is_kept_is_what_the_job_may_take_from_there() {
        let sent = envelope(&json!({ "a": { "b": "x", "n": 1.50 }, "c": "never", "h": "not from here" }));
        let named =
            keys(&[("a.b", true, From::Either), ("a.n", true, From::Envelope), ("h", false, From::Host)]);
        let text = kept(&named, &sent).unwrap();
        assert_eq!(text.expose_secret(), r#"{"a.b":"x","a.n":1.5}"#);
        let again = envelope(&serde_json::from_str(text.expose_secret()).unwrap());
        for key in ["a.b", "a.n"] {
            let value = |envelope| read(&grant(&named, envelope, &|_| None).unwrap(), key);
            assert_eq!(value(&sent), value(&again), "{key}");
        }
        assert!(kept(&keys(&[("z", false, From::Either)]), &sent).is_none(), "nothing named is there");
        assert!(kept(&keys(&[("h", false, From::Host)]), &sent).is_none());
    }

    #[test]
    fn a_value_comes_only_from_where_the_manifest_says() {
        let envelope = envelope(&json!({ "k": "envelope" }));
        let host = |_: &str| Some(SecretString::from("host"));
        for (from, expected) in
            [(From::Envelope, "envelope"), (From::Host, "host"), (From::Either, "envelope")]
        {
            let granted = grant(&keys(&[("k", true, from)]), &envelope, &host).unwrap();
            assert_eq!(read(&granted, "k").as_deref(), Some(expected));
            assert_eq!(granted["k"].of_host, expected == "host");
        }
        let missing = grant(&keys(&[("k", true, From::Host)]), &envelope, &|_| None);
        assert_eq!(missing.unwrap_err(), "k");
    }
}
