//! Fields of a request that is read as a whole: each of its type, null for one that is left out.

use super::problem::ApiError;
use mainworker_domain::table::type_name;
use serde_json::Value;

/// Something of another type than expected.
pub(super) fn wrong_type(pointer: impl Into<String>, found: &Value, expected: &'static str) -> ApiError {
    ApiError::WrongType { pointer: pointer.into(), found: type_name(found), expected }
}

/// A field that has to be there.
pub(super) fn missing(field: &'static str) -> ApiError {
    ApiError::MissingField { what: "the request", field }
}

/// A string.
pub(super) fn text<'a>(fields: &'a Value, field: &'static str) -> Result<Option<&'a str>, ApiError> {
    match &fields[field] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        other => Err(wrong_type(format!("/{field}"), other, "a string")),
    }
}

/// A list of strings.
pub(super) fn texts(fields: &Value, field: &'static str) -> Result<Option<Vec<String>>, ApiError> {
    let items = match &fields[field] {
        Value::Null => return Ok(None),
        Value::Array(items) => items.iter().enumerate(),
        other => return Err(wrong_type(format!("/{field}"), other, "an array of strings")),
    };
    let text = |(index, item): (usize, &Value)| match item {
        Value::String(text) => Ok(text.clone()),
        other => Err(wrong_type(format!("/{field}/{index}"), other, "a string")),
    };
    items.map(text).collect::<Result<_, _>>().map(Some)
}

/// Whether something is wanted; not, if nothing is said.
pub(super) fn flag(value: &Value, field: &'static str) -> Result<bool, ApiError> {
    match value {
        Value::Null => Ok(false),
        Value::Bool(flag) => Ok(*flag),
        other => Err(wrong_type(format!("/{field}"), other, "a boolean")),
    }
}
