//! The result of the demo's job: as a table, and held against what the generator knows.

use super::sample::{Expected, Sum};
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::collections::BTreeMap;

/// Accounts first, then streams that belong to nobody.
pub fn table(result: &Value) -> Result<String> {
    let mut lines = vec![row("account", "requests", "MiB")];
    for (part, mark) in [("accounts", ""), ("unknown", " (no account)")] {
        for (name, sum) in sums(result, part)? {
            lines.push(row(&format!("{name}{mark}"), &sum.requests.to_string(), &mebibytes(sum.bytes)));
        }
    }
    let number =
        |name| result.get(name).and_then(Value::as_u64).with_context(|| format!("`{name}` is missing"));
    lines.push(format!("    {} lines, {} of them broken", number("lines")?, number("broken")?));
    Ok(lines.join("\n"))
}

/// Fails with both sides if they differ.
pub fn compare(result: &Value, expected: &Expected) -> Result<()> {
    let found = Expected {
        lines: result.get("lines").and_then(Value::as_u64).context("`lines` is missing")?,
        broken: result.get("broken").and_then(Value::as_u64).context("`broken` is missing")?,
        accounts: sums(result, "accounts")?,
        unknown: sums(result, "unknown")?,
    };
    if found != *expected {
        bail!("the job's sums are wrong\nfound:    {found:?}\nexpected: {expected:?}");
    }
    Ok(())
}

fn sums(result: &Value, part: &str) -> Result<BTreeMap<String, Sum>> {
    let object =
        result.get(part).and_then(Value::as_object).with_context(|| format!("`{part}` is no object"))?;
    let one = |(name, sum): (&String, &Value)| {
        let number = |key| {
            sum.get(key)
                .and_then(Value::as_u64)
                .with_context(|| format!("`{part}.{name}.{key}` is no number"))
        };
        Ok((name.clone(), Sum { bytes: number("bytes")?, requests: number("requests")? }))
    };
    object.iter().map(one).collect()
}

fn row(name: &str, requests: &str, size: &str) -> String {
    format!("    {name:<26} {requests:>9} {size:>10}")
}

/// One decimal, in whole numbers: 2^20 bytes are a MiB.
fn mebibytes(bytes: u64) -> String {
    let tenths = (u128::from(bytes) * 10 + (1 << 19)) >> 20;
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn result() -> Value {
        json!({
            "lines": 4, "broken": 1, "bytes": 1_572_864,
            "accounts": { "acme": { "bytes": 1_048_576, "requests": 2 } },
            "unknown": { "lost": { "bytes": 524_288, "requests": 1 } },
        })
    }

    fn expected() -> Expected {
        Expected {
            lines: 4,
            broken: 1,
            accounts: BTreeMap::from([("acme".to_owned(), Sum { bytes: 1_048_576, requests: 2 })]),
            unknown: BTreeMap::from([("lost".to_owned(), Sum { bytes: 524_288, requests: 1 })]),
        }
    }

    #[test]
    fn the_table_shows_accounts_requests_and_mebibytes() {
        let table = table(&result()).expect("complete");
        let words: Vec<Vec<_>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words[1], ["acme", "2", "1.0"]);
        assert_eq!(words[2], ["lost", "(no", "account)", "1", "0.5"]);
        assert!(table.ends_with("4 lines, 1 of them broken"));
    }

    #[test]
    fn right_sums_pass_and_wrong_or_missing_ones_do_not() {
        assert!(compare(&result(), &expected()).is_ok());
        let mut wrong = result();
        wrong["accounts"]["acme"]["bytes"] = json!(7);
        assert!(compare(&wrong, &expected()).is_err());
        let mut missing = result();
        missing["unknown"] = Value::Null;
        assert!(compare(&missing, &expected()).is_err());
    }
}
