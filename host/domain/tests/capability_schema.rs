//! Payload schemas that take less than before, with the check of payloads itself as the measure.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use mainworker_domain::capability::{Difference, PAYLOAD_SCHEMA, RESULT_SCHEMA};
use mainworker_domain::catalog::ModuleDescription;
use mainworker_domain::manifest::Manifest;
use mainworker_domain::payload_schema::PayloadSchema;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn job(payload_schema: Option<Value>, result_schema: Option<Value>) -> ModuleDescription {
    let manifest = json!({
        "job": { "name": "sums", "version": "1.0.0", "summary": "Adds numbers" },
        "schedulable-by": { "sources": ["api"] },
    });
    ModuleDescription { manifest: Manifest::from_json(&manifest).unwrap(), payload_schema, result_schema }
}

/// Where the new schema takes less, a line each.
fn told(old: impl Into<Option<Value>>, new: impl Into<Option<Value>>) -> Vec<String> {
    let difference = Difference::between(Some(&job(old.into(), None)), &job(new.into(), None));
    assert!(difference.narrowings.is_empty() && difference.notes.is_empty());
    let places = difference.widenings.into_iter().flat_map(|widening| {
        assert_eq!(widening.name, PAYLOAD_SCHEMA);
        assert!(!widening.places.is_empty());
        widening.places
    });
    places.map(|it| format!("{}: {}", it.pointer, it.about)).collect()
}

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
        assert_eq!(told(old, new), [""; 0], "{edit}");
    }
    assert_eq!(told(json!({ "type": "object", "required": ["a"] }), None), [""; 0]);
    assert_eq!(told(None, json!({ "type": "object", "description": "anything" })), [""; 0]);
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
        assert_eq!(told(old.clone(), with(change)), expected);
    }
    let open = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
    assert_eq!(
        told(open.clone(), object(json!({ "a": { "type": "string" } }), &[])),
        ["/additionalProperties: fields that are not named are no longer taken"]
    );
    // An object that is not closed takes anything in a field that it does not name.
    assert_eq!(
        told(
            open,
            json!({ "type": "object", "properties": { "a": { "type": "string" }, "b/~": { "type": "string" } } })
        ),
        ["/properties/b~1~0/type: string now, was anything"]
    );
    assert_eq!(told(None, json!({ "required": ["a"] })), ["/required/0: the field `a` has to be there now"]);
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
        assert!(!told(old.clone(), new.clone()).is_empty(), "{old} {new}");
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
        told(kinds(&[text.clone(), small.clone()]), kinds(&[text.clone(), small.clone(), large])),
        ["/properties/k/oneOf: what was taken (number) may fit the choices 1 and 2, one has to fit"]
    );
    assert_eq!(
        told(kinds(&[text.clone(), small]), kinds(&[text, json!({ "type": "boolean" })])),
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
    assert_eq!(told(old, new), [": it is too large to be compared"]);
}

#[test]
fn a_result_is_only_noted() {
    let notes = |old: Value, new: Value| {
        let difference = Difference::between(Some(&job(None, Some(old))), &job(None, Some(new)));
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

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2..6i64).prop_map(Value::from),
        prop::sample::select(vec![json!(0.5), json!(2.0), json!(4.5)]),
        prop::sample::select(vec!["", "a", "ab", "xyz"]).prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            2 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            3 => fields(inner),
        ]
    })
}

fn fields(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec!["a", "b", "c", "x1", "default"]);
    prop::collection::btree_map(names, inner, 0..4).prop_map(|map| {
        Value::Object(map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
    })
}

fn names() -> impl Strategy<Value = Value> {
    prop::sample::subsequence(vec!["a", "b", "c"], 0..=2).prop_map(|names| json!(names))
}

