//! Reading a configuration table strictly: `job.toml` and the settings.
//!
//! A [`Table`] is opened with all the keys it may have, and an unknown one is refused at once with the nearest known
//! one, before anything is read: otherwise a typing error in a required key would be reported as a missing key. Every
//! error carries the path of what it is about; none carries a value that could be a secret unless the reader of that
//! value put it there.

use crate::nearest::nearest;
use serde_json::{Map, Value};

/// What is wrong with a table, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}`: {problem}")]
pub struct TableError {
    /// The keys that lead to it, such as `grants.files[0].mount`.
    pub path: String,
    /// What is wrong there.
    pub problem: TableProblem,
}

/// What can be wrong with a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableProblem {
    /// A key that means nothing here.
    #[error("unknown key, expected one of: {}", known.join(", "))]
    UnknownKey {
        /// The known key most like it.
        nearest: Option<String>,
        /// All keys that mean something here.
        known: Vec<String>,
    },
    /// A key that must be given.
    #[error("missing")]
    MissingKey,
    /// A value of another type.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// The type that was expected.
        expected: &'static str,
        /// The type that was found.
        found: &'static str,
    },
    /// A value of the right type that cannot be meant.
    #[error("found {found}, {expected}")]
    Invalid {
        /// The value, in backticks.
        found: String,
        /// What was expected of it, starting with "expected".
        expected: String,
    },
}

/// Text that is not TOML. Carries the place and no part of the text, which could be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct TomlError {
    /// What the TOML reader says; it quotes no value.
    pub problem: String,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1.
    pub column: usize,
}

/// TOML as the JSON value that a [`Table`] reads.
///
/// # Errors
/// [`TomlError`].
pub fn from_toml(text: &str) -> Result<Value, TomlError> {
    toml::from_str::<Value>(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let before = text.get(..start).unwrap_or_default();
        TomlError {
            problem: error.message().to_owned(),
            line: before.matches('\n').count() + 1,
            column: before.chars().rev().take_while(|&c| c != '\n').count() + 1,
        }
    })
}

/// TOML has dates, JSON has not: what was read with [`from_toml`], each date as its text. For values whose meaning is not
/// this program's; where a text is expected a date is of the wrong type.
pub fn dates_as_texts(value: Value) -> Value {
    match value {
        Value::Object(mut map) => match map.remove("$__toml_private_datetime") {
            Some(date) => date,
            None => map.into_iter().map(|(key, value)| (key, dates_as_texts(value))).collect(),
        },
        Value::Array(items) => items.into_iter().map(dates_as_texts).collect(),
        other => other,
    }
}

/// What a JSON value is, in words.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The path of `key` in the table at `path`. Keys with dots and the like are quoted, as TOML would have them.
pub(crate) fn path_below(path: &str, key: &str) -> String {
    let key = if key.contains(['.', ' ', '"', ':']) { format!("{key:?}") } else { key.to_owned() };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// One table being read.
#[derive(Debug)]
pub struct Table<'a> {
    path: String,
    map: &'a Map<String, Value>,
}

impl<'a> Table<'a> {
    /// Opens `value` as the table at `path` (empty for the root), refusing keys that are not in `known`.
    ///
    /// # Errors
    /// A value that is not a table; an unknown key.
    pub fn open(value: &'a Value, path: &str, known: &[&str]) -> Result<Self, TableError> {
        let table = Self::open_any(value, path)?;
        for key in table.map.keys() {
            if !known.contains(&key.as_str()) {
                return Err(table.error(
                    key,
                    TableProblem::UnknownKey {
                        nearest: nearest(key, known.iter().copied()).map(str::to_owned),
                        known: known.iter().map(|&k| k.to_owned()).collect(),
                    },
                ));
            }
        }
        Ok(table)
    }

    /// Opens a table whose keys are names that the writer chose.
    ///
    /// # Errors
    /// A value that is not a table.
    pub fn open_any(value: &'a Value, path: &str) -> Result<Self, TableError> {
        match value {
            Value::Object(map) => Ok(Self { path: path.to_owned(), map }),
            other => Err(TableError {
                path: path.to_owned(),
                problem: TableProblem::WrongType { expected: "a table", found: type_name(other) },
            }),
        }
    }

    /// The path of `key` in this table.
    pub fn path_of(&self, key: &str) -> String {
        path_below(&self.path, key)
    }

