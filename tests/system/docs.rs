//! `SETTINGS.md` and `mainworker.example.toml` say what the code does.

use crate::host::TestHost;
use crate::jobs::workspace;
use mainworker_domain::limits::{LIMITS, Limit, Unit};
use mainworker_domain::quantity::{parse_bytes, parse_ms};
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
                let key = if matches!(path, "files" | "sources") { "NAME" } else { key };
                shown_keys(
                    &if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") },
                    value,
                    keys,
                );
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
    host.settings(
        "sources.api.rate-limit = { tasks = 1, per = \"1m\" }\n[files.logs]\npath = \".\"\naccess = \"read\"",
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

/// No key takes a boolean, and a wrong type is found only after the key is known.
#[test]
fn every_described_key_is_accepted() {
    for row in rows() {
        let key = key(&row).replace("NAME", "name");
        let host = TestHost::with_jobs(&[]);
        host.write("mainworker.toml", format!("{key} = true\n"));
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
