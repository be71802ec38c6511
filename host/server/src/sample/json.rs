//! JSON with its numbers as they were written, to be compared exactly.
//!
//! The usual reader makes a double of each number with a fraction or more than 64 bits; two results that differ in the
//! twentieth digit would then be the same. Here numbers are equal if they are the same number: `1.50` and `15e-1` are,
//! `12345678901234567890123` and `12345678901234567890124` are not. The order of keys does not matter.

use super::difference::Difference;
use mainworker_domain::json::check;
use mainworker_domain::rejection::escape_pointer;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;

/// A JSON value.
#[derive(Clone, Debug)]
pub enum Json {
    /// `null`, `true` or `false`.
    Word(String),
    /// A number, as written.
    Number(String),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Self>),
    /// An object.
    Object(BTreeMap<String, Self>),
}

impl Json {
    /// Reads a text that [`mainworker_domain::json::check`] has passed, which bounds its depth.
    ///
    /// # Errors
    /// A text that is not JSON.
    pub fn parse(text: &str) -> serde_json::Result<Self> {
        let text = text.trim();
        Ok(match text.as_bytes().first() {
            Some(b'{') => Self::Object(
                serde_json::from_str::<BTreeMap<String, &RawValue>>(text)?
                    .into_iter()
                    .map(|(key, raw)| Ok((key, Self::parse(raw.get())?)))
                    .collect::<serde_json::Result<_>>()?,
            ),
            Some(b'[') => Self::List(
                serde_json::from_str::<Vec<&RawValue>>(text)?
                    .into_iter()
                    .map(|raw| Self::parse(raw.get()))
                    .collect::<serde_json::Result<_>>()?,
            ),
            Some(b'"') => Self::Text(serde_json::from_str(text)?),
            Some(b't' | b'f' | b'n') => Self::Word(serde_json::from_str::<&RawValue>(text)?.get().to_owned()),
            _ => Self::Number(serde_json::from_str::<&RawValue>(text)?.get().to_owned()),
        })
    }

    /// What bytes say that anybody may have written; none if they are not JSON, or JSON that two readers could understand
    /// differently.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        check(bytes).ok()?;
        Self::parse(std::str::from_utf8(bytes).ok()?).ok()
    }

    /// What a JSON pointer leads to.
    pub fn at(&self, pointer: &str) -> Option<&Self> {
        pointer.split('/').skip(1).try_fold(self, |value, step| match value {
            Self::Object(map) => map.get(&step.replace("~1", "/").replace("~0", "~")),
            Self::List(items) => items.get(step.parse::<usize>().ok()?),
            _ => None,
        })
    }

    /// Adds where `found` is not this value. `pointer` leads here.
    pub fn compare(&self, found: &Self, pointer: &str, differences: &mut Vec<Difference>) {
        match (self, found) {
            (Self::Object(expected), Self::Object(found)) => {
                for (key, expected) in expected {
                    let pointer = format!("{pointer}/{}", escape_pointer(key));
                    match found.get(key) {
                        Some(found) => expected.compare(found, &pointer, differences),
                        None => differences.push(Difference::missing(pointer, expected)),
                    }
                }
                for (key, found) in found.iter().filter(|(key, _)| !expected.contains_key(*key)) {
                    let pointer = format!("{pointer}/{}", escape_pointer(key));
                    differences.push(Difference::unexpected(pointer, found));
                }
            }
            (Self::List(expected), Self::List(found)) => {
                for (index, expected) in expected.iter().enumerate() {
                    let pointer = format!("{pointer}/{index}");
                    match found.get(index) {
                        Some(found) => expected.compare(found, &pointer, differences),
                        None => differences.push(Difference::missing(pointer, expected)),
                    }
                }
                for (index, found) in found.iter().enumerate().skip(expected.len()) {
                    differences.push(Difference::unexpected(format!("{pointer}/{index}"), found));
                }
            }
            (Self::Number(expected), Self::Number(found)) if is_same_number(expected, found) => {}
            (Self::Text(expected), Self::Text(found)) | (Self::Word(expected), Self::Word(found))
                if expected == found => {}
            _ => differences.push(Difference::new(pointer, self, found)),
        }
    }
}

