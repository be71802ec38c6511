//! Whether what one schema takes another takes as well.
//!
//! Sound in one direction: what is not told is taken. Everything that is known of a value, by the old schema with its
//! references and `allOf` written out, is held against each keyword of the new one; a keyword that does not follow from one
//! thing known, or that is not understood here, is told. Choices of the old schema are gone through one by one, and values
//! that can be counted are tried.

mod known;
mod same;
mod trial;

use crate::limits::{SCHEMA_CHANGES_MAX, SCHEMA_COMPARISON_DEPTH_MAX, SCHEMA_COMPARISON_STEPS_MAX};
use known::{Known, OneType, Part, Types, named};
use serde_json::{Map, Number, Value};
use std::cmp::Ordering;

/// A place of a schema that takes less than before, or of which that could not be excluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaChange {
    /// A JSON pointer into the new schema.
    pub pointer: String,
    /// What is expected there, and what was before, in words.
    pub about: String,
}

/// Where payloads that the old schema takes may be refused by the new one. Payloads are objects by the envelope's rule.
pub(super) fn no_longer_taken(old: Option<&Value>, new: Option<&Value>) -> Vec<SchemaChange> {
    let Some(new) = new else { return Vec::new() };
    let (anything, types) = (Value::Bool(true), OneType::all());
    let old = old.unwrap_or(&anything);
    let mut comparison = Comparison { types: &types, steps: SCHEMA_COMPARISON_STEPS_MAX, found: Vec::new() };
    let known = [Part::root(old), types.part("object")];
    comparison.is_taken(&known, Part::root(new), "", 0, &[]);
    if comparison.steps == 0 {
        return vec![change("", "it is too large to be compared".to_owned())];
    }
    comparison.found
}

/// Whether everything that `inner` takes `outer` takes too.
pub(super) fn is_within(inner: &Value, outer: &Value) -> bool {
    let types = OneType::all();
    let mut comparison = Comparison { types: &types, steps: SCHEMA_COMPARISON_STEPS_MAX, found: Vec::new() };
    comparison.is_taken(&[Part::root(inner)], Part::root(outer), "", 0, &[]) && comparison.steps > 0
}

/// Whether two schemas differ in nothing but what is for people.
pub(super) fn mean_the_same(one: &Value, other: &Value) -> bool {
    let mut steps = SCHEMA_COMPARISON_STEPS_MAX;
    same::schemas(Part::root(one), Part::root(other), 0, &mut steps)
}

/// A choice of the old schema that was made: the object that has it, and its keyword.
type Chosen = (*const Map<String, Value>, &'static str);

struct Comparison<'a> {
    types: &'a OneType,
    /// What is left of [`SCHEMA_COMPARISON_STEPS_MAX`]; with none left nothing is taken.
    steps: usize,
    found: Vec<SchemaChange>,
}

fn change(pointer: &str, about: String) -> SchemaChange {
    SchemaChange { pointer: pointer.to_owned(), about }
}

