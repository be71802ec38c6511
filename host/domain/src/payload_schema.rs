//! Checking a payload against the schema that its job brought.
//!
//! Schemas come from guests, so what they may say is bounded before they are compiled: no reference but to the schema's
//! own `$defs`, none that leads back to itself, a bounded number of sub-schemas with every reference written out, and
//! patterns only for an engine whose time is linear. A schema that breaks a rule is refused when its module is built or
//! admitted, never when a payload comes.

use crate::limits::{SCHEMA_BYTES_MAX, SCHEMA_NODES_MAX};
use crate::table::type_name;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::Value;

/// Why a schema is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Larger than the limit.
    #[error("the schema has {observed_bytes} bytes, expected at most {SCHEMA_BYTES_MAX}")]
    TooLarge {
        /// Its size.
        observed_bytes: usize,
    },
    /// Not an object.
    #[error("the schema is {0}, expected an object")]
    NotAnObject(&'static str),
    /// A keyword that could leave the schema or loop.
    #[error("the schema uses `{keyword}`, expected only `$ref` to `#/$defs/NAME`")]
    Keyword {
        /// Which.
        keyword: String,
    },
    /// A reference to somewhere else than its own `$defs`.
    #[error("the schema refers to `{reference}`, expected `#/$defs/NAME` with a NAME that is there")]
    Reference {
        /// The reference, shortened.
        reference: String,
    },
    /// A reference that leads back to itself.
    #[error("the schema's `{reference}` leads back to itself, expected references that end")]
    Cycle {
        /// The reference.
        reference: String,
    },
    /// More sub-schemas than the limit.
    #[error("the schema has more than {SCHEMA_NODES_MAX} sub-schemas with its references written out")]
    TooManyNodes,
    /// Not a valid schema.
    #[error("the schema is not valid JSON Schema 2020-12: {0}")]
    Invalid(String),
}

/// Where a payload does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// A JSON pointer from the payload's top.
    pub pointer: String,
    /// What was expected there.
    pub expected: String,
    /// What was found there.
    pub found: String,
}

/// A schema that was checked and compiled.
#[derive(Debug)]
pub struct PayloadSchema {
    validator: Validator,
}

impl PayloadSchema {
    /// Checks and compiles a schema.
    ///
    /// # Errors
    /// The first rule of this module that it breaks.
    pub fn compile(schema: &Value) -> Result<Self, SchemaError> {
        let observed_bytes = schema.to_string().len();
        if observed_bytes as u64 > SCHEMA_BYTES_MAX {
            return Err(SchemaError::TooLarge { observed_bytes });
        }
        if !schema.is_object() {
            return Err(SchemaError::NotAnObject(type_name(schema)));
        }
        Walk { root: schema, nodes: 0, open: Vec::new() }.visit(schema)?;
        Ok(Self { validator: build(schema)? })
    }

    /// The first place where `payload` does not fit. Looks no further: a payload of its largest size can have a misfit at
    /// every other byte, and each one found is held in memory.
    pub fn misfit(&self, payload: &Value) -> Option<Misfit> {
        self.validator.validate(payload).err().map(|error| misfit(&error))
    }
}

/// Compiles what was checked, or is a part of it.
pub(crate) fn build(schema: &Value) -> Result<Validator, SchemaError> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(PatternOptions::regex())
        .build(schema)
        .map_err(|error| SchemaError::Invalid(error.to_string()))
}

struct Walk<'a> {
    root: &'a Value,
    nodes: usize,
    /// The references being followed.
    open: Vec<&'a str>,
}

impl<'a> Walk<'a> {
    fn count(&mut self, node: &Value) -> Result<(), SchemaError> {
        self.nodes += usize::from(node.is_object());
        if self.nodes > SCHEMA_NODES_MAX { Err(SchemaError::TooManyNodes) } else { Ok(()) }
    }

