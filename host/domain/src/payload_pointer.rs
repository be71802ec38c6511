//! A place in a payload, as a JSON pointer (RFC 6901): `/account`, `/items/0/id`.

use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;

/// A JSON pointer. Printed as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadPointer {
    text: String,
    /// The names that lead there, outermost first, as the payload has them.
    names: Vec<String>,
}

impl PayloadPointer {
    /// Reads a pointer. None for a text that is none: it has to be empty, which is the whole payload, or to begin with `/`,
    /// and a `~` is followed by `0` or `1`.
    pub fn parse(text: &str) -> Option<Self> {
        let names = match text {
            "" => Vec::new(),
            _ => text.strip_prefix('/')?.split('/').map(unescape).collect::<Option<_>>()?,
        };
        Some(Self { text: text.to_owned(), names })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands at that place of a JSON text, as it is written there; none if nothing does, or the text is no JSON.
    pub fn find<'a>(&self, json: &'a str) -> Option<&'a str> {
        self.names.iter().try_fold(json.trim_ascii(), |json, name| {
            let value = match json.as_bytes().first()? {
                b'{' => serde_json::from_str::<BTreeMap<String, &'a RawValue>>(json).ok()?.remove(name)?,
                b'[' => {
                    let values = serde_json::from_str::<Vec<&'a RawValue>>(json).ok()?;
                    values.get(index(name)?).copied()?
                }
                _ => return None,
            };
            Some(value.get())
        })
    }
}

impl fmt::Display for PayloadPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn unescape(name: &str) -> Option<String> {
    let mut parts = name.split('~');
    let mut unescaped = parts.next()?.to_owned();
    for part in parts {
        let (sign, rest) = match part.as_bytes().first()? {
            b'0' => ('~', &part[1..]),
            b'1' => ('/', &part[1..]),
            _ => return None,
        };
        unescaped.push(sign);
        unescaped.push_str(rest);
    }
    Some(unescaped)
}

/// A place in an array: digits without a zero in front of others.
fn index(name: &str) -> Option<usize> {
    let is_one = name == "0" || (!name.starts_with('0') && name.bytes().all(|byte| byte.is_ascii_digit()));
    is_one.then(|| name.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn found<'a>(pointer: &str, json: &'a str) -> Option<&'a str> {
        PayloadPointer::parse(pointer).unwrap().find(json)
    }

    /// The document and the pointers of RFC 6901, section 5.
    #[test]
    fn the_examples_of_the_standard() {
        let json =
            r#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}"#;
        for (pointer, value) in [
            ("", json),
            ("/foo", r#"["bar","baz"]"#),
            ("/foo/0", "\"bar\""),
            ("/", "0"),
            ("/a~1b", "1"),
            ("/c%d", "2"),
            ("/e^f", "3"),
            ("/g|h", "4"),
            ("/i\\j", "5"),
            ("/k\"l", "6"),
            ("/ ", "7"),
            ("/m~0n", "8"),
        ] {
            assert_eq!(found(pointer, json), Some(value), "{pointer}");
        }
    }

    #[test]
    fn what_stands_there_is_as_it_is_written() {
        let json = " { \"n\" : 1.50 , \"deep\": [ {\"x\":18446744073709551617} ] } ";
        assert_eq!(found("/n", json), Some("1.50"));
        assert_eq!(found("/deep/0/x", json), Some("18446744073709551617"));
    }

    #[test]
    fn nothing_is_found_where_nothing_stands() {
        for pointer in
            ["/other", "/list/2", "/list/-", "/list/00", "/list/+0", "/list/x", "/text/0", "/text/0/1"]
        {
            assert_eq!(found(pointer, r#"{"list":[1,2],"text":"ab"}"#), None, "{pointer}");
        }
        assert_eq!(found("/a", "no JSON"), None);
        assert_eq!(found("/a", ""), None);
    }

    #[test]
    fn texts_that_are_no_pointers() {
        for text in ["account", "#/account", "$.account", "/a~", "/a~2", "/~/b", " /a"] {
            assert_eq!(PayloadPointer::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(pointer in ".*", json in ".*") {
            if let Some(pointer) = PayloadPointer::parse(&pointer) {
                let _ = pointer.find(&json);
            }
        }

        #[test]
        fn another_reader_finds_the_same(
            pointer in "(/([a-c]|~0|~1|0|1|01|-)?){0,4}",
            json in r#"\{"a":(1|\[1,\{"b":2\}\]|\{"a":\{"b":true\}\}),"b":"x","":\{"":null\},"~":3,"/":[0]\}"#,
        ) {
            let value: Value = serde_json::from_str(&json).expect("the strategy writes JSON");
            let ours = found(&pointer, &json).map(|text| serde_json::from_str::<Value>(text).expect("it is JSON"));
            prop_assert_eq!(ours.as_ref(), value.pointer(&pointer));
        }
    }
}
