//! `deps.toml`: what is allowed and what is not, each row with its reason.

use anyhow::{Result, bail};
use cargo_metadata::semver::Version;
use serde::Deserialize;

/// The file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Policy {
    /// Licences for any crate.
    pub licence: Vec<Allowed>,
    /// Licences for one crate.
    pub licence_of: Vec<AllowedOf>,
    /// Crates that may not be there.
    pub banned: Vec<Banned>,
    /// Oldest versions.
    pub at_least: Vec<AtLeast>,
}

/// A licence that is fine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allowed {
    /// One SPDX identifier, with `WITH` if it has an exception.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// A licence that is fine for one crate.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowedOf {
    /// The crate.
    #[serde(rename = "crate")]
    pub name: String,
    /// As in `Allowed`.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// A crate that may not be there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Banned {
    /// The crate.
    #[serde(rename = "crate")]
    pub name: String,
    /// Why.
    pub reason: String,
}

/// A crate that may not be older.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AtLeast {
    /// The crate.
    #[serde(rename = "crate")]
    pub name: String,
    /// The oldest version that will do.
    pub version: Version,
    /// Why.
    pub reason: String,
}

/// Reads the file; a row whose reason is empty is no row.
pub fn parse(text: &str) -> Result<Policy> {
    let policy: Policy = toml::from_str(text)?;
    let reasons = policy
        .licence
        .iter()
        .map(|row| (&row.id, &row.reason))
        .chain(policy.licence_of.iter().map(|row| (&row.name, &row.reason)))
        .chain(policy.banned.iter().map(|row| (&row.name, &row.reason)))
        .chain(policy.at_least.iter().map(|row| (&row.name, &row.reason)));
    for (name, reason) in reasons {
        if reason.trim().is_empty() {
            bail!("the row for `{name}` gives no reason");
        }
    }
    Ok(policy)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_file_of_this_project_is_valid() {
        let policy = parse(include_str!("../../deps.toml")).expect("valid");
        assert!(policy.licence.len() > 2 && policy.banned.len() > 2 && !policy.at_least.is_empty());
    }

    #[test]
    fn a_row_needs_a_reason_and_known_keys() {
        assert!(parse("[[licence]]\nid = \"MIT\"\nreason = \"short\"").is_ok());
        assert!(parse("[[licence]]\nid = \"MIT\"\nreason = \" \"").is_err());
        assert!(parse("[[licence]]\nid = \"MIT\"").is_err());
        assert!(parse("[[license]]\nid = \"MIT\"\nreason = \"short\"").is_err());
        assert!(parse("[[at-least]]\ncrate = \"a\"\nversion = \"48\"\nreason = \"x\"").is_err());
    }
}