    /// An error about `key`.
    pub fn error(&self, key: &str, problem: TableProblem) -> TableError {
        TableError { path: self.path_of(key), problem }
    }

    /// An error about the value of `key`: what was found and, starting with "expected", what was expected.
    pub fn invalid(&self, key: &str, found: &str, expected: impl Into<String>) -> TableError {
        let found: String = found.chars().take(80).collect();
        self.error(key, TableProblem::Invalid { found: format!("`{found}`"), expected: expected.into() })
    }

    /// All entries, in the order of their keys.
    pub fn entries(&self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.map.iter()
    }

    /// The value of `key`, if given.
    pub fn value(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key)
    }

    fn typed<T>(
        &self,
        key: &str,
        expected: &'static str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, TableError> {
        match self.map.get(key) {
            None => Ok(None),
            Some(value) => match read(value) {
                Some(read) => Ok(Some(read)),
                None => Err(self.error(key, TableProblem::WrongType { expected, found: type_name(value) })),
            },
        }
    }

    /// A text, if given.
    ///
    /// # Errors
    /// A value of another type.
    pub fn string(&self, key: &str) -> Result<Option<&'a str>, TableError> {
        self.typed(key, "a string", Value::as_str)
    }

    /// A text that must be given.
    ///
    /// # Errors
    /// No value, or one of another type.
    pub fn required_string(&self, key: &str) -> Result<&'a str, TableError> {
        self.string(key)?.ok_or_else(|| self.error(key, TableProblem::MissingKey))
    }

    /// A text of at most `chars_max` characters without control characters, if given.
    ///
    /// # Errors
    /// A value of another type; a text that is empty, longer or has control characters.
    pub fn line(&self, key: &str, chars_max: usize) -> Result<Option<String>, TableError> {
        let Some(text) = self.string(key)? else { return Ok(None) };
        if text.trim().is_empty() || text.chars().count() > chars_max || text.chars().any(char::is_control) {
            return Err(self.invalid(key, text, format!("expected one line of 1 to {chars_max} characters")));
        }
        Ok(Some(text.to_owned()))
    }

    /// `true` or `false`, if given.
    ///
    /// # Errors
    /// A value of another type.
    pub fn boolean(&self, key: &str) -> Result<Option<bool>, TableError> {
        self.typed(key, "a boolean", Value::as_bool)
    }

    /// A whole number from 0 up, if given.
    ///
    /// # Errors
    /// A value of another type, a negative number or one with a fraction.
    pub fn count(&self, key: &str) -> Result<Option<u64>, TableError> {
        self.typed(key, "a whole number from 0 up", Value::as_u64)
    }

    /// A list, if given.
    ///
    /// # Errors
    /// A value of another type.
    pub fn list(&self, key: &str) -> Result<Option<&'a Vec<Value>>, TableError> {
        self.typed(key, "an array", Value::as_array)
    }

    /// A list of texts, if given.
    ///
    /// # Errors
    /// A value of another type, in the list too.
    pub fn strings(&self, key: &str) -> Result<Option<Vec<&'a str>>, TableError> {
        let Some(list) = self.list(key)? else { return Ok(None) };
        let mut strings = Vec::with_capacity(list.len());
        for (index, value) in list.iter().enumerate() {
            strings.push(value.as_str().ok_or_else(|| {
                self.error(
                    &format!("{key}[{index}]"),
                    TableProblem::WrongType { expected: "a string", found: type_name(value) },
                )
            })?);
        }
        Ok(Some(strings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_unknown_key_names_the_nearest_known_one() {
        let value = json!({ "sumary": "x" });
        let error = Table::open(&value, "job", &["name", "summary"]).unwrap_err();
        assert_eq!(error.path, "job.sumary");
        let TableProblem::UnknownKey { nearest, .. } = error.problem else { panic!("{error}") };
        assert_eq!(nearest.as_deref(), Some("summary"));
    }

    #[test]
    fn a_date_is_read_as_its_text() {
        let read = from_toml("a = [{ day = 2015-05-17 }]").unwrap();
        assert_eq!(dates_as_texts(read), json!({ "a": [{ "day": "2015-05-17" }] }));
    }

    #[test]
    fn wrong_types_are_named_with_their_path_and_without_their_value() {
        let value = json!({ "a": ["x", 7777] });
        let table = Table::open(&value, "root", &["a"]).unwrap();
        let error = table.strings("a").unwrap_err().to_string();
        assert_eq!(error, "`root.a[1]`: expected a string, found a number");
    }
}
