//! How two revisions of a job differ, as text and as JSON: the same wherever somebody has to approve it.

use crate::failure::Failure;
use crate::hints;
use crate::terminal;
use anstyle::{AnsiColor, Style};
use clap::Args;
use mainworker_domain::capability::{Difference, SchemaChange};
use mainworker_domain::job_name::JobName;
use serde_json::{Value, json};

/// What nobody allowed yet.
const WIDENING: Style = AnsiColor::Red.on_default().bold();
const ALLOWED: Style = AnsiColor::Green.on_default();
const NARROWING: Style = AnsiColor::Cyan.on_default();
const NOTE: Style = AnsiColor::Yellow.on_default();

/// What somebody approves.
#[derive(Args, Clone, Debug, Default)]
pub struct AllowArgs {
    /// Something that the new revision may do and the old one could not, by its name; once for each
    #[arg(long = "allow-widening", value_name = "NAME")]
    pub allowed: Vec<String>,
}

impl AllowArgs {
    /// Whether all widenings are allowed. Names of none of them are told: whoever mistyped one learns why it is missing.
    ///
    /// # Errors
    /// `widening_not_allowed` with each that is missing.
    pub(super) fn check(&self, job: &JobName, difference: &Difference) -> Result<(), Failure> {
        for wrong in difference.not_widenings(&self.allowed) {
            warn_of_no_widening(wrong.name, wrong.nearest);
        }
        Ok(difference.check(job, &self.allowed)?)
    }
}

/// Tells of a name that allows nothing, which may be a mistyped one.
pub(super) fn warn_of_no_widening(name: &str, nearest: Option<&str>) {
    let told = format!("`--allow-widening {name}` allows nothing: there is no such widening");
    terminal::print_warning(&told, hints::of_no_widening(nearest).as_deref());
}

/// What may be done now (`+`), what may be done no more (`-`), what else differs (`~`); empty if nothing does. Each has its name,
/// and a line below in words. Coloured.
pub(super) fn shown(difference: &Difference, allowed: &[String]) -> String {
    let line = |style: Style, sign: char, name: &str, more: &str| {
        format!("{style}{sign} {}{style:#}{more}", terminal::printable_line(name))
    };
    let words = |text: &str| format!("    {}", terminal::printable_line(text));
    let mut lines = Vec::new();
    for widening in &difference.widenings {
        lines.push(match allowed.contains(&widening.name) {
            true => line(ALLOWED, '+', &widening.name, " (allowed)"),
            false => line(WIDENING, '+', &widening.name, ""),
        });
        lines.push(words(&widening.about));
        lines.extend(widening.places.iter().map(|it| words(&place(it))));
    }
    for narrowing in &difference.narrowings {
        lines.push(line(NARROWING, '-', &narrowing.name, ""));
        lines.push(words(&narrowing.about));
    }
    for note in &difference.notes {
        lines.push(line(NOTE, '~', &note.name, ""));
        lines.push(words(&note.about));
    }
    lines.join("\n")
}

/// A pointer to the whole is empty.
fn place(change: &SchemaChange) -> String {
    let pointer = if change.pointer.is_empty() { "/" } else { &change.pointer };
    format!("{pointer}: {}", change.about)
}

