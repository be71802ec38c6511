//! What a new revision may do that an old one could not, what it may do no more, and what else is worth knowing.

use super::powers::Powers;
use super::schema::{self, SchemaChange};
use super::{Capability, Power};
use crate::catalog::ModuleDescription;
use crate::configuration::From;
use crate::job_name::JobName;
use crate::manifest::{KeyRule, Manifest, Retry};
use crate::nearest::nearest;
use crate::quantity::format_ms;

/// The name of the widening by a payload schema that takes less: what was accepted before is refused.
pub const PAYLOAD_SCHEMA: &str = "payload-schema";
/// The name of the note on a result schema.
pub const RESULT_SCHEMA: &str = "result-schema";

/// How two revisions of a job differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// What somebody has to approve, by kind and name.
    pub widenings: Vec<Widening>,
    /// What the old one could do and the new one cannot.
    pub narrowings: Vec<Narrowing>,
    /// What is no power.
    pub notes: Vec<Note>,
}

/// A capability that the old revision had not, or a payload schema that takes less.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Widening {
    /// What names it when it is approved: one line without spaces.
    pub name: String,
    /// What it is, in words: one line.
    pub about: String,
    /// Where a schema takes less; empty for capabilities.
    pub places: Vec<SchemaChange>,
}

/// A capability that is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Narrowing {
    /// Its name.
    pub name: String,
    /// What it was, in words.
    pub about: String,
}

/// Something else that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What differs.
    pub name: String,
    /// How, in words.
    pub about: String,
}

/// A name that was approved and is no widening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoWidening<'a> {
    /// As it was written.
    pub name: &'a str,
    /// The widening that may be meant.
    pub nearest: Option<&'a str>,
}

/// Widenings that nobody allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the new revision of `{job}` may do what nobody allowed: {}", names.join(", "))]
pub struct NotAllowed {
    /// The job.
    pub job: JobName,
    /// The widenings, by kind and name; never empty.
    pub names: Vec<String>,
}

impl Difference {
    /// How `new` differs from `old`. Without an old one all capabilities of the new one are widenings, and nothing else is
    /// told: nothing is queued for it yet.
    pub fn between(old: Option<&ModuleDescription>, new: &ModuleDescription) -> Self {
        let new_powers = Powers::of(&new.manifest);
        let Some(old) = old else {
            let every_job = Powers::of_every_job();
            let widenings =
                new_powers.beyond(&every_job).map(|it| widening(it, &every_job, "the default is")).collect();
            return Self { widenings, ..Self::default() };
        };
        let old_powers = Powers::of(&old.manifest);
        let mut widenings: Vec<Widening> =
            new_powers.beyond(&old_powers).map(|it| widening(it, &old_powers, "was")).collect();
        let narrowings = old_powers
            .beyond(&new_powers)
            .map(|it| Narrowing { name: it.to_string(), about: with_other(it, &new_powers, "now") });
        let places = schema::no_longer_taken(old.payload_schema.as_ref(), new.payload_schema.as_ref());
        if !places.is_empty() {
            widenings.push(Widening {
                name: PAYLOAD_SCHEMA.to_owned(),
                about: "payloads that the old revision takes may be refused".to_owned(),
                places,
            });
        }
        let mut notes = notes_on_job(&old.manifest, &new.manifest);
        notes.extend(notes_on_needs(&old_powers, &new_powers));
        notes.extend(notes_on_keys(&old.manifest, &new.manifest));
        notes.extend(notes_on_retry(&old.manifest.retry, &new.manifest.retry));
        notes.extend(note_on_result(old, new));
        Self { narrowings: narrowings.collect(), widenings, notes }
    }

    /// Whether the revisions say the same of themselves.
    pub fn is_empty(&self) -> bool {
        self.widenings.is_empty() && self.narrowings.is_empty() && self.notes.is_empty()
    }

    /// The widenings that `allowed` does not name.
    pub fn unapproved(&self, allowed: &[String]) -> Vec<&Widening> {
        self.widenings.iter().filter(|widening| !allowed.contains(&widening.name)).collect()
    }

    /// Whether `allowed` names all widenings.
    ///
    /// # Errors
    /// Those that it does not name.
    pub fn check(&self, job: &JobName, allowed: &[String]) -> Result<(), NotAllowed> {
        let names: Vec<String> = self.unapproved(allowed).into_iter().map(|it| it.name.clone()).collect();
        if names.is_empty() { Ok(()) } else { Err(NotAllowed { job: job.clone(), names }) }
    }

    /// What `allowed` names and is no widening: mistyped, or no longer there to be approved.
    pub fn not_widenings<'a>(&'a self, allowed: &'a [String]) -> Vec<NoWidening<'a>> {
        let is_widening = |name: &str| self.widenings.iter().any(|widening| widening.name == name);
        let others = allowed.iter().filter(|name| !is_widening(name));
        others
            .map(|name| NoWidening {
                name,
                // One that is approved already is not what was meant.
                nearest: nearest(name, self.unapproved(allowed).into_iter().map(|it| it.name.as_str())),
            })
            .collect()
    }
}

