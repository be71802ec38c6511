//! Payload schemas that take less than before, and usual edits that do not.

use crate::{job_of_schemas, payloads_told};
use mainworker_domain::capability::{Difference, RESULT_SCHEMA};
use mainworker_domain::payload_schema::PayloadSchema;
use serde_json::{Value, json};

/// A closed object, as the SDK writes them.
fn object(properties: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

#[test]
fn usual_edits_that_take_as_much_are_not_told() {
    let mode = |names: &[&str]| json!({ "$ref": "#/$defs/Mode", "description": "How", "default": names[0] });
    let with_mode = |names: &[&str]| {
        let mut schema = object(json!({ "mode": mode(names), "n": { "type": "integer" } }), &["n"]);
        schema["$defs"] = json!({ "Mode": { "type": "string", "enum": names } });
        schema
    };
    let tagged = |kinds: &[&str]| {
        let kind =
            |kind: &&str| object(json!({ "kind": { "const": kind }, "of": { "type": "string" } }), &["kind"]);
        json!({ "oneOf": kinds.iter().map(kind).collect::<Vec<_>>() })
    };
    let outside = |kinds: &[&str]| {
        let kind = |kind: &&str| object(json!({ *kind: { "type": "integer", "minimum": 0 } }), &[kind]);
        json!({ "type": "object", "properties": { "k": { "oneOf": kinds.iter().map(kind).collect::<Vec<_>>() } } })
    };
    let described = |names: &[&str]| {
        let one =
            |name: &&str| json!({ "const": name, "type": "string", "description": format!("the {name}") });
        object(json!({ "k": { "oneOf": names.iter().map(one).collect::<Vec<_>>() } }), &[])
    };
    let n = |schema: Value| object(json!({ "n": schema }), &[]);
    let rows = [
        (
            "a new optional field",
            object(json!({ "a": {} }), &["a"]),
            object(json!({ "a": {}, "b": { "type": "string" } }), &["a"]),
        ),
        ("a field need not be there", object(json!({ "a": {} }), &["a"]), object(json!({ "a": {} }), &[])),
        ("words", with_mode(&["x"]), {
            let mut new = with_mode(&["x"]);
            new["title"] = json!("T");
            new["properties"]["n"]["description"] = json!("D");
            new
        }),
        ("an enumeration grows", with_mode(&["x", "y"]), with_mode(&["y", "x", "z"])),
        ("a described enumeration grows", described(&["x", "y"]), described(&["y", "x", "z"])),
        ("a tagged choice grows", tagged(&["x", "y"]), tagged(&["z", "x", "y"])),
        ("an untagged choice grows", outside(&["x", "y"]), outside(&["y", "x", "z"])),
        (
            "a reference is written out",
            with_mode(&["x", "y"]),
            object(json!({ "mode": { "enum": ["x", "y"] }, "n": { "type": "integer" } }), &["n"]),
        ),
        ("a type is widened", n(json!({ "type": "integer" })), n(json!({ "type": ["number", "null"] }))),
        (
            "an option",
            n(json!({ "type": "integer" })),
            n(json!({ "anyOf": [{ "type": "integer" }, { "type": "null" }] })),
        ),
        (
            "no option any more, written otherwise",
            n(json!({ "type": ["integer", "null"] })),
            n(json!({ "anyOf": [{ "type": "null" }, { "type": "integer" }] })),
        ),
        (
            "bounds",
            n(json!({ "type": "integer", "format": "uint8", "minimum": 1, "maximum": 255 })),
            n(json!({ "type": "integer", "format": "uint32", "minimum": 0 })),
        ),
        (
            "bounds that are as good",
            n(json!({ "exclusiveMinimum": 3, "maximum": 4 })),
            n(json!({ "minimum": 3, "exclusiveMaximum": 4.5 })),
        ),
        (
            "lengths",
            n(json!({ "type": "string", "minLength": 2, "maxLength": 5, "pattern": "^a" })),
            n(json!({ "type": "string", "minLength": 1, "maxLength": 50, "pattern": "^a" })),
        ),
        (
            "multiples",
            n(json!({ "type": "integer", "multipleOf": 6 })),
            n(json!({ "type": "integer", "multipleOf": 3 })),
        ),
        (
            "items",
            n(json!({ "type": "array", "items": { "enum": [1, 2] }, "maxItems": 3, "uniqueItems": true })),
            n(json!({ "type": "array", "items": { "type": "integer" }, "maxItems": 4 })),
        ),
        (
            "tuples",
            n(
                json!({ "type": "array", "prefixItems": [{ "type": "integer" }, { "type": "string" }], "items": false }),
            ),
            n(
                json!({ "type": "array", "prefixItems": [{ "type": "number" }], "items": { "type": ["string", "null"] } }),
            ),
        ),
        (
            "maps",
            n(json!({ "type": "object", "additionalProperties": { "type": "integer" } })),
            n(json!({ "type": "object", "additionalProperties": { "type": "number" }, "minProperties": 0 })),
        ),
        (
            "patterns",
            n(
                json!({ "properties": { "y": { "const": "y" } }, "patternProperties": { "^x": { "const": 1 } }, "additionalProperties": false }),
            ),
            n(
                json!({ "properties": { "y": { "type": "string" } }, "patternProperties": { "^x": { "type": "integer" } }, "additionalProperties": false }),
            ),
        ),
        (
            "a closed object opens",
            object(json!({ "a": { "type": "string" } }), &[]),
            json!({ "properties": { "a": { "type": "string" } } }),
        ),
        (
            "one schema for all",
            json!({ "allOf": [{ "$ref": "#/$defs/A" }, { "required": ["b"] }], "$defs": { "A": { "required": ["a"] } } }),
            json!({ "required": ["b", "a"] }),
        ),
        (
            "the same condition",
            json!({ "if": { "required": ["a"] }, "then": { "required": ["b"] }, "not": { "required": ["c"] } }),
            json!({ "not": { "required": ["c"] }, "if": { "required": ["a"] }, "then": { "required": ["b"] }, "title": "x" }),
        ),
        (
            "an impossible field",
            object(json!({ "a": { "type": "string", "enum": [1] } }), &[]),
            object(json!({ "a": { "type": "boolean" } }), &[]),
        ),
        ("a payload is an object", json!({}), json!({ "type": "object" })),
    ];
    for (edit, old, new) in rows {
        for schema in [&old, &new] {
            PayloadSchema::compile(schema).unwrap_or_else(|error| panic!("{edit}: {error}"));
        }
        assert_eq!(payloads_told(old, new), [""; 0], "{edit}");
    }
    assert_eq!(payloads_told(json!({ "type": "object", "required": ["a"] }), None), [""; 0]);
    assert_eq!(payloads_told(None, json!({ "type": "object", "description": "anything" })), [""; 0]);
}

#[test]
fn what_takes_less_is_told_with_its_place() {
    let old = object(
        json!({ "files": { "type": "array", "items": { "$ref": "#/$defs/File" } }, "mode": { "enum": ["a", "b"] }, "n": { "type": "number" }, "gone": {} }),
        &["files"],
    );
    let with = |change: &dyn Fn(&mut Value)| {
        let mut schema = old.clone();
        schema["$defs"] = json!({ "File": { "type": "string", "maxLength": 100 } });
        change(&mut schema);
        schema
    };
    let old = with(&|_| {});
    type Change<'a> = (&'a dyn Fn(&mut Value), &'a [&'a str]);
    let changes: [Change<'_>; 10] = [
        (
            &|new| new["required"] = json!(["files", "mode"]),
            &["/required/1: the field `mode` has to be there now"],
        ),
        (
            &|new| new["properties"]["mode"]["enum"] = json!(["a", "c"]),
            &[r#"/properties/mode: `"b"` is no longer taken"#],
        ),
        (
            &|new| new["properties"]["n"]["type"] = json!("integer"),
            &["/properties/n/type: integer now, was number"],
        ),
        (
            &|new| new["properties"]["n"]["minimum"] = json!(0),
            &["/properties/n/minimum: `0` now, was not said"],
        ),
        (
            &|new| new["$defs"]["File"]["maxLength"] = json!(99),
            &["/$defs/File/maxLength: `99` now, was `100`"],
        ),
        (
            &|new| new["$defs"]["File"]["pattern"] = json!("^/"),
            &[r#"/$defs/File/pattern: `"^/"` now, was not said"#],
        ),
        (
            &|new| {
                new["properties"].as_object_mut().unwrap().remove("gone");
            },
            &["/additionalProperties: the field `gone` is no longer taken"],
        ),
        (
            &|new| new["properties"]["files"]["maxItems"] = json!(3),
            &["/properties/files/maxItems: `3` now, was not said"],
        ),
        (&|new| new["properties"]["n"] = json!(false), &["/properties/n: nothing is taken here any more"]),
        (&|new| new["properties"]["a/b~"] = json!({ "type": "string" }), &[]),
    ];
    for (change, expected) in changes {
        assert_eq!(payloads_told(old.clone(), with(change)), expected);
    }
    let open = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
    assert_eq!(
        payloads_told(open.clone(), object(json!({ "a": { "type": "string" } }), &[])),
        ["/additionalProperties: fields that are not named are no longer taken"]
    );
    // An object that is not closed takes anything in a field that it does not name.
    assert_eq!(
        payloads_told(
            open,
            json!({ "type": "object", "properties": { "a": { "type": "string" }, "b/~": { "type": "string" } } })
        ),
        ["/properties/b~1~0/type: string now, was anything"]
    );
    assert_eq!(
        payloads_told(None, json!({ "required": ["a"] })),
        ["/required/0: the field `a` has to be there now"]
    );
}

/// Rules that look as if they followed from each other: what the payload in each row shows to be wrong.
#[test]
fn what_nearly_follows_is_told() {
    let rows = [
        (json!({ "minimum": 1 }), json!({ "exclusiveMinimum": 1 }), json!(1)),
        (json!({ "maximum": 1 }), json!({ "exclusiveMaximum": 1 }), json!(1)),
        (
            json!({ "minimum": 9_007_199_254_740_992_u64 }),
            json!({ "minimum": 9_007_199_254_740_993_u64 }),
            json!(9_007_199_254_740_992_u64),
        ),
        (json!({ "multipleOf": 3 }), json!({ "multipleOf": 6 }), json!(3)),
        (json!({ "maxItems": 2 }), json!({ "uniqueItems": true }), json!([1, 1])),
        (
            json!({ "contains": { "const": 1 } }),
            json!({ "contains": { "const": 1 }, "minContains": 2 }),
            json!([1]),
        ),
        (
            json!({ "contains": { "const": 1 } }),
            json!({ "contains": { "const": 1 }, "maxContains": 1 }),
            json!([1, 1]),
        ),
        (json!({ "contains": true, "minContains": 0 }), json!({ "contains": true }), json!([])),
        (
            json!({ "if": { "type": "string" }, "then": {} }),
            json!({ "if": { "type": "string" }, "then": {}, "else": { "type": "null" } }),
            json!(1),
        ),
        (
            json!({ "allOf": [{ "if": { "type": "string" } }, { "then": false }] }),
            json!({ "if": { "type": "string" }, "then": false }),
            json!("a"),
        ),
        (
            json!({ "patternProperties": { "^x": true }, "additionalProperties": false }),
            json!({ "additionalProperties": false }),
            json!({ "x1": 1 }),
        ),
        (
            json!({ "patternProperties": { "^x": true }, "additionalProperties": { "type": "string" } }),
            json!({ "properties": { "x1": { "type": "string" } } }),
            json!({ "x1": 1 }),
        ),
        (
            json!({ "properties": { "x1": true }, "additionalProperties": { "type": "string" } }),
            json!({ "patternProperties": { "^x": { "type": "string" } } }),
            json!({ "x1": 1 }),
        ),
        (
            json!({ "items": { "type": "string" } }),
            json!({ "prefixItems": [{ "type": "string" }], "items": false }),
            json!(["a", "b"]),
        ),
        (json!({ "prefixItems": [true] }), json!({ "items": { "type": "string" } }), json!([1])),
        (
            json!({ "dependentRequired": { "a": ["b"] } }),
            json!({ "dependentRequired": { "a": ["b", "c"] } }),
            json!({ "a": 1, "b": 1 }),
        ),
        (
            json!({ "dependentRequired": { "b": ["a"] } }),
            json!({ "dependentRequired": { "a": ["b"] } }),
            json!({ "a": 1 }),
        ),
        (
            json!({ "properties": { "a": true }, "unevaluatedProperties": false }),
            json!({ "unevaluatedProperties": false }),
            json!({ "a": 1 }),
        ),
        (
            json!({ "anyOf": [{ "type": "string" }, { "type": "number" }] }),
            json!({ "oneOf": [{ "type": ["string", "number"] }, { "type": "number" }] }),
            json!(1),
        ),
        (
            json!({ "minimum": 9_007_199_254_740_992.0 }),
            json!({ "minimum": 9_007_199_254_740_993_u64 }),
            json!(9_007_199_254_740_992_u64),
        ),
        (
            json!({ "required": ["b"], "properties": { "b": { "type": "string" } } }),
            json!({ "oneOf": [
                { "required": ["b"], "properties": { "b": { "type": "string" } } },
                { "required": ["b"], "properties": { "b": { "type": "number" } } },
            ] }),
            json!(1),
        ),
        (
            json!({ "not": { "type": "string", "minLength": 2 } }),
            json!({ "not": { "type": "string" } }),
            json!("a"),
        ),
        (json!({ "type": "number" }), json!({ "type": "integer" }), json!(0.5)),
        (json!({ "const": 1 }), json!({ "enum": ["1", 2] }), json!(1)),
        (json!({ "type": "boolean" }), json!({ "enum": [true, null] }), json!(false)),
        (json!({ "required": ["a"] }), json!({ "minProperties": 2 }), json!({ "a": 1 })),
        (
            json!({ "propertyNames": { "maxLength": 2 } }),
            json!({ "propertyNames": { "maxLength": 1 } }),
            json!({ "aa": 1 }),
        ),
    ];
    for (old, new, value) in rows {
        let at_a = |schema: &Value| json!({ "properties": { "a": schema } });
        let (old, new, payload) = (at_a(&old), at_a(&new), json!({ "a": value }));
        assert_eq!(PayloadSchema::compile(&old).unwrap().misfit(&payload), None, "{old} {payload}");
        assert!(PayloadSchema::compile(&new).unwrap().misfit(&payload).is_some(), "{new} {payload}");
        assert!(!payloads_told(old.clone(), new.clone()).is_empty(), "{old} {new}");
    }
}

#[test]
fn choices_that_take_less_are_told() {
    let kinds = |kinds: &[Value]| json!({ "type": "object", "properties": { "k": { "oneOf": kinds } } });
    let (text, small, large) = (
        json!({ "type": "string" }),
        json!({ "maximum": 5, "type": "number" }),
        json!({ "minimum": 3, "type": "number" }),
    );
    assert_eq!(
        payloads_told(kinds(&[text.clone(), small.clone()]), kinds(&[text.clone(), small.clone(), large])),
        ["/properties/k/oneOf: what was taken (number) may fit the choices 1 and 2, one has to fit"]
    );
    assert_eq!(
        payloads_told(kinds(&[text.clone(), small]), kinds(&[text, json!({ "type": "boolean" })])),
        ["/properties/k/oneOf: none of these is known to take what was taken (number)"]
    );
}

#[test]
fn a_schema_that_would_take_too_long_is_told_as_a_whole() {
    let choice = |number: usize| {
        let branch = |branch: usize| json!({ "properties": { format!("p{number}"): { "minimum": branch } }, "required": [format!("q{number}{branch}")] });
        json!({ "anyOf": [branch(0), branch(1), branch(2), branch(3)] })
    };
    let old = json!({ "allOf": (0..12).map(choice).collect::<Vec<_>>() });
    let new = json!({ "allOf": (0..12).map(choice).collect::<Vec<_>>(), "required": ["z"] });
    PayloadSchema::compile(&old).unwrap();
    assert_eq!(payloads_told(old, new), [": it is too large to be compared"]);
}

#[test]
fn a_result_is_only_noted() {
    let notes = |old: Value, new: Value| {
        let difference =
            Difference::between(Some(&job_of_schemas(None, Some(old))), &job_of_schemas(None, Some(new)));
        assert!(difference.widenings.is_empty());
        difference
            .notes
            .into_iter()
            .map(|note| {
                assert_eq!(note.name, RESULT_SCHEMA);
                note.about
            })
            .collect::<Vec<_>>()
    };
    let n = |types: Value| object(json!({ "n": { "type": types } }), &["n"]);
    assert_eq!(notes(n(json!("integer")), n(json!("integer"))), [""; 0]);
    assert_eq!(
        notes(n(json!("number")), n(json!("integer"))),
        ["changed; what the new one allows the old one allowed as well"]
    );
    assert_eq!(
        notes(n(json!("integer")), n(json!("number"))),
        ["changed; a result may be what the old one did not allow"]
    );
}

/// The check of payloads looks at no format in this draft; the comparison relies on that.
#[test]
fn a_format_is_not_checked() {
    let schema =
        PayloadSchema::compile(&json!({ "properties": { "a": { "format": "date-time" } } })).unwrap();
    assert_eq!(schema.misfit(&json!({ "a": "no date" })), None);
}