/// The same as the fields of a JSON object: `widenings`, `narrowings`, `notes`.
pub(super) fn to_json(difference: &Difference, allowed: &[String]) -> Value {
    let place = |change: &SchemaChange| json!({ "pointer": change.pointer, "about": change.about });
    let widenings = difference.widenings.iter().map(|widening| {
        json!({
            "name": widening.name,
            "about": widening.about,
            "places": widening.places.iter().map(place).collect::<Vec<_>>(),
            "allowed": allowed.contains(&widening.name),
        })
    });
    let narrowings = difference.narrowings.iter().map(|it| json!({ "name": it.name, "about": it.about }));
    let notes = difference.notes.iter().map(|it| json!({ "name": it.name, "about": it.about }));
    json!({
        "widenings": widenings.collect::<Vec<_>>(),
        "narrowings": narrowings.collect::<Vec<_>>(),
        "notes": notes.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainworker_domain::capability::{Narrowing, Note, Widening};

    fn difference() -> Difference {
        let widening = |name: &str, about: &str, places: Vec<SchemaChange>| Widening {
            name: name.to_owned(),
            about: about.to_owned(),
            places,
        };
        let change = |pointer: &str, about: &str| SchemaChange {
            pointer: pointer.to_owned(),
            about: about.to_owned(),
        };
        Difference {
            widenings: vec![
                widening("schedule:send-email", "asks for tasks of the job `send-email`", vec![]),
                widening(
                    "payload-schema",
                    "payloads may be refused",
                    vec![
                        change("/required/0", "the field `a\u{202e}` has to be there now"),
                        change("", "all"),
                    ],
                ),
            ],
            narrowings: vec![Narrowing { name: "files:m:read".to_owned(), about: "reads".to_owned() }],
            notes: vec![Note { name: "summary".to_owned(), about: "a\nb → c".to_owned() }],
        }
    }

    #[test]
    fn each_has_its_sign_its_name_and_its_words() {
        let allowed = ["schedule:send-email".to_owned()];
        let text = shown(&difference(), &allowed);
        insta::assert_snapshot!(anstream::adapter::strip_str(&text), @r"
        + schedule:send-email (allowed)
            asks for tasks of the job `send-email`
        + payload-schema
            payloads may be refused
            /required/0: the field `a\u{202e}` has to be there now
            /: all
        - files:m:read
            reads
        ~ summary
            a\u{a}b → c
        ");
        assert!(text.starts_with("\u{1b}[32m+ schedule:send-email\u{1b}[0m (allowed)\n"), "{text:?}");
        assert!(text.contains("\u{1b}[31m+ payload-schema\u{1b}[0m\n"), "{text:?}");
        assert_eq!(shown(&Difference::default(), &[]), "");
    }

    #[test]
    fn as_json_all_of_it_is_there() {
        let json = to_json(&difference(), &["payload-schema".to_owned()]);
        assert_eq!(json["widenings"][0]["allowed"], json!(false));
        assert_eq!(json["widenings"][1]["allowed"], json!(true));
        assert_eq!(json["widenings"][1]["places"][0]["pointer"], json!("/required/0"));
        assert_eq!(json["narrowings"], json!([{ "name": "files:m:read", "about": "reads" }]));
        assert_eq!(json["notes"], json!([{ "name": "summary", "about": "a\nb → c" }]));
    }

    #[test]
    fn what_to_add_is_ready_for_a_shell() {
        let job = JobName::parse("sums").unwrap();
        let widening =
            |name: &str| Widening { name: name.to_owned(), about: String::new(), places: Vec::new() };
        let names = ["http:GET:https://*.x.com/a'b", "limit:memory=128MiB", "schedule:echo"];
        let difference = Difference { widenings: names.map(widening).into(), ..Difference::default() };
        let args = AllowArgs { allowed: vec!["schedule:echo".to_owned()] };
        let failure = args.check(&job, &difference).unwrap_err();
        assert_eq!((failure.code.as_str(), failure.exit.number()), ("widening_not_allowed", 5));
        insta::assert_snapshot!(format!("{}\n{}", failure.message, failure.hint.unwrap()), @r"
        the new revision of `sums` may do what nobody allowed: http:GET:https://*.x.com/a'b, limit:memory=128MiB
        if all of this is meant, add `--allow-widening 'http:GET:https://*.x.com/a'\''b' --allow-widening limit:memory=128MiB`
        ");
        let all = AllowArgs { allowed: names.map(str::to_owned).into() };
        assert!(all.check(&job, &difference).is_ok());
    }
}
