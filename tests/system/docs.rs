//! `SETTINGS.md`, `mainworker.example.toml` and `schedules.example.toml` say what the code does.

use crate::host::TestHost;
use crate::jobs::{built, workspace};
use jiff::tz::TimeZoneDatabase;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::limits::{LIMITS, Limit, Unit};
use mainworker_domain::quantity::{parse_bytes, parse_ms};
use mainworker_domain::schedule::Definitions;
use mainworker_sandbox::module_file::ModuleFile;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fs;

fn document(name: &str) -> String {
    fs::read_to_string(workspace().join("host/server").join(name)).expect("it is there")
}

/// The rows of all tables whose first cell is a key, as cells.
fn rows() -> Vec<Vec<String>> {
    let text = document("SETTINGS.md");
    let cells =
        |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    text.lines().filter(|line| line.starts_with("| `")).map(cells).collect()
}

fn key(row: &[String]) -> String {
    row[0].trim_matches('`').to_owned()
}

/// Every path to a key that the program shows; what a person names is NAME.
fn shown_keys(path: &str, value: &Value, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) if path != "configuration.values" => {
            for (key, value) in map {
                let key = match path {
                    "files" | "sources" | "trust.keys" => "NAME",
                    "registries" => "HOST",
                    "trust.minimum-versions" => "JOB",
                    _ => key,
                };
                let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
                shown_keys(&path, value, keys);
            }
        }
        _ => {
            keys.insert(path.to_owned());
        }
    }
}

#[test]
fn every_key_is_described_and_every_described_key_is_known() {
    let described: BTreeSet<String> = rows().iter().map(|row| key(row)).collect();
    assert_eq!(described.len(), rows().len(), "a key has two rows");
    let host = TestHost::with_jobs(&[]);
    let generated = host.mainworker(&["key", "generate", "ci.key"]).finish();
    drop(generated.exits(0));
    host.settings(
        "sources.api.rate-limit = { tasks = 1, per = \"1m\" }\n[files.logs]\npath = \".\"\naccess = \"read\"\n\
         [trust.keys.ci]\nfile = \"ci.key.pub\"\njobs = [\"*\"]\n[trust.minimum-versions]\necho = \"1.0.0\"\n\
         [registries.\"registry.example\"]",
    );
    let printed = host.mainworker(&["settings", "show"]).finish().exits(0);
    let mut shown: Map<String, Value> = serde_json::from_str(printed.stdout()).unwrap();
    // Where they came from is no setting.
    shown.remove("file");
    let mut known = BTreeSet::new();
    shown_keys("", &Value::Object(shown), &mut known);
    known.extend(LIMITS.iter().map(|spec| format!("limits.{}", spec.key)));
    assert_eq!(described, known);
}

/// No key takes a day, and what is no value is found only after the key is known.
#[test]
fn every_described_key_is_accepted() {
    for row in rows() {
        let key =
            key(&row).replace("NAME", "name").replace("HOST", "\"registry.example\"").replace("JOB", "job");
        let host = TestHost::with_jobs(&[]);
        host.write("mainworker.toml", format!("{key} = 1979-05-27\n"));
        let said = host.mainworker(&["settings", "check"]).finish().exits(2).stderr();
        assert!(!said.contains("unknown key"), "`{key}`: {said}");
    }
}

#[test]
fn described_limits_are_those_of_the_code() {
    for spec in &LIMITS {
        let row =
            rows().into_iter().find(|row| key(row) == format!("limits.{}", spec.key)).expect("it has a row");
        assert_eq!(quantity(spec.limit, &row[1]), Some(spec.default), "the default of `{}`", spec.key);
        let ceiling = quantity(spec.limit, &row[2]);
        assert_eq!(ceiling, spec.in_manifest.then_some(spec.ceiling), "the ceiling of `{}`", spec.key);
        assert_eq!(row[3], spec.reason, "the reason of `{}`", spec.key);
    }
}

