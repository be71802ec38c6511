//! A JSON object that is passed on as it came.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A JSON object kept exactly as it was written: white space, order of keys, and numbers that no Rust type could hold.
///
/// As a payload it takes any object; as a report it is written back unchanged. It can only be read from and written to JSON.
///
/// ```
/// let object: mainworker::RawObject = r#"{ "big": 12345678901234567890123, "one": 1.0 }"#.parse()?;
/// assert_eq!(object.get(), r#"{ "big": 12345678901234567890123, "one": 1.0 }"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct RawObject(Box<RawValue>);

impl RawObject {
    /// The object as JSON text.
    #[must_use]
    pub fn get(&self) -> &str {
        self.0.get()
    }
}

impl fmt::Debug for RawObject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("RawObject").field(&self.get()).finish()
    }
}

impl FromStr for RawObject {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text)
    }
}

impl<'de> Deserialize<'de> for RawObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Box::<RawValue>::deserialize(deserializer)?;
        // The text of a raw value begins with the value itself, without white space.
        let found = match value.get().as_bytes().first() {
            Some(b'{') => return Ok(Self(value)),
            Some(b'[') => "an array",
            Some(b'"') => "a string",
            Some(b't' | b'f') => "a boolean",
            Some(b'n') => "null",
            _ => "a number",
        };
        Err(D::Error::custom(format_args!("expected a JSON object, found {found}")))
    }
}

impl Serialize for RawObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl JsonSchema for RawObject {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Object")
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_survives_as_written() {
        let text = r#"{ "z": 1.0, "a": 1e5, "big": 12345678901234567890123, "tiny": -0.0, "nested": [ 1.10, {"é": "\u00e9"} ] }"#;
        let object: RawObject = serde_json::from_str(text).unwrap();
        assert_eq!(object.get(), text);
        assert_eq!(serde_json::to_string(&object).unwrap(), text);
    }

    #[test]
    fn an_object_survives_inside_another_type() {
        #[derive(Deserialize, Serialize)]
        struct Around {
            inner: Option<RawObject>,
            list: Vec<RawObject>,
        }
        let text = r#"{"inner":{"n":1.0},"list":[{"n": 1e5}]}"#;
        let around: Around = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&around).unwrap(), text);
    }

    #[test]
    fn anything_but_an_object_is_refused_by_name() {
        let found = |text: &str| text.parse::<RawObject>().unwrap_err().to_string();
        for (text, name) in [
            ("[1]", "an array"),
            (" \"a\" ", "a string"),
            ("true", "a boolean"),
            ("null", "null"),
            ("-1.5", "a number"),
        ] {
            assert!(
                found(text).starts_with(&format!("expected a JSON object, found {name}")),
                "{}",
                found(text)
            );
        }
    }

    #[test]
    fn its_schema_takes_any_object() {
        let mut generator = SchemaGenerator::default();
        assert_eq!(generator.subschema_for::<RawObject>(), json_schema!({ "type": "object" }));
    }
}