/// A name as a part of a JSON pointer.
fn below(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn listed(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn shown(value: &Value) -> String {
    const CHARS_MAX: usize = 60;
    let text = value.to_string();
    if text.chars().count() <= CHARS_MAX {
        return format!("`{text}`");
    }
    format!("`{}…`", text.chars().take(CHARS_MAX).collect::<String>())
}

impl<'a> Comparison<'a> {
    /// Tells a change, once; false, since what is told is not taken.
    fn tell(&mut self, pointer: &str, about: impl Into<String>) -> bool {
        let change = change(pointer, about.into());
        if self.found.len() < SCHEMA_CHANGES_MAX && !self.found.contains(&change) {
            self.found.push(change);
        }
        false
    }

    /// What `attempt` says, with nothing told of it.
    fn quietly(&mut self, attempt: impl FnOnce(&mut Self) -> bool) -> bool {
        let told = self.found.len();
        let is_taken = attempt(self);
        self.found.truncate(told);
        is_taken
    }

    /// Whether every value that fits all of `old` fits `new`, which stands at `at`. Tells where not.
    fn is_taken(
        &mut self,
        old: &[Part<'a>],
        new: Part<'a>,
        at: &str,
        depth: usize,
        chosen: &[Chosen],
    ) -> bool {
        self.steps = self.steps.saturating_sub(1 + old.len());
        if self.steps == 0 {
            return false;
        }
        if depth > SCHEMA_COMPARISON_DEPTH_MAX {
            return self.tell(at, "it is too deep to be compared");
        }
        let known = Known::of(old);
        if known.is_impossible {
            return true;
        }
        if known.all.iter().any(|part| same::schemas(*part, new, depth, &mut self.steps)) {
            return true;
        }
        let keywords = match new.schema {
            Value::Bool(true) => return true,
            Value::Object(keywords) => keywords,
            _ => return self.tell(at, "nothing is taken here any more"),
        };
        if let Some(values) = known.values() {
            return self.are_taken(&known, &values, new, at);
        }
        let is_a_choice = keywords.contains_key("anyOf") || keywords.contains_key("oneOf");
        let (branches, chosen) = match known.choice(chosen) {
            Some(choice) => {
                let made = (std::ptr::from_ref(choice.object), choice.keyword);
                (choice.branches, [chosen, &[made][..]].concat())
            }
            // Of several types each may fit another choice of the new schema.
            None if is_a_choice => (self.types.each_of(known.types), chosen.to_vec()),
            None => (Vec::new(), Vec::new()),
        };
        if branches.is_empty() {
            return self.fits(&known, new, keywords, at, depth, &chosen);
        }
        if self.quietly(|quiet| quiet.fits(&known, new, keywords, at, depth, &chosen)) {
            return true;
        }
        let mut are_taken = true;
        for branch in branches {
            let old: Vec<Part<'_>> = known.written.iter().copied().chain([branch]).collect();
            are_taken &= self.is_taken(&old, new, at, depth + 1, &chosen);
        }
        are_taken
    }

    /// The same for values that can be counted.
    fn are_taken(&mut self, known: &Known<'a>, values: &[Value], new: Part<'a>, at: &str) -> bool {
        self.steps = self.steps.saturating_sub(values.len().saturating_add(trial::STEPS));
        let Some(trial) = trial::Trial::of(&[new]) else {
            return self.tell(at, "it cannot be compared");
        };
        let refused: Vec<&Value> = values.iter().filter(|value| !trial.takes(value)).collect();
        if refused.is_empty() {
            return true;
        }
        // Not all that a choice lists fits what else is known.
        self.steps = self.steps.saturating_sub(refused.len().saturating_add(trial::STEPS));
        let before = trial::Trial::of(&known.written);
        let refused = refused.into_iter().filter(|value| before.as_ref().is_none_or(|old| old.takes(value)));
        let refused: Vec<String> = refused.take(5).map(shown).collect();
        if refused.is_empty() {
            return true;
        }
        let verb = if refused.len() == 1 { "is" } else { "are" };
        self.tell(at, format!("{} {verb} no longer taken", refused.join(", ")))
    }

    /// Whether all keywords of an object follow from what is known.
    fn fits(
        &mut self,
        known: &Known<'a>,
        new: Part<'a>,
        keywords: &'a Map<String, Value>,
        at: &str,
        depth: usize,
        chosen: &[Chosen],
    ) -> bool {
        let mut fit = true;
        for (keyword, value) in keywords {
            self.steps = self.steps.saturating_sub(1);
            let at = below(at, keyword);
            let value_part = new.at(value);
            fit &= match keyword.as_str() {
                name if same::is_for_people(name) => true,
                "$ref" => match value_part.referred() {
                    Some((target, at)) => self.is_taken(&known.written, target, &at, depth + 1, chosen),
                    None => self.tell(&at, "it refers to what cannot be followed"),
                },
                "allOf" => self.each_taken(known, value_part, &at, depth, chosen),
                "anyOf" => self.one_taken(known, value_part, &at, depth, chosen).is_some(),
                "oneOf" => self.just_one_taken(known, value_part, &at, depth, chosen),
                "not" => {
                    known.has_same(&["not"], new, &mut self.steps)
                        || known::are_disjoint(&known.written, &[value_part], depth, &mut self.steps)
                        || self.tell(&at, "what was taken may be what must not be")
                }
                "if" => {
                    let asks_for_nothing = !keywords.contains_key("then") && !keywords.contains_key("else");
                    asks_for_nothing
                        || known.has_same(&["if", "then", "else"], new, &mut self.steps)
                        || self.tell(&at, "it is another condition than before")
                }
                "then" | "else" => true,
                "type" => self.fits_type(known, value, &at),
                // Only where values can be counted does it follow from anything, and they were.
                "const" | "enum" => {
                    self.tell(&at, format!("only {} now, other values were taken", shown(value)))
                }
                "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum" | "multipleOf" => {
                    !known.types.intersects(Types::NUMBERS)
                        || known.has_number(keyword, value)
                        || self.tell_bound(known, keyword, value, &at)
                }
                "minLength" | "maxLength" | "pattern" => {
                    !known.types.intersects(Types::STRING)
                        || known.has_bound(keyword, value)
                        || self.tell_bound(known, keyword, value, &at)
                }
                "items" | "prefixItems" | "minItems" | "maxItems" | "uniqueItems" | "contains"
                | "minContains" | "maxContains" | "unevaluatedItems"
                    if !known.types.intersects(Types::ARRAY) =>
                {
                    true
                }
                "items" | "prefixItems" => self.fits_items(known, new, keyword, &at, depth),
                "minItems" | "maxItems" => {
                    known.has_bound(keyword, value) || self.tell_bound(known, keyword, value, &at)
                }
                "uniqueItems" => {
                    value == &Value::Bool(false)
                        || known.has(keyword, |old| old == value)
                        || known.items_max() <= 1
                        || self.tell(&at, "items that are equal were taken")
                }
                "contains" => {
                    known.has_same(&["contains", "minContains", "maxContains"], new, &mut self.steps)
                        || self.tell(&at, "arrays that do not contain that were taken")
                }
                "minContains" | "maxContains" => true,
                "properties"
                | "patternProperties"
                | "additionalProperties"
                | "required"
                | "minProperties"
                | "maxProperties"
                | "propertyNames"
                | "dependentRequired"
                | "dependentSchemas"
                | "unevaluatedProperties"
                    if !known.types.intersects(Types::OBJECT) =>
                {
                    true
                }
                "required" => self.fits_required(known, value, &at),
                "minProperties" | "maxProperties" => {
                    known.has_bound(keyword, value) || self.tell_bound(known, keyword, value, &at)
                }
                "properties" => self.fits_properties(known, value_part, &at, depth),
                "patternProperties" => self.fits_patterns(known, value_part, &at, depth),
                "additionalProperties" => self.fits_others(known, new, value, &at, depth),
                "propertyNames" => {
                    let mut names: Vec<Part<'a>> = known.parts("propertyNames");
                    names.push(self.types.part("string"));
                    self.is_taken(&names, value_part, &at, depth + 1, &[])
                }
                "dependentRequired" => self.fits_dependent(known, value, &at),
                "dependentSchemas" => named(value).fold(true, |fit, (name, schema)| {
                    let at = below(&at, name);
                    fit & (known.forbids(name)
                        || self.is_taken(&known.written, new.at(schema), &at, depth + 1, chosen))
                }),
                "unevaluatedItems" | "unevaluatedProperties" => {
                    value == &Value::Bool(true) || self.tell(&at, "what is left over may be refused now")
                }
                _ => {
                    known.has(keyword, |old| old == value)
                        || self.tell(&at, format!("`{keyword}` is another than before"))
                }
            };
            if self.steps == 0 {
                return false;
            }
        }
        fit
    }

    fn each_taken(
        &mut self,
        known: &Known<'a>,
        all: Part<'a>,
        at: &str,
        depth: usize,
        chosen: &[Chosen],
    ) -> bool {
        let mut are_taken = true;
        for (index, schema) in listed(all.schema).iter().enumerate() {
            let at = format!("{at}/{index}");
            are_taken &= self.is_taken(&known.written, all.at(schema), &at, depth + 1, chosen);
        }
        are_taken
    }

    /// The first branch that takes everything; that there is none is told.
    fn one_taken(
        &mut self,
        known: &Known<'a>,
        choice: Part<'a>,
        at: &str,
        depth: usize,
        chosen: &[Chosen],
    ) -> Option<usize> {
        let branches = listed(choice.schema);
        if let [only] = branches {
            let at = format!("{at}/0");
            return self.is_taken(&known.written, choice.at(only), &at, depth + 1, chosen).then_some(0);
        }
        let taking = branches.iter().position(|branch| {
            self.quietly(|quiet| quiet.is_taken(&known.written, choice.at(branch), at, depth + 1, chosen))
        });
        if taking.is_none() {
            self.tell(at, format!("none of these is known to take {}", known.words()));
        }
        taking
    }

    fn just_one_taken(
        &mut self,
        known: &Known<'a>,
        choice: Part<'a>,
        at: &str,
        depth: usize,
        chosen: &[Chosen],
    ) -> bool {
        let Some(taking) = self.one_taken(known, choice, at, depth, chosen) else { return false };
        let branches = listed(choice.schema);
        let one: Vec<Part<'a>> =
            known.written.iter().copied().chain([choice.at(&branches[taking])]).collect();
        let is_taken_too = |(index, other): (usize, &'a Value)| {
            index != taking && !known::are_disjoint(&one, &[choice.at(other)], depth, &mut self.steps)
        };
        match branches.iter().enumerate().position(is_taken_too) {
            None => true,
            Some(other) => self.tell(
                at,
                format!("{} may fit the choices {taking} and {other}, one has to fit", known.words()),
            ),
        }
    }

    fn tell_bound(&mut self, known: &Known<'a>, keyword: &str, value: &Value, at: &str) -> bool {
        let was = known.objects.iter().find_map(|(object, _)| object.get(keyword));
        match was {
            Some(was) => self.tell(at, format!("{} now, was {}", shown(value), shown(was))),
            None => self.tell(at, format!("{} now, was not said", shown(value))),
        }
    }

    fn fits_type(&mut self, known: &Known<'a>, value: &Value, at: &str) -> bool {
        let types = Types::named(value);
        if types.includes(known.types) {
            return true;
        }
        self.tell(at, format!("{} now, was {}", types.words(), known.types.words()))
    }

    fn fits_items(
        &mut self,
        known: &Known<'a>,
        new: Part<'a>,
        keyword: &str,
        at: &str,
        depth: usize,
    ) -> bool {
        let most = known.items_max();
        let prefix = new.schema.get("prefixItems").map(listed).unwrap_or_default();
        let mut fit = true;
        if keyword == "prefixItems" {
            let can_be_there = usize::try_from(most).unwrap_or(usize::MAX);
            for (index, schema) in prefix.iter().enumerate().take(can_be_there) {
                let (old, at) = (known.item(index), format!("{at}/{index}"));
                fit &= self.is_taken(&old, new.at(schema), &at, depth + 1, &[]);
            }
            return fit;
        }
        let Some(schema) = new.schema.get("items") else { return true };
        // Each place that the old schema knows by itself, and then all others together.
        let known_alone = known.prefix_max().max(prefix.len());
        for index in prefix.len()..=known_alone {
            if (index as u64) < most {
                let old = known.item(index);
                fit &= self.is_taken(&old, new.at(schema), at, depth + 1, &[]);
            }
        }
        fit
    }

    fn fits_required(&mut self, known: &Known<'a>, value: &Value, at: &str) -> bool {
        let mut fit = true;
        for (index, name) in value.as_array().into_iter().flatten().enumerate() {
            let Some(name) = name.as_str() else { continue };
            if !known.requires(name) {
                let at = format!("{at}/{index}");
                fit = self.tell(&at, format!("the field `{name}` has to be there now"));
            }
        }
        fit
    }

    fn fits_properties(&mut self, known: &Known<'a>, all: Part<'a>, at: &str, depth: usize) -> bool {
        let mut fit = true;
        for (name, schema) in named(all.schema) {
            let (old, at) = (known.property(name), below(at, name));
            fit &= self.is_taken(&old, all.at(schema), &at, depth + 1, &[]);
        }
        fit
    }

    /// A field with any name may fit a pattern, unless the old schema has the same one.
    fn fits_patterns(&mut self, known: &Known<'a>, all: Part<'a>, at: &str, depth: usize) -> bool {
        let mut fit = true;
        for (pattern, schema) in named(all.schema) {
            let (new, at) = (all.at(schema), below(at, pattern));
            let same = known.of_pattern(pattern);
            if !same.is_empty() && self.quietly(|quiet| quiet.is_taken(&same, new, &at, depth + 1, &[])) {
                continue;
            }
            for name in known.names() {
                fit &= self.is_taken(&known.property(name), new, &at, depth + 1, &[]);
            }
            fit &= self.is_taken(&known.unnamed(&Map::new()), new, &at, depth + 1, &[]);
        }
        fit
    }

    /// Fields that the new schema neither names nor has a pattern for.
    fn fits_others(
        &mut self,
        known: &Known<'a>,
        new: Part<'a>,
        value: &'a Value,
        at: &str,
        depth: usize,
    ) -> bool {
        let others = new.at(value);
        let properties = new.schema.get("properties");
        let mut fit = true;
        for name in known.names() {
            if properties.is_some_and(|properties| properties.get(name).is_some()) {
                continue;
            }
            let old = known.property(name);
            if self.quietly(|quiet| quiet.is_taken(&old, others, at, depth + 1, &[])) {
                continue;
            }
            fit = match value {
                Value::Bool(false) => self.tell(at, format!("the field `{name}` is no longer taken")),
                _ => self.is_taken(&old, others, at, depth + 1, &[]),
            };
        }
        let empty = Map::new();
        let patterns = new.schema.get("patternProperties").and_then(Value::as_object).unwrap_or(&empty);
        let old = known.unnamed(patterns);
        match value {
            Value::Bool(false) if !Known::of(&old).is_impossible => {
                self.tell(at, "fields that are not named are no longer taken")
            }
            _ => fit & self.is_taken(&old, others, at, depth + 1, &[]),
        }
    }

    fn fits_dependent(&mut self, known: &Known<'a>, value: &'a Value, at: &str) -> bool {
        let mut fit = true;
        for (name, needed) in named(value) {
            let same = known.has("dependentRequired", |old| old.get(name) == Some(needed));
            let mut needed = needed.as_array().into_iter().flatten().filter_map(Value::as_str);
            if !same && !known.forbids(name) && !needed.all(|needed| known.requires(needed)) {
                fit =
                    self.tell(&below(at, name), format!("beside the field `{name}` others have to be there"));
            }
        }
        fit
    }
}

/// How two numbers of JSON compare; none where they are not exact enough to say.
fn compare(one: &Number, other: &Number) -> Option<Ordering> {
    let whole = |number: &Number| number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    match (whole(one), whole(other)) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        (one_whole, other_whole) => {
            // Beyond this not every whole number has a floating one.
            const EXACT_MAX: i128 = 1 << 53;
            let is_exact = |whole: Option<i128>| whole.is_none_or(|whole| whole.abs() <= EXACT_MAX);
            if !is_exact(one_whole) || !is_exact(other_whole) {
                return None;
            }
            one.as_f64()?.partial_cmp(&other.as_f64()?)
        }
    }
}
