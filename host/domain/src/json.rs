//! Reading JSON that only one meaning fits.
//!
//! The usual readers take the last of two equal keys, and another reader may take the first: a check could then see
//! another value than the job does. So a duplicate key at any depth is an error here, and nesting is bounded. Values are
//! not kept: what passes is handed on as the bytes it was written in, so numbers stay as they were.

use crate::limits::JSON_DEPTH_MAX;
use crate::rejection::{JsonProblem, Rejection};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

/// Keys with which serde_json marks values inside its own data model: it puts what their text says in place of the object
/// they stand in. A schema would then be checked against another value than the job gets.
const RESERVED_KEYS: &str = "$serde_json::private::";

/// What is wrong with a JSON text, and where. Quotes no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong.
    pub problem: JsonProblem,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in bytes.
    pub column: usize,
}

impl From<Malformed> for Rejection {
    fn from(Malformed { problem, line, column }: Malformed) -> Self {
        Self::MalformedJson { problem, line, column }
    }
}

/// Checks that `bytes` are one JSON value without duplicate keys and of bounded depth.
///
/// # Errors
/// What is wrong, and where.
pub fn check(bytes: &[u8]) -> Result<(), Malformed> {
    if bytes.starts_with("\u{feff}".as_bytes()) {
        let problem = JsonProblem::Syntax("it begins with a byte-order mark".to_owned());
        return Err(Malformed { problem, line: 1, column: 1 });
    }
    let problem = RefCell::new(None);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let walked = Strict { depth: 0, problem: &problem }.deserialize(&mut deserializer);
    walked.and_then(|()| deserializer.end()).map_err(|error| Malformed {
        problem: problem.borrow_mut().take().unwrap_or_else(|| JsonProblem::Syntax(without_place(&error))),
        line: error.line(),
        column: error.column(),
    })
}

/// serde_json ends its messages with the place, which the rejection has in its own fields.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: usize,
    /// What this walk itself found; serde's errors carry only text.
    problem: &'a RefCell<Option<JsonProblem>>,
}

impl Strict<'_> {
    fn refuse<E: Error>(&self, problem: JsonProblem) -> E {
        *self.problem.borrow_mut() = Some(problem);
        E::custom("refused")
    }

    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth == JSON_DEPTH_MAX {
            return Err(self.refuse(JsonProblem::TooDeep));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        let mut seen = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            if key.starts_with(RESERVED_KEYS) {
                return Err(self.refuse(JsonProblem::ReservedKey { key: key.chars().take(80).collect() }));
            }
            if seen.contains(&key) {
                return Err(self.refuse(JsonProblem::DuplicateKey { key: key.chars().take(80).collect() }));
            }
            seen.insert(key);
            entries.next_value_seed(inner)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn problem(text: &str) -> JsonProblem {
        match check(text.as_bytes()) {
            Err(Malformed { problem, .. }) => problem,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn duplicate_keys_are_found_at_any_depth_and_after_escapes() {
        let twice = |key: &str| JsonProblem::DuplicateKey { key: key.to_owned() };
        assert_eq!(problem(r#"{"a":1,"a":2}"#), twice("a"));
        assert_eq!(problem(r#"[{"x":{"a":1,"\u0061":2}}]"#), twice("a"));
        assert_eq!(check(br#"{"a":{"b":1},"b":{"a":1}}"#), Ok(()));
    }

    #[test]
    fn keys_that_a_reader_takes_for_its_own_are_refused() {
        for key in ["$serde_json::private::RawValue", "$serde_json::private::Number"] {
            let text = format!(r#"{{"a":[{{"{key}":"{{}}"}}]}}"#);
            assert_eq!(problem(&text), JsonProblem::ReservedKey { key: key.to_owned() });
        }
    }

    #[test]
    fn sixty_four_levels_pass_and_sixty_five_do_not() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(check(nested(64).as_bytes()), Ok(()));
        assert_eq!(problem(&nested(65)), JsonProblem::TooDeep);
        assert_eq!(problem(&"[".repeat(1_000_000)), JsonProblem::TooDeep);
    }

    #[test]
    fn broken_syntax_names_its_place() {
        let Err(Malformed { line, column, problem }) = check(b"{\n  \"a\": }") else { panic!() };
        assert_eq!((line, column), (2, 8));
        assert_eq!(problem, JsonProblem::Syntax("expected value".to_owned()));
        for bad in
            ["", " ", "{", "{\"a\":1", "01", "[1,]", "nul", "{} {}", "\"\\ud800\"", "'a'", "\u{feff}{}"]
        {
            assert!(check(bad.as_bytes()).is_err(), "{bad:?} was taken");
        }
        assert!(check(b"\"\xff\"").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = check(&bytes);
        }
    }
}