/// A keyword with a value, of those that are compared; `inner` makes the schemas in it.
fn keyword(inner: impl Strategy<Value = Value> + Clone + 'static) -> BoxedStrategy<(&'static str, Value)> {
    let types = vec!["null", "boolean", "number", "integer", "string", "array", "object"];
    let some_types = prop::sample::subsequence(types, 1..=4).prop_map(|types| json!(types));
    let number = || {
        prop::sample::select(vec![json!(-1), json!(0), json!(1), json!(2), json!(2.0), json!(3), json!(4.5)])
    };
    let count = || (0..4u64).prop_map(Value::from);
    let list = || prop::collection::vec(inner.clone(), 1..4).prop_map(Value::from);
    let named = || fields(inner.clone());
    let patterns =
        prop::collection::btree_map(prop::sample::select(vec!["^a", "^x", "1$"]), inner.clone(), 1..3)
            .prop_map(|map| json!(map));
    let reference = prop::sample::select(vec!["#/$defs/A", "#/$defs/B"]).prop_map(Value::from);
    let pair = |name: &'static str| move |value: Value| (name, value);
    prop_oneof![
        6 => some_types.prop_map(pair("type")),
        2 => prop::collection::vec(value(), 1..4).prop_map(|values| {
            let mut distinct: Vec<Value> = Vec::new();
            for value in values { if !distinct.contains(&value) { distinct.push(value); } }
            ("enum", Value::from(distinct))
        }),
        1 => value().prop_map(pair("const")),
        2 => number().prop_map(pair("minimum")),
        1 => number().prop_map(pair("exclusiveMinimum")),
        2 => number().prop_map(pair("maximum")),
        1 => number().prop_map(pair("exclusiveMaximum")),
        1 => prop::sample::select(vec![json!(1), json!(2), json!(4), json!(0.5)]).prop_map(pair("multipleOf")),
        1 => count().prop_map(pair("minLength")),
        1 => count().prop_map(pair("maxLength")),
        1 => prop::sample::select(vec!["^a", "b$", "^x"]).prop_map(|it| ("pattern", Value::from(it))),
        1 => count().prop_map(pair("minItems")),
        1 => count().prop_map(pair("maxItems")),
        1 => any::<bool>().prop_map(|it| ("uniqueItems", Value::from(it))),
        2 => inner.clone().prop_map(pair("items")),
        1 => list().prop_map(pair("prefixItems")),
        1 => inner.clone().prop_map(pair("contains")),
        1 => count().prop_map(pair("minContains")),
        1 => count().prop_map(pair("maxContains")),
        6 => named().prop_map(pair("properties")),
        3 => names().prop_map(pair("required")),
        3 => inner.clone().prop_map(pair("additionalProperties")),
        2 => Just(("additionalProperties", json!(false))),
        1 => patterns.prop_map(pair("patternProperties")),
        1 => inner.clone().prop_map(pair("propertyNames")),
        1 => count().prop_map(pair("minProperties")),
        1 => count().prop_map(pair("maxProperties")),
        1 => names().prop_map(|names| ("dependentRequired", json!({ "a": names }))),
        1 => named().prop_map(pair("dependentSchemas")),
        1 => inner.clone().prop_map(pair("unevaluatedProperties")),
        1 => inner.clone().prop_map(pair("unevaluatedItems")),
        2 => list().prop_map(pair("allOf")),
        2 => list().prop_map(pair("anyOf")),
        2 => list().prop_map(pair("oneOf")),
        1 => inner.clone().prop_map(pair("not")),
        1 => inner.clone().prop_map(pair("if")),
        1 => inner.clone().prop_map(pair("then")),
        1 => inner.clone().prop_map(pair("else")),
        2 => reference.prop_map(pair("$ref")),
        1 => Just(("description", json!("words"))),
    ]
    .boxed()
}

fn sub_schema() -> impl Strategy<Value = Value> + Clone {
    let leaf = prop_oneof![
        1 => any::<bool>().prop_map(Value::from),
        2 => Just(json!({})),
        3 => prop::sample::select(vec!["integer", "string", "null", "number"]).prop_map(|it| json!({ "type": it })),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop::collection::vec(keyword(inner.boxed()), 1..4).prop_map(|keywords| {
            Value::Object(keywords.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
        })
    })
    .boxed()
}

/// Something that has no reference, since definitions of a schema must not lead back to themselves.
fn definition() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({ "type": "string", "enum": ["a", "ab"] })),
        Just(json!({ "type": "object", "required": ["a"] })),
        Just(json!({ "type": ["integer", "null"], "minimum": 1 })),
        Just(
            json!({ "type": "object", "properties": { "a": { "type": "integer" } }, "additionalProperties": false })
        ),
        Just(json!(true)),
    ]
}

fn schema() -> impl Strategy<Value = Value> {
    (prop::collection::vec(keyword(sub_schema().boxed()), 1..5), definition(), definition()).prop_map(
        |(keywords, a, b)| {
            let mut schema: Map<String, Value> =
                keywords.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            schema.insert("$defs".to_owned(), json!({ "A": a, "B": b }));
            Value::Object(schema)
        },
    )
}

