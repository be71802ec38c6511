//! Whether two schemas are written alike, but for what is said to people.

use super::known::Part;
use crate::limits::SCHEMA_COMPARISON_DEPTH_MAX;
use serde_json::{Map, Value};

/// Whether a keyword takes no part in checking. `format` does not in this draft, and definitions do where they are
/// referred to.
pub(super) fn is_for_people(keyword: &str) -> bool {
    matches!(
        keyword,
        "title"
            | "description"
            | "default"
            | "examples"
            | "deprecated"
            | "readOnly"
            | "writeOnly"
            | "format"
            | "$comment"
            | "$defs"
            | "definitions"
    ) || keyword.starts_with("x-")
}

/// Whether both take the same values because they say the same. False says nothing.
pub(super) fn schemas(one: Part<'_>, other: Part<'_>, depth: usize, steps: &mut usize) -> bool {
    *steps = steps.saturating_sub(1);
    if *steps == 0 || depth > SCHEMA_COMPARISON_DEPTH_MAX {
        return false;
    }
    let (one, other) = (one.without_alias(), other.without_alias());
    let (Some(left), Some(right)) = (one.schema.as_object(), other.schema.as_object()) else {
        return one.schema == other.schema;
    };
    let checking = |object: &Map<String, Value>| object.keys().filter(|key| !is_for_people(key)).count();
    checking(left) == checking(right)
        && left.iter().filter(|(key, _)| !is_for_people(key)).all(|(key, value)| {
            right.get(key).is_some_and(|there| values(key, one.at(value), other.at(there), depth + 1, steps))
        })
}

/// Whether two values of one keyword say the same.
pub(super) fn values(keyword: &str, one: Part<'_>, other: Part<'_>, depth: usize, steps: &mut usize) -> bool {
    match keyword {
        "$ref" => match (one.referred(), other.referred()) {
            (Some((left, _)), Some((right, _))) => schemas(left, right, depth, steps),
            _ => false,
        },
        "properties" | "patternProperties" | "dependentSchemas" => {
            let (Some(left), Some(right)) = (one.schema.as_object(), other.schema.as_object()) else {
                return false;
            };
            left.len() == right.len()
                && left.iter().all(|(name, schema)| {
                    right
                        .get(name)
                        .is_some_and(|there| schemas(one.at(schema), other.at(there), depth, steps))
                })
        }
        "allOf" | "anyOf" | "oneOf" | "prefixItems" => {
            let (Some(left), Some(right)) = (one.schema.as_array(), other.schema.as_array()) else {
                return false;
            };
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| schemas(one.at(left), other.at(right), depth, steps))
        }
        "items"
        | "additionalProperties"
        | "not"
        | "if"
        | "then"
        | "else"
        | "contains"
        | "propertyNames"
        | "unevaluatedItems"
        | "unevaluatedProperties" => schemas(one, other, depth, steps),
        _ => {
            *steps = steps.saturating_sub(one.schema.as_array().map_or(0, Vec::len));
            one.schema == other.schema
        }
    }
}
