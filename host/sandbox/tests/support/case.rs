//! The rows of `tests/guests/probes.toml`.

use super::component::root;
use mainworker_domain::limits::LimitValues;
use mainworker_domain::outcome::AttemptEnd;
use mainworker_sandbox::attempt::AttemptReport;
use serde_json::{Value, json};
use std::fs;

/// One row: a probe, what it is given, and how it must end.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) probe: String,
    pub(crate) payload: Value,
    pub(crate) limits: LimitValues,
    /// The test that runs the row, unless the table does.
    pub(crate) test: Option<String>,
    outcome: String,
    code: Option<String>,
    breach: Option<(u64, u64)>,
    says: Vec<String>,
}

/// All rows.
pub(crate) fn all() -> Vec<Case> {
    let text = fs::read_to_string(root().join("tests/guests/probes.toml")).expect("the table is there");
    let table: Value = toml::from_str(&text).expect("the table is TOML");
    table["probe"].as_array().expect("it has rows").iter().map(read).collect()
}

/// The row with this name.
pub(crate) fn named(name: &str) -> Case {
    all().into_iter().find(|case| case.name == name).unwrap_or_else(|| panic!("there is no row `{name}`"))
}

fn read(row: &Value) -> Case {
    let text = |key: &str| row[key].as_str().map(str::to_owned);
    let name = text("name").expect("a row has a name");
    let probe = text("probe").unwrap_or_else(|| panic!("the row `{name}` has no probe"));
    let mut payload = json!({ "probe": probe });
    for (key, value) in row["payload"].as_object().into_iter().flatten() {
        payload[key] = value.clone();
    }
    let limits = row.get("limits").cloned().unwrap_or_else(|| json!({}));
    Case {
        probe,
        payload,
        limits: LimitValues::read(&limits, "limits", true)
            .unwrap_or_else(|error| panic!("`{name}`: {error}")),
        test: text("test"),
        outcome: text("outcome").unwrap_or_else(|| panic!("the row `{name}` has no outcome")),
        code: text("code"),
        breach: row.get("breach").map(|breach| (number(&breach["observed"]), number(&breach["allowed"]))),
        says: row["says"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        name,
    }
}

/// A number of the table; text where TOML has none so large.
fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).expect("a number")
}

impl Case {
    /// Asserts that an attempt ended as the row says.
    pub(crate) fn check(&self, report: &AttemptReport) {
        let (name, end) = (&self.name, &report.end);
        let message = end.message();
        assert_eq!(end.outcome().as_str(), self.outcome, "`{name}` ended with: {message}");
        assert_eq!(end.code(), self.code.as_deref(), "`{name}` ended with: {message}");
        for text in &self.says {
            assert!(message.contains(text.as_str()), "`{name}` does not say `{text}`: {message}");
        }
        match (end, self.breach) {
            (AttemptEnd::OverLimit(breach), Some((observed, allowed))) => {
                assert_eq!(breach.limit.spec().code, self.code.as_deref().unwrap_or_default(), "`{name}`");
                assert_eq!(breach.allowed, allowed, "`{name}`: {message}");
                assert!(breach.observed >= observed, "`{name}` observed {}: {message}", breach.observed);
            }
            (AttemptEnd::OverLimit(_), None) => panic!("the row `{name}` names no breach"),
            (_, Some(_)) => panic!("`{name}` ended at no limit: {message}"),
            (_, None) => {}
        }
    }
}
