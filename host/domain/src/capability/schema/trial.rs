//! Values that are tried on parts of a schema, by the validator that payloads are checked with.

use super::known::Part;
use crate::payload_schema;
use jsonschema::Validator;
use serde_json::{Value, json};

/// Steps that making one counts as.
pub(super) const STEPS: usize = 200;

pub(super) struct Trial(Vec<Validator>);

impl Trial {
    /// A trial of values on all of `parts`; none if one of them does not stand by itself.
    pub(super) fn of(parts: &[Part<'_>]) -> Option<Self> {
        let compiled = parts.iter().map(|part| {
            let definitions = part.root.get("$defs").cloned().unwrap_or_else(|| json!({}));
            payload_schema::build(&json!({ "$defs": definitions, "allOf": [part.schema] })).ok()
        });
        compiled.collect::<Option<Vec<_>>>().map(Self)
    }

    pub(super) fn takes(&self, value: &Value) -> bool {
        self.0.iter().all(|validator| validator.is_valid(value))
    }
}
