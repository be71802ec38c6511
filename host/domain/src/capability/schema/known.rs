//! What is known of a value because an old schema takes it.

use super::same;
use super::{Chosen, compare, trial};
use crate::limits::SCHEMA_COMPARISON_DEPTH_MAX;
use serde_json::{Map, Value, json};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// A part of a schema, with the whole in which its references lead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub(super) schema: &'a Value,
    pub(super) root: &'a Value,
}

impl<'a> Part<'a> {
    pub(super) fn root(schema: &'a Value) -> Self {
        Self { schema, root: schema }
    }

    /// Another part of the same whole.
    pub(super) fn at(self, schema: &'a Value) -> Self {
        Self { schema, root: self.root }
    }

    /// What this value of a `$ref` refers to, and where that stands.
    pub(super) fn referred(self) -> Option<(Self, String)> {
        let reference = self.schema.as_str()?;
        let schema = self.root.get("$defs")?.get(reference.strip_prefix("#/$defs/")?)?;
        Some((self.at(schema), reference[1..].to_owned()))
    }

    /// What a schema that only refers to another refers to.
    pub(super) fn without_alias(self) -> Self {
        let mut part = self;
        for _ in 0..SCHEMA_COMPARISON_DEPTH_MAX {
            let Some(object) = part.schema.as_object() else { break };
            let mut checking = object.iter().filter(|(key, _)| !same::is_for_people(key));
            let (Some((key, value)), None) = (checking.next(), checking.next()) else { break };
            match part.at(value).referred().filter(|_| key == "$ref") {
                Some((target, _)) => part = target,
                None => break,
            }
        }
        part
    }
}

/// Schemas by the names of a keyword such as `properties`.
pub(super) fn named(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, schema)| (name.as_str(), schema))
}

/// Types of JSON values, as a set. Whole numbers and others are two, since `integer` is one of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Types(u8);

impl Types {
    const NONE: Self = Self(0);
    const NULL: Self = Self(1);
    const BOOLEAN: Self = Self(2);
    const INTEGER: Self = Self(4);
    pub(super) const NUMBERS: Self = Self(4 | 8);
    pub(super) const STRING: Self = Self(16);
    pub(super) const ARRAY: Self = Self(32);
    pub(super) const OBJECT: Self = Self(64);
    const ALL: Self = Self(127);

    const NAMES: [(&'static str, Self); 7] = [
        ("null", Self::NULL),
        ("boolean", Self::BOOLEAN),
        ("number", Self::NUMBERS),
        ("integer", Self::INTEGER),
        ("string", Self::STRING),
        ("array", Self::ARRAY),
        ("object", Self::OBJECT),
    ];

    /// What `type` says.
    pub(super) fn named(value: &Value) -> Self {
        let one = |name: &Value| {
            let found = Self::NAMES.iter().find(|(known, _)| name.as_str() == Some(known));
            found.map_or(Self::NONE, |(_, types)| *types)
        };
        match value {
            Value::Array(names) => names.iter().fold(Self::NONE, |all, name| all.or(one(name))),
            name => one(name),
        }
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOLEAN,
            // 1.0 is a whole number too.
            Value::Number(number) if number.is_f64() => Self::NUMBERS,
            Value::Number(_) => Self::INTEGER,
            Value::String(_) => Self::STRING,
            Value::Array(_) => Self::ARRAY,
            Value::Object(_) => Self::OBJECT,
        }
    }

    fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) fn intersects(self, other: Self) -> bool {
        self.and(other) != Self::NONE
    }

    pub(super) fn includes(self, other: Self) -> bool {
        self.and(other) == other
    }

    pub(super) fn words(self) -> String {
        if self == Self::ALL {
            return "anything".to_owned();
        }
        let is_said = |(name, types): &&(&str, Self)| {
            self.includes(*types) && !(*name == "integer" && self.includes(Self::NUMBERS))
        };
        Self::NAMES.iter().filter(is_said).map(|(name, _)| *name).collect::<Vec<_>>().join(" or ")
    }
}