/// Compact, with numbers as written and keys in their order.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separated = |f: &mut fmt::Formatter<'_>, index: usize| match index {
            0 => Ok(()),
            _ => f.write_str(","),
        };
        match self {
            Self::Word(text) | Self::Number(text) => f.write_str(text),
            Self::Text(text) => write!(f, "{}", Value::from(text.as_str())),
            Self::List(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    separated(f, index)?;
                    write!(f, "{item}")?;
                }
                f.write_str("]")
            }
            Self::Object(map) => {
                f.write_str("{")?;
                for (index, (key, value)) in map.iter().enumerate() {
                    separated(f, index)?;
                    write!(f, "{}:{value}", Value::from(key.as_str()))?;
                }
                f.write_str("}")
            }
        }
    }
}

fn is_same_number(a: &str, b: &str) -> bool {
    a == b || matches!((decimal(a), decimal(b)), (Some(a), Some(b)) if a == b)
}

/// Sign, digits without zeros at either end, and the power of ten of the last digit; none where the exponent has more digits
/// than anybody means.
fn decimal(text: &str) -> Option<(bool, String, i64)> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i64 = exponent.parse().ok()?;
    let (negative, mantissa) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let trimmed = digits.trim_end_matches('0');
    let dropped = i64::try_from(digits.len() - trimmed.len()).ok()?;
    let digits = trimmed.trim_start_matches('0');
    if digits.is_empty() {
        return Some((false, String::new(), 0));
    }
    let last = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?.checked_add(dropped)?;
    Some((negative, digits.to_owned(), last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differences(expected: &str, found: &str) -> Vec<String> {
        let mut differences = Vec::new();
        Json::parse(expected).unwrap().compare(&Json::parse(found).unwrap(), "", &mut differences);
        differences.iter().map(Difference::to_string).collect()
    }

    #[test]
    fn numbers_are_compared_by_value_to_the_last_digit() {
        for (a, b) in [
            ("1", "1.0"),
            ("15e-1", "1.50"),
            ("-0", "0.00"),
            ("120", "1.2E+2"),
            ("12345678901234567890123", "12345678901234567890123"),
        ] {
            assert!(differences(a, b).is_empty(), "{a} {b}");
        }
        for (a, b) in [
            ("1", "-1"),
            ("0.1", "0.10000000000000001"),
            ("12345678901234567890123", "12345678901234567890124"),
            ("1", "\"1\""),
            ("1e99999999999999999999", "1e99999999999999999998"),
        ] {
            assert_eq!(differences(a, b).len(), 1, "{a} {b}");
        }
    }

    #[test]
    fn each_place_that_differs_is_named_with_both_values() {
        assert_eq!(
            differences(
                r#"{"a":[1,{"b/c":"x"}],"gone":null,"z":true}"#,
                r#"{"z":true,"a":[1,{"b/c":"y"},3],"new":{"k":[]}}"#
            ),
            [
                r#"/a/1/b~1c: expected "x", found "y""#,
                "/a/2: expected nothing, found 3",
                "/gone: expected null, found nothing",
                r#"/new: expected nothing, found {"k":[]}"#,
            ]
        );
        assert_eq!(differences("[1,2]", "[1]"), ["/1: expected 2, found nothing"]);
        assert_eq!(differences("{}", "[]"), ["/: expected {}, found []"]);
    }

    #[test]
    fn a_pointer_leads_through_objects_and_arrays() {
        let json = Json::parse(r#"{"a/b":[{"~":1.50}]}"#).unwrap();
        assert_eq!(json.at("/a~1b/0/~0").map(Json::to_string).as_deref(), Some("1.50"));
        assert_eq!(json.at("").map(Json::to_string).as_deref(), Some(r#"{"a/b":[{"~":1.50}]}"#));
        assert!(json.at("/a~1b/1").is_none());
    }
}
