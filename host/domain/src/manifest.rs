//! The job manifest: what `job.toml` says and the module carries.
//!
//! One grammar, read from TOML when a module is built and from JSON out of the module afterwards. Reading is strict:
//! an unknown key is an error with the nearest known one, as is a value that cannot be meant. What a manifest accepts it
//! prints back equal.

mod grants;
mod policy;

pub use grants::{Access, Destination, FileGrant, Grants, HttpGrant, KeyGrant, Place};
pub use policy::{KeyRule, Retry, RevisionChoice, Run};

use crate::job_name::JobName;
use crate::limits::{CONFIGURATION_KEYS_MAX, LimitValues, MANIFEST_ENTRIES_MAX};
use crate::table::{Table, TableError, TableProblem, TomlError, from_toml};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Why a manifest is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not TOML.
    #[error(transparent)]
    Toml(#[from] TomlError),
    /// A key or a value that cannot be meant.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// `[job]`: what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSection {
    /// The name in envelopes.
    pub name: JobName,
    /// Semantic version of the module.
    pub version: semver::Version,
    /// One line for people.
    pub summary: String,
    /// Who is told of failures.
    pub owner: Option<String>,
    /// Where it says what to do about failures.
    pub runbook: Option<String>,
}

/// What a job is called, who may schedule it, what it needs, its limits and retries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// What it is.
    pub job: JobSection,
    /// Sources that may ask for it; never empty, since nobody may by default.
    pub schedulable_by: Vec<String>,
    /// The configuration keys that it may see.
    pub configuration: BTreeMap<String, KeyGrant>,
    /// What else it may do.
    pub grants: Grants,
    /// The limits it asks for.
    pub limits: LimitValues,
    /// What follows a failed attempt.
    pub retry: Retry,
    /// How it is run.
    pub run: Run,
}

impl Manifest {
    /// Reads `job.toml`.
    ///
    /// # Errors
    /// Text that is not TOML; a key or value that is not of the grammar.
    pub fn parse_toml(text: &str) -> Result<Self, ManifestError> {
        Self::from_json(&from_toml(text)?)
    }

    /// Reads the manifest out of a module.
    ///
    /// # Errors
    /// A key or value that is not of the grammar.
    pub fn from_json(value: &Value) -> Result<Self, ManifestError> {
        let root = Table::open(
            value,
            "",
            &["job", "schedulable-by", "configuration", "grants", "limits", "retry", "run"],
        )?;
        let empty = Value::Object(Map::new());
        let part = |key: &str| root.value(key).unwrap_or(&empty);
        let configuration = read_configuration(part("configuration"))?;
        let grants = Grants::read(part("grants"))?;
        grants.check_keys(&configuration)?;
        Ok(Self {
            job: read_job(root.value("job").ok_or_else(|| root.error("job", TableProblem::MissingKey))?)?,
            schedulable_by: read_sources(
                root.value("schedulable-by")
                    .ok_or_else(|| root.error("schedulable-by", TableProblem::MissingKey))?,
            )?,
            configuration,
            grants,
            limits: LimitValues::read(part("limits"), "limits", true)?,
            retry: Retry::read(part("retry"))?,
            run: Run::read(part("run"))?,
        })
    }

    /// The manifest as [`Manifest::from_json`] takes it. What is not said is left out.
    pub fn to_json(&self) -> Value {
        let mut job = json!({
            "name": self.job.name.as_str(),
            "version": self.job.version.to_string(),
            "summary": self.job.summary,
        });
        for (key, value) in [("owner", &self.job.owner), ("runbook", &self.job.runbook)] {
            if let Some(value) = value {
                job[key] = json!(value);
            }
        }
        let mut root = json!({ "job": job, "schedulable-by": { "sources": self.schedulable_by } });
        if !self.configuration.is_empty() {
            let keys = self.configuration.iter().map(|(key, grant)| (key.clone(), grant.to_json()));
            root["configuration"] = Value::Object(keys.collect());
        }
        if self.grants != Grants::default() {
            root["grants"] = self.grants.to_json();
        }
        if !self.limits.is_empty() {
            root["limits"] = self.limits.to_json();
        }
        if self.retry != Retry::default() {
            root["retry"] = self.retry.to_json();
        }
        if self.run != Run::default() {
            root["run"] = self.run.to_json();
        }
        root
    }

    /// The manifest as [`Manifest::parse_toml`] takes it.
    pub fn to_toml(&self) -> String {
        // A table of tables, texts, numbers and booleans always has a TOML form.
        toml::to_string(&self.to_json()).unwrap_or_default()
    }
}

fn read_job(value: &Value) -> Result<JobSection, TableError> {
    let table = Table::open(value, "job", &["name", "version", "summary", "owner", "runbook"])?;
    let name = table.required_string("name")?;
    let version = table.required_string("version")?;
    Ok(JobSection {
        name: JobName::parse(name).map_err(|_| {
            table.invalid("name", name, "expected 1 to 63 of a-z, 0-9 and `-`, starting with a letter")
        })?,
        version: semver::Version::parse(version)
            .map_err(|_| table.invalid("version", version, "expected a version such as `1.2.3`"))?,
        summary: table
            .line("summary", 200)?
            .ok_or_else(|| table.error("summary", TableProblem::MissingKey))?,
        owner: table.line("owner", 100)?,
        runbook: table.line("runbook", 500)?,
    })
}

/// Whether a text can name a source: a principal, or a job as `job:NAME`.
fn is_source(text: &str) -> bool {
    JobName::parse(text.strip_prefix("job:").unwrap_or(text)).is_ok()
}

fn read_sources(value: &Value) -> Result<Vec<String>, TableError> {
    let table = Table::open(value, "schedulable-by", &["sources"])?;
    let sources =
        table.strings("sources")?.ok_or_else(|| table.error("sources", TableProblem::MissingKey))?;
    if sources.is_empty() || sources.len() > MANIFEST_ENTRIES_MAX {
        return Err(table.invalid(
            "sources",
            &format!("{} sources", sources.len()),
            format!("expected 1 to {MANIFEST_ENTRIES_MAX}: a job that nobody may schedule never runs"),
        ));
    }
    for (index, source) in sources.iter().enumerate() {
        let key = format!("sources[{index}]");
        if !is_source(source) {
            return Err(table.invalid(
                &key,
                source,
                "expected a source such as `api`, `scheduler` or `job:NAME`",
            ));
        }
        if sources[..index].contains(source) {
            return Err(table.invalid(&key, source, "expected each source once"));
        }
    }
    Ok(sources.into_iter().map(str::to_owned).collect())
}

fn read_configuration(value: &Value) -> Result<BTreeMap<String, KeyGrant>, TableError> {
    let table = Table::open_any(value, "configuration")?;
    let mut keys = BTreeMap::new();
    for (key, value) in table.entries() {
        if keys.len() == CONFIGURATION_KEYS_MAX {
            return Err(table.invalid(key, key, format!("expected at most {CONFIGURATION_KEYS_MAX} keys")));
        }
        let fits = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if key.len() > 128 || !key.split('.').all(fits) {
            return Err(table.invalid(
                key,
                key,
                "expected parts of letters, digits, `-` and `_`, joined by dots; a key with dots is quoted",
            ));
        }
        keys.insert(key.clone(), KeyGrant::read(value, &table.path_of(key))?);
    }
    Ok(keys)
}