/// A schema for each type of JSON.
pub(super) struct OneType([Value; Types::NAMES.len()]);

impl OneType {
    pub(super) fn all() -> Self {
        Self(Types::NAMES.map(|(name, _)| json!({ "type": name })))
    }

    /// The schema of the type with this name.
    pub(super) fn part(&self, name: &str) -> Part<'_> {
        let place = Types::NAMES.iter().position(|(known, _)| *known == name);
        Part::root(&self.0[place.unwrap_or_default()])
    }

    /// Those of `types`, if they are several but not all; nothing is known of what can be anything.
    pub(super) fn each_of(&self, types: Types) -> Vec<Part<'_>> {
        let kinds = Types::NAMES.iter().zip(&self.0).filter(|((name, of_name), _)| {
            // Whole numbers are among the numbers.
            *name != "integer" && types.intersects(*of_name)
        });
        let parts: Vec<Part<'_>> = kinds.map(|(_, schema)| Part::root(schema)).collect();
        if types == Types::ALL || parts.len() < 2 { Vec::new() } else { parts }
    }
}

/// What is known, each an object of the old schema that the value fits.
pub(super) struct Known<'a> {
    /// As they were given.
    pub(super) written: Vec<Part<'a>>,
    /// Those, and all that references and `allOf` lead to.
    pub(super) all: Vec<Part<'a>>,
    /// The objects among all, each with the root of its references.
    pub(super) objects: Vec<(&'a Map<String, Value>, &'a Value)>,
    /// What the value can be.
    pub(super) types: Types,
    /// Whether no value fits.
    pub(super) is_impossible: bool,
}

/// A choice of an old schema: the object that has it with its root, its keyword, its branches.
pub(super) struct Choice<'a> {
    pub(super) object: &'a Map<String, Value>,
    pub(super) keyword: &'static str,
    pub(super) branches: Vec<Part<'a>>,
}

impl<'a> Known<'a> {
    pub(super) fn of(parts: &[Part<'a>]) -> Self {
        let mut known = Self {
            written: parts.to_vec(),
            all: Vec::new(),
            objects: Vec::new(),
            types: Types::ALL,
            is_impossible: false,
        };
        for part in parts {
            known.add(*part, 0);
        }
        known.is_impossible |= known.types == Types::NONE;
        known
    }

    fn add(&mut self, part: Part<'a>, depth: usize) {
        let object = match part.schema {
            Value::Bool(false) => {
                self.is_impossible = true;
                return;
            }
            Value::Object(object) => object,
            _ => return,
        };
        // The same twice says nothing more, and what leads back to itself would never end.
        let is_there = self.objects.iter().any(|(there, _)| std::ptr::eq(*there, object));
        if is_there || depth > SCHEMA_COMPARISON_DEPTH_MAX {
            return;
        }
        self.all.push(part);
        self.objects.push((object, part.root));
        if let Some(named) = object.get("type") {
            self.types = self.types.and(Types::named(named));
        }
        if let Some(value) = object.get("const") {
            self.types = self.types.and(Types::of(value));
        }
        if let Some(values) = object.get("enum").and_then(Value::as_array) {
            let any = values.iter().fold(Types::NONE, |all, value| all.or(Types::of(value)));
            self.types = self.types.and(any);
        }
        if let Some((target, _)) = object.get("$ref").and_then(|reference| part.at(reference).referred()) {
            self.add(target, depth + 1);
        }
        for schema in object.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.add(part.at(schema), depth + 1);
        }
    }

    /// All values that can fit, where they can be counted; some of them may not fit.
    pub(super) fn values(&self) -> Option<Vec<Value>> {
        let listed = self.objects.iter().find_map(|(object, _)| match object.get("const") {
            Some(value) => Some(vec![value.clone()]),
            None => object.get("enum").and_then(Value::as_array).cloned(),
        });
        listed.or_else(|| {
            Types::NULL.or(Types::BOOLEAN).includes(self.types).then(|| {
                let all = [Value::Null, Value::Bool(false), Value::Bool(true)];
                all.into_iter().filter(|value| self.types.includes(Types::of(value))).collect()
            })
        })
    }