/// An edit: the place, among all objects of a schema, and what is put there or taken away.
type Edit = (prop::sample::Index, Option<(&'static str, Value)>, prop::sample::Index);

fn edit() -> impl Strategy<Value = Edit> {
    (
        any::<prop::sample::Index>(),
        prop::option::of(keyword(sub_schema().boxed())),
        any::<prop::sample::Index>(),
    )
}

fn edited(schema: &Value, edits: &[Edit]) -> Value {
    let mut schema = schema.clone();
    for (place, put, taken) in edits {
        let mut objects = Vec::new();
        pointers(&schema, String::new(), &mut objects);
        let pointer = place.get(&objects).clone();
        let Some(object) = schema.pointer_mut(&pointer).and_then(Value::as_object_mut) else { continue };
        match put {
            Some((keyword, value)) => {
                object.insert((*keyword).to_owned(), value.clone());
            }
            None if !object.is_empty() => {
                let key = taken.get(&object.keys().cloned().collect::<Vec<_>>()).clone();
                if key != "$defs" {
                    object.remove(&key);
                }
            }
            None => {}
        }
    }
    schema
}

fn pointers(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            found.push(at.clone());
            for (name, below) in map {
                pointers(below, format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, below) in items.iter().enumerate() {
                pointers(below, format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

fn check(old: &Value, new: &Value, payloads: &[Value]) -> Result<(), TestCaseError> {
    // What is no schema here never comes so far.
    let (Ok(takes_old), Ok(takes_new)) = (PayloadSchema::compile(old), PayloadSchema::compile(new)) else {
        return Ok(());
    };
    let places = told(old.clone(), new.clone());
    for payload in payloads {
        prop_assert!(
            takes_old.misfit(payload).is_some() || takes_new.misfit(payload).is_none() || !places.is_empty(),
            "{} is refused and nothing is told\nold {}\nnew {}",
            payload,
            old,
            new
        );
    }
    prop_assert_eq!(told(old.clone(), old.clone()), vec![""; 0]);
    Ok(())
}

/// Two schemas of keywords about one type, and values of it, so that what they say has much to do with each other.
fn of_one_type() -> impl Strategy<Value = (Value, Value, Vec<Value>)> {
    let groups: Vec<(Vec<&'static str>, BoxedStrategy<Value>)> = vec![
        (
            vec![
                "minimum",
                "exclusiveMinimum",
                "maximum",
                "exclusiveMaximum",
                "multipleOf",
                "type",
                "enum",
                "const",
                "oneOf",
                "not",
            ],
            leaf().boxed(),
        ),
        (
            vec![
                "items",
                "prefixItems",
                "minItems",
                "maxItems",
                "uniqueItems",
                "contains",
                "minContains",
                "maxContains",
                "unevaluatedItems",
                "anyOf",
            ],
            prop::collection::vec(leaf(), 0..4).prop_map(Value::from).boxed(),
        ),
        (
            vec![
                "properties",
                "required",
                "additionalProperties",
                "patternProperties",
                "propertyNames",
                "minProperties",
                "maxProperties",
                "dependentRequired",
                "dependentSchemas",
                "unevaluatedProperties",
                "allOf",
            ],
            fields(leaf()).boxed(),
        ),
        (vec!["if", "then", "else", "allOf", "anyOf", "oneOf", "not", "type", "const"], leaf().boxed()),
    ];
    prop::sample::select((0..groups.len()).collect::<Vec<_>>()).prop_flat_map(move |group| {
        let (names, values) = groups[group].clone();
        let keywords = || {
            let names = names.clone();
            let keyword = keyword(sub_schema().boxed());
            let keyword =
                keyword.prop_filter("it is about another type", move |(name, _)| names.contains(name));
            prop::collection::vec(keyword, 1..4).prop_map(|keywords| {
                Value::Object(keywords.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            })
        };
        (keywords(), keywords(), prop::collection::vec(values, 40))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_is_refused_is_told(
        old in schema(), new in schema(), payloads in prop::collection::vec(fields(value()), 40),
    ) {
        check(&old, &new, &payloads)?;
    }

    #[test]
    fn what_is_refused_of_one_type_is_told((old, new, values) in of_one_type()) {
        // Half of what is known, and more, on the new side.
        let both = json!({ "allOf": [old.clone(), new.clone()] });
        let at_a = |schema: &Value| json!({
            "properties": { "a": schema },
            "$defs": { "A": { "type": "string" }, "B": { "enum": [1, "a", null] } },
        });
        let payloads: Vec<Value> = values.into_iter().map(|value| json!({ "a": value })).collect();
        check(&at_a(&old), &at_a(&new), &payloads)?;
        prop_assert_eq!(told(at_a(&both), at_a(&new)), vec![""; 0]);
    }

    #[test]
    fn what_is_refused_after_an_edit_is_told(
        old in schema(), edits in prop::collection::vec(edit(), 1..3), payloads in prop::collection::vec(fields(value()), 40),
    ) {
        let new = edited(&old, &edits);
        check(&old, &new, &payloads)?;
        check(&new, &old, &payloads)?;
    }
}
