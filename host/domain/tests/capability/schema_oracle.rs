//! Any two schemas and any payloads: what the old one takes and the new one refuses is told.

use crate::payloads_told;
use mainworker_domain::payload_schema::PayloadSchema;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

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
    let places = payloads_told(old.clone(), new.clone());
    for payload in payloads {
        prop_assert!(
            takes_old.misfit(payload).is_some() || takes_new.misfit(payload).is_none() || !places.is_empty(),
            "{} is refused and nothing is told\nold {}\nnew {}",
            payload,
            old,
            new
        );
    }
    prop_assert_eq!(payloads_told(old.clone(), old.clone()), vec![""; 0]);
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
        prop_assert_eq!(payloads_told(at_a(&both), at_a(&new)), vec![""; 0]);
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