fn widening(capability: &Capability, others: &Powers, word: &str) -> Widening {
    Widening { name: capability.to_string(), about: with_other(capability, others, word), places: Vec::new() }
}

/// A capability in words; of a quantity also how much of it the other side has.
fn with_other(capability: &Capability, others: &Powers, word: &str) -> String {
    let other = others.about_the_same(capability).first().filter(|_| capability.power.is_a_quantity());
    match other.and_then(|other| amount(&other.power)) {
        Some(amount) => format!("{}, {word} {amount}", capability.about()),
        None => capability.about(),
    }
}

fn amount(power: &Power) -> Option<String> {
    let or_any = |amount: Option<String>| amount.unwrap_or_else(|| "any number".to_owned());
    match power {
        Power::Limit(limit, most) => Some(limit.format(*most)),
        Power::Attempts(most) => Some(most.to_string()),
        Power::Concurrency(most) => Some(or_any(most.map(|most| most.to_string()))),
        Power::ConcurrencyOfKey(rule) => {
            let amount = |rule: &KeyRule| format!("{} with the same `{}`", rule.running_max, rule.pointer);
            Some(or_any(rule.as_ref().map(amount)))
        }
        Power::Rate(rate) => Some(or_any(rate.map(|rate| rate.to_string()))),
        _ => None,
    }
}

fn note(name: impl Into<String>, about: impl Into<String>) -> Note {
    Note { name: name.into(), about: about.into() }
}

fn notes_on_job(old: &Manifest, new: &Manifest) -> Vec<Note> {
    let (old, new) = (&old.job, &new.job);
    let mut notes = Vec::new();
    if old.name != new.name {
        notes.push(note("name", format!("{} → {}", old.name, new.name)));
    }
    if old.version != new.version {
        let back = if new.version < old.version { ", which goes back" } else { "" };
        notes.push(note("version", format!("{} → {}{back}", old.version, new.version)));
    }
    for (name, old, new) in [
        ("summary", Some(&old.summary), Some(&new.summary)),
        ("owner", old.owner.as_ref(), new.owner.as_ref()),
        ("runbook", old.runbook.as_ref(), new.runbook.as_ref()),
    ] {
        if old != new {
            let said = |text: Option<&String>| text.map_or("(none)".to_owned(), String::clone);
            notes.push(note(name, format!("{} → {}", said(old), said(new))));
        }
    }
    notes
}

/// Grants that were optional and are not, or the other way round.
fn notes_on_needs(old: &Powers, new: &Powers) -> Vec<Note> {
    let note = |(new, covering): (&Capability, Vec<&Capability>)| {
        // What nothing covers is a widening, and says itself whether it is optional.
        let was_optional = covering.iter().map(|old| old.is_optional).reduce(|all, it| all && it)?;
        match (was_optional, new.is_optional) {
            (true, false) => {
                let about = "a host that does not give it refuses to run the job";
                Some(note(format!("{new}:required"), about))
            }
            (false, true) => {
                let about = "a host that does not give it runs the job all the same";
                Some(note(format!("{new}:optional"), about))
            }
            _ => None,
        }
    };
    new.with_covering(old).filter_map(note).collect()
}

/// Keys that have to have a value now, whether they were there before or not.
fn notes_on_keys(old: &Manifest, new: &Manifest) -> Vec<Note> {
    let mut notes = Vec::new();
    for (key, grant) in &new.configuration {
        let was_required = old.configuration.get(key).map(|grant| grant.required);
        match (was_required, grant.required) {
            (Some(false) | None, true) => {
                let whose = match grant.from {
                    From::Envelope => "an envelope without it",
                    From::Host => "every envelope, on a host without it,",
                    From::Either => "an envelope without it, on a host without it,",
                };
                notes.push(note(format!("configuration:{key}:required"), format!("{whose} is rejected")));
            }
            (Some(true), false) => {
                let about = "envelopes are taken without it";
                notes.push(note(format!("configuration:{key}:optional"), about));
            }
            _ => {}
        }
    }
    notes
}

/// How long it waits between attempts is no power: their number is.
fn notes_on_retry(old: &Retry, new: &Retry) -> Vec<Note> {
    let waits = [("retry:base", old.base_ms, new.base_ms), ("retry:cap", old.cap_ms, new.cap_ms)];
    let changed = waits.into_iter().filter(|(_, old, new)| old != new);
    changed.map(|(name, old, new)| note(name, format!("{} → {}", format_ms(old), format_ms(new)))).collect()
}

/// A result harms nobody who asked for something else, but whoever reads it may be surprised.
fn note_on_result(old: &ModuleDescription, new: &ModuleDescription) -> Option<Note> {
    let (old, new) = (old.result_schema.as_ref(), new.result_schema.as_ref());
    let about = match (old, new) {
        (None, None) => return None,
        (None, Some(_)) => "there was none",
        (Some(_), None) => "there is none any more",
        (Some(old), Some(new)) if schema::mean_the_same(old, new) => return None,
        (Some(old), Some(new)) if schema::is_within(new, old) => {
            "changed; what the new one allows the old one allowed as well"
        }
        (Some(_), Some(_)) => "changed; a result may be what the old one did not allow",
    };
    Some(note(RESULT_SCHEMA, about))
}