fn quantity(limit: Limit, text: &str) -> Option<u64> {
    match limit.spec().unit {
        Unit::Bytes => parse_bytes(text).ok(),
        Unit::Milliseconds => parse_ms(text).ok(),
        Unit::Count => text.replace(',', "").parse().ok(),
    }
}

#[test]
fn the_example_has_every_section_and_is_read() {
    let host = TestHost::with_jobs(&[]);
    host.write("mainworker.toml", document("mainworker.example.toml"));
    let printed = host.mainworker(&["settings", "show"]).finish().exits(0);
    let shown: Value = serde_json::from_str(printed.stdout()).unwrap();
    assert!(
        shown["modules"]["dir"].is_string() && shown["configuration"]["env-prefix"].is_string(),
        "{shown}"
    );
    for section in ["files", "http", "configuration", "limits", "server"] {
        let filled =
            shown[section].as_object().is_some_and(|section| section.values().any(|value| !value.is_null()));
        assert!(filled, "`{section}` is empty: {shown}");
    }
    // What it names is not on this machine, and `check` says so.
    let said = host.mainworker(&["settings", "check"]).finish().exits(2).stderr();
    assert!(said.starts_with("error[settings_unusable]"), "{said}");
}

/// Each run of the example is one that its job takes, from the scheduler.
#[test]
fn the_example_of_schedules_is_for_the_companys_jobs() {
    let text = document("schedules.example.toml");
    let definitions = Definitions::from_toml(&text, &TimeZoneDatabase::bundled()).expect("it is read");
    let now = Timestamp::parse("2026-02-28T12:00:00Z").expect("a time");
    let mut jobs = BTreeSet::new();
    for (name, definition) in &definitions.schedules {
        definition.check(now).unwrap_or_else(|error| panic!("`{name}`: {error}"));
        let module = fs::read(built().join(format!("{}.wasm", definition.job))).expect("the job is built");
        let module = ModuleFile::admit(module).expect("it is admitted");
        let revision = module.revision();
        let sources = &revision.manifest().schedulable_by;
        assert!(sources.iter().any(|source| source == "scheduler"), "`{name}`: {sources:?}");
        let schema = revision.payload_schema().expect("the company's jobs have one");
        for occurrence in
            definition.occurrences(now).between(now, now.after_ms(40 * 24 * 3_600_000)).take(100)
        {
            let payload = serde_json::from_str(&definition.payload(occurrence)).expect("JSON");
            assert_eq!(schema.misfit(&payload), None, "`{name}` at {occurrence}: {payload}");
            let options = definition.task_options(name, occurrence);
            options.check(now).unwrap_or_else(|error| panic!("`{name}` at {occurrence}: {error}"));
        }
        jobs.insert(definition.job.to_string());
    }
    for job in ["account-bandwidth", "archive-stream", "charge-accounts", "edge-logs"] {
        assert!(jobs.contains(job), "`{job}` has no schedule");
    }
}

/// Whoever copies a line finds every key.
#[test]
fn the_example_of_schedules_has_every_key() {
    let text = document("schedules.example.toml");
    let host = TestHost::with_jobs(&[]);
    // What an unknown key is told is the list of all.
    let known = |unknown: &str| {
        let file = format!("set = 'x'\n[schedule.x]\njob = 'x'\n{unknown}");
        host.write("schedules.toml", file);
        let said = host.mainworker(&["schedule", "apply", "schedules.toml"]).finish().exits(2).stderr();
        let list = said
            .split_once("expected one of ")
            .map(|(_, list)| list.lines().next().unwrap_or_default().to_owned());
        let list = list.unwrap_or_else(|| panic!("no list of keys: {said}"));
        list.split(", ").map(|key| key.trim_matches('`').to_owned()).collect::<Vec<_>>()
    };
    let (keys, options) = (known("nothing = 1"), known("options = { nothing = 1 }"));
    assert!(keys.len() > 10 && options.len() > 5, "{keys:?} {options:?}");
    for key in keys {
        assert!(text.lines().any(|line| line.starts_with(&format!("{key} = "))), "`{key}` is not there");
    }
    for option in options {
        assert!(text.contains(&format!("{option} = ")), "`{option}` is not there");
    }
}