    fn visit(&mut self, node: &'a Value) -> Result<(), SchemaError> {
        self.count(node)?;
        match node {
            Value::Array(items) => items.iter().try_for_each(|item| self.visit(item)),
            Value::Object(map) => {
                for (key, value) in map {
                    match key.as_str() {
                        "$ref" => self.follow(value)?,
                        "$dynamicRef" | "$recursiveRef" | "$id" | "$anchor" | "$dynamicAnchor" => {
                            return Err(SchemaError::Keyword { keyword: key.clone() });
                        }
                        // Names of properties below it, which may be those of keywords.
                        "properties" | "patternProperties" | "dependentSchemas" | "dependencies" => {
                            self.count(value)?;
                            match value {
                                Value::Object(named) => {
                                    named.values().try_for_each(|schema| self.visit(schema))?;
                                }
                                other => self.visit(other)?,
                            }
                        }
                        // Visited where they are referred to: what nobody refers to costs nothing.
                        "$defs" => {}
                        // Values, not schemas.
                        "const" | "enum" | "default" | "examples" => {}
                        _ => self.visit(value)?,
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn follow(&mut self, reference: &'a Value) -> Result<(), SchemaError> {
        // No schema; the compiler says why.
        let Some(text) = reference.as_str() else { return self.visit(reference) };
        let shortened = || text.chars().take(120).collect::<String>();
        let target = text
            .strip_prefix("#/$defs/")
            .filter(|name| !name.contains(['/', '~', '%']))
            .and_then(|name| self.root.get("$defs")?.get(name))
            .ok_or_else(|| SchemaError::Reference { reference: shortened() })?;
        if self.open.contains(&text) {
            return Err(SchemaError::Cycle { reference: shortened() });
        }
        self.open.push(text);
        self.visit(target)?;
        self.open.pop();
        Ok(())
    }
}

fn misfit(error: &ValidationError<'_>) -> Misfit {
    if let Some(constants) = constants(error) {
        let expected = format!("one of {}", constants.iter().map(as_code).collect::<Vec<_>>().join(", "));
        let pointer = error.instance_path().to_string();
        return Misfit { pointer, expected, found: found_value(error.instance()) };
    }
    // A choice of which none fits is best explained by the branch that came nearest: the one with the fewest errors.
    if let ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } =
        error.kind()
        && let Some(branch) =
            context.iter().filter(|branch| !branch.is_empty()).min_by_key(|branch| branch.len())
        && context.len() <= 2
        && let Some(inner) = branch.first()
    {
        return misfit(inner);
    }
    let pointer = error.instance_path().to_string();
    let instance = error.instance();
    let value = |text: String| (text, found_value(instance));
    let (expected, found) = match error.kind() {
        ValidationErrorKind::Type { kind } => (type_words(kind), type_name(instance).to_owned()),
        ValidationErrorKind::Required { property } => {
            (format!("the field {}", as_code(property)), "none of that name".to_owned())
        }
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let names: Vec<String> =
                unexpected.iter().take(5).map(|name| format!("`{}`", shorten(name))).collect();
            (
                "no other fields than the schema names".to_owned(),
                format!("the unknown field {}", names.join(", ")),
            )
        }
        ValidationErrorKind::Enum { options } => value(format!("one of {}", shorten(&options.to_string()))),
        ValidationErrorKind::Constant { expected_value } => value(as_code(expected_value)),
        ValidationErrorKind::Pattern { pattern } => {
            value(format!("a text that matches `{}`", shorten(pattern)))
        }
        ValidationErrorKind::Format { format } => value(format!("a text of format `{format}`")),
        ValidationErrorKind::Minimum { limit } => value(format!("at least {limit}")),
        ValidationErrorKind::Maximum { limit } => value(format!("at most {limit}")),
        ValidationErrorKind::ExclusiveMinimum { limit } => value(format!("more than {limit}")),
        ValidationErrorKind::ExclusiveMaximum { limit } => value(format!("less than {limit}")),
        ValidationErrorKind::MinItems { limit } => {
            (format!("at least {limit} items"), format!("{} items", length(instance)))
        }
        ValidationErrorKind::MaxItems { limit } => {
            (format!("at most {limit} items"), format!("{} items", length(instance)))
        }
        ValidationErrorKind::MinLength { limit } => {
            (format!("at least {limit} characters"), format!("{} characters", length(instance)))
        }
        ValidationErrorKind::MaxLength { limit } => {
            (format!("at most {limit} characters"), format!("{} characters", length(instance)))
        }
        ValidationErrorKind::MinProperties { limit } => {
            (format!("at least {limit} fields"), format!("{} fields", length(instance)))
        }
        ValidationErrorKind::MaxProperties { limit } => {
            (format!("at most {limit} fields"), format!("{} fields", length(instance)))
        }
        ValidationErrorKind::UniqueItems => ("items that differ".to_owned(), "two equal ones".to_owned()),
        other => {
            (format!("what the schema's `{}` asks for", other.keyword()), type_name(instance).to_owned())
        }
    };
    Misfit { pointer, expected, found }
}

/// The values of a choice between constants, as enumerations with a description for each value are written.
fn constants(error: &ValidationError<'_>) -> Option<Vec<Value>> {
    let (ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context }) =
        error.kind()
    else {
        return None;
    };
    let constant = |branch: &Vec<ValidationError<'_>>| {
        branch.iter().find_map(|error| match error.kind() {
            ValidationErrorKind::Constant { expected_value } => Some(Value::clone(expected_value)),
            _ => None,
        })
    };
    context.iter().map(constant).collect()
}

fn type_words(kind: &TypeKind) -> String {
    let word = |name: &str| match name {
        "null" => "null".to_owned(),
        "integer" | "array" | "object" => format!("an {name}"),
        other => format!("a {other}"),
    };
    match kind {
        TypeKind::Single(one) => word(&one.to_string()),
        TypeKind::Multiple(many) => {
            many.iter().map(|one| word(&one.to_string())).collect::<Vec<_>>().join(" or ")
        }
    }
}

/// A scalar as found, short; of anything larger only the type, since nobody wants a payload in an error.
fn found_value(instance: &Value) -> String {
    match instance {
        Value::Array(_) | Value::Object(_) => type_name(instance).to_owned(),
        scalar => as_code(scalar),
    }
}

fn as_code(value: &Value) -> String {
    match value.as_str() {
        Some(text) => format!("`{}`", shorten(text)),
        None => format!("`{}`", shorten(&value.to_string())),
    }
}

fn shorten(text: &str) -> String {
    const CHARS_MAX: usize = 120;
    if text.chars().count() <= CHARS_MAX {
        return text.to_owned();
    }
    text.chars().take(CHARS_MAX).chain(['…']).collect()
}

fn length(value: &Value) -> usize {
    match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.len(),
        Value::Object(map) => map.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn first(schema: &Value, payload: &Value) -> Misfit {
        PayloadSchema::compile(schema).unwrap().misfit(payload).unwrap()
    }

    #[test]
    fn a_misfit_names_place_expectation_and_finding() {
        let schema = json!({
            "type": "object", "required": ["files"], "additionalProperties": false,
            "properties": { "files": { "type": "array", "items": { "type": "string" } }, "mode": { "enum": ["a", "b"] } }
        });
        let misfit = first(&schema, &json!({ "files": ["x", 3] }));
        assert_eq!((misfit.pointer.as_str(), misfit.found.as_str()), ("/files/1", "a number"));
        assert_eq!(misfit.expected, "a string");
        assert_eq!(first(&schema, &json!({})).expected, "the field `files`");
        assert_eq!(first(&schema, &json!({ "files": [], "fils": 1 })).found, "the unknown field `fils`");
        assert_eq!(first(&schema, &json!({ "files": [], "mode": "c" })).found, "`c`");
        let choice = json!({ "oneOf": [{ "const": "auto", "type": "string" }, { "const": "combined", "type": "string" }] });
        assert_eq!(first(&choice, &json!("combind")).expected, "one of `auto`, `combined`");
    }

    #[test]
    fn schemas_that_could_leave_loop_or_explode_are_refused() {
        let doubling: serde_json::Map<String, Value> = (0..20)
            .map(|n| {
                let next = format!("#/$defs/d{}", n + 1);
                (format!("d{n}"), json!({ "allOf": [{ "$ref": next }, { "$ref": next }] }))
            })
            .chain([("d20".to_owned(), json!({}))])
            .collect();
        let hidden: serde_json::Map<String, Value> = doubling
            .iter()
            .map(|(name, schema)| (name.clone(), json!({ "properties": { "default": schema } })))
            .collect();
        for bad in [
            json!({ "$ref": "https://evil.example/schema" }),
            json!({ "$ref": "file:///etc/passwd" }),
            json!({ "$ref": "#" }),
            json!({ "$ref": "#/$defs/a" }),
            json!({ "$ref": "#/$defs/a", "$defs": { "a": { "properties": { "x": { "$ref": "#/$defs/a" } } } } }),
            json!({ "$dynamicRef": "#x" }),
            json!({ "$ref": "#/$defs/d0", "$defs": doubling }),
            json!({ "pattern": "(" , "type": "string" }),
            json!({ "pattern": "(a)\\1" , "type": "string" }),
            json!({ "type": "objekt" }),
            json!(true),
            // Names of properties, not keywords.
            json!({ "properties": { "default": { "$ref": "#" } } }),
            json!({ "properties": { "$defs": { "properties": { "enum": { "$ref": "#/$defs/a" } } } }, "$defs": { "a": { "properties": { "const": { "$ref": "#/$defs/a" } } } } }),
            json!({ "dependentSchemas": { "examples": { "$ref": "#/$defs/d0" } }, "$defs": hidden }),
        ] {
            assert!(PayloadSchema::compile(&bad).is_err(), "{bad} was taken");
        }
        for fine in [
            json!({ "$ref": "#/$defs/a", "$defs": { "a": { "type": "object" } } }),
            json!({ "properties": { "$ref": { "type": "string" }, "$id": { "$ref": "#/$defs/a" } }, "$defs": { "a": true } }),
            json!({ "const": { "$ref": "#" }, "default": { "$id": 1 } }),
        ] {
            assert!(PayloadSchema::compile(&fine).is_ok(), "{fine}");
        }
    }
}