    /// The first choice that is not among those `chosen`.
    pub(super) fn choice(&self, chosen: &[Chosen]) -> Option<Choice<'a>> {
        self.objects.iter().find_map(|&(object, root)| {
            ["anyOf", "oneOf"].into_iter().find_map(|keyword| {
                let is_chosen =
                    chosen.iter().any(|(made, name)| std::ptr::eq(*made, object) && *name == keyword);
                let branches = object.get(keyword).filter(|_| !is_chosen)?.as_array()?;
                let branches = branches.iter().map(|schema| Part { schema, root }).collect();
                Some(Choice { object, keyword, branches })
            })
        })
    }

    /// Of each object that is known what `find` finds there.
    fn parts_of(
        &self,
        find: impl Fn(&'a Map<String, Value>) -> Option<&'a Value>,
    ) -> impl Iterator<Item = Part<'a>> {
        self.objects.iter().filter_map(move |&(object, root)| Some(Part { schema: find(object)?, root }))
    }

    /// The schemas of a keyword.
    pub(super) fn parts(&self, keyword: &str) -> Vec<Part<'a>> {
        self.parts_of(|object| object.get(keyword)).collect()
    }

    pub(super) fn has(&self, keyword: &str, fits: impl Fn(&Value) -> bool) -> bool {
        self.objects.iter().filter_map(|(object, _)| object.get(keyword)).any(fits)
    }

    /// Whether one object has the same for all of these keywords as `new`, a whole object; what is absent there is absent.
    pub(super) fn has_same(&self, keywords: &[&str], new: Part<'_>, steps: &mut usize) -> bool {
        self.objects.iter().any(|&(object, root)| {
            keywords.iter().all(|keyword| match (object.get(*keyword), new.schema.get(*keyword)) {
                (None, None) => true,
                (Some(old), Some(value)) => {
                    same::values(keyword, Part { schema: old, root }, new.at(value), 0, steps)
                }
                _ => false,
            })
        })
    }

    /// Whether a bound on numbers follows.
    pub(super) fn has_number(&self, keyword: &str, new: &Value) -> bool {
        let Value::Number(limit) = new else { return false };
        let is = |keyword: &str, fits: &dyn Fn(Ordering) -> bool| {
            self.has(keyword, |old| match old {
                Value::Number(old) => compare(old, limit).is_some_and(fits),
                _ => false,
            })
        };
        match keyword {
            "minimum" => is("minimum", &Ordering::is_ge) || is("exclusiveMinimum", &Ordering::is_ge),
            "exclusiveMinimum" => is("exclusiveMinimum", &Ordering::is_ge) || is("minimum", &Ordering::is_gt),
            "maximum" => is("maximum", &Ordering::is_le) || is("exclusiveMaximum", &Ordering::is_le),
            "exclusiveMaximum" => is("exclusiveMaximum", &Ordering::is_le) || is("maximum", &Ordering::is_lt),
            // A multiple of a multiple; among whole numbers alone, where nothing is rounded.
            _ => self.has(keyword, |old| {
                let are_multiples = || {
                    let (Some(old), Some(new)) = (old.as_u64(), new.as_u64()) else { return false };
                    new > 0 && old.is_multiple_of(new) && Types::INTEGER.includes(self.types)
                };
                old == new || are_multiples()
            }),
        }
    }

    /// Whether a bound on a length, or a pattern, follows.
    pub(super) fn has_bound(&self, keyword: &str, new: &Value) -> bool {
        let is_least = keyword.starts_with("min");
        let fits = |order: Ordering| if is_least { order.is_ge() } else { order.is_le() };
        let follows = self.has(keyword, |old| match (old, new) {
            (Value::Number(old), Value::Number(new)) => compare(old, new).is_some_and(fits),
            (old, new) => old == new,
        });
        follows || (is_least && new.as_u64() == Some(0))
    }

    /// Items that an array can have at the most.
    pub(super) fn items_max(&self) -> u64 {
        let bounds = self.objects.iter().filter_map(|(object, _)| object.get("maxItems")?.as_u64());
        bounds.min().unwrap_or(u64::MAX)
    }

    /// Places of an array that have a schema of their own.
    pub(super) fn prefix_max(&self) -> usize {
        let lengths =
            self.objects.iter().filter_map(|(object, _)| Some(object.get("prefixItems")?.as_array()?.len()));
        lengths.max().unwrap_or(0)
    }

    /// What is known of an item.
    pub(super) fn item(&self, index: usize) -> Vec<Part<'a>> {
        self.parts_of(|object| {
            let own = object.get("prefixItems").and_then(|prefix| prefix.get(index));
            own.or_else(|| object.get("items"))
        })
        .collect()
    }

    /// Names that have a schema of their own.
    pub(super) fn names(&self) -> BTreeSet<&'a str> {
        let properties = self.objects.iter().filter_map(|(object, _)| object.get("properties")?.as_object());
        properties.flat_map(|properties| properties.keys().map(String::as_str)).collect()
    }

    /// What is known of a field. What a pattern says of it is not.
    pub(super) fn property(&self, name: &str) -> Vec<Part<'a>> {
        self.parts_of(|object| match object.get("properties").and_then(|properties| properties.get(name)) {
            Some(own) => Some(own),
            None => object.get("additionalProperties").filter(|_| patterns(object).next().is_none()),
        })
        .collect()
    }

    /// What is known of a field that no schema names and that fits none of `others`.
    pub(super) fn unnamed(&self, others: &Map<String, Value>) -> Vec<Part<'a>> {
        let fits_none =
            |object: &'a Map<String, Value>| patterns(object).all(|pattern| others.contains_key(pattern));
        self.parts_of(|object| object.get("additionalProperties").filter(|_| fits_none(object))).collect()
    }

    /// What is known of fields that fit a pattern that is known.
    pub(super) fn of_pattern(&self, pattern: &str) -> Vec<Part<'a>> {
        self.parts_of(|object| object.get("patternProperties")?.get(pattern)).collect()
    }

    /// Whether an object always has this field.
    pub(super) fn requires(&self, name: &str) -> bool {
        self.has("required", |names| {
            names.as_array().is_some_and(|names| names.iter().any(|it| it.as_str() == Some(name)))
        })
    }

    /// Whether an object never has this field.
    pub(super) fn forbids(&self, name: &str) -> bool {
        Self::of(&self.property(name)).is_impossible
    }

    /// What the value is, for people.
    pub(super) fn words(&self) -> String {
        match self.values() {
            Some(values) if values.len() == 1 => super::shown(&values[0]),
            _ => format!("what was taken ({})", self.types.words()),
        }
    }
}

fn patterns(object: &Map<String, Value>) -> impl Iterator<Item = &String> {
    object.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(Map::keys)
}

/// Whether no value fits all of `one` and all of `other`.
pub(super) fn are_disjoint(one: &[Part<'_>], other: &[Part<'_>], depth: usize, steps: &mut usize) -> bool {
    *steps = steps.saturating_sub(1 + one.len() + other.len());
    if *steps == 0 || depth > SCHEMA_COMPARISON_DEPTH_MAX {
        return false;
    }
    let both: Vec<Part<'_>> = one.iter().chain(other).copied().collect();
    let both = Known::of(&both);
    if both.is_impossible {
        return true;
    }
    if let Some(values) = both.values() {
        *steps = steps.saturating_sub(trial::STEPS.saturating_add(values.len()));
        return trial::Trial::of(&both.written)
            .is_some_and(|trial| !values.iter().any(|value| trial.takes(value)));
    }
    // Of objects it is enough that one field has to be there and can be nothing.
    let required = both.objects.iter().filter_map(|(object, _)| object.get("required")?.as_array()).flatten();
    let mut required = required.filter_map(Value::as_str);
    Types::OBJECT.includes(both.types)
        && required.any(|name| are_disjoint(&both.property(name), &[], depth + 1, steps))
}
