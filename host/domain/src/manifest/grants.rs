//! `[configuration]` and `[grants]`: what a job asks to see and to do.

use crate::configuration::From;
use crate::job_name::JobName;
use crate::limits::{HTTP_CAPABILITIES_MAX, MANIFEST_ENTRIES_MAX};
use crate::origin::OriginPattern;
use crate::table::{Table, TableError, TableProblem, path_below};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;

/// Where in a request a secret may be put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The value of a header.
    Header,
    /// The query of the URL.
    Query,
    /// The body.
    Body,
}

impl Place {
    const ALL: [(&'static str, Self); 3] =
        [("header", Self::Header), ("query", Self::Query), ("body", Self::Body)];

    /// The word in `job.toml`.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, place)| *place == self).map_or("header", |(name, _)| name)
    }
}

/// Where requests or a secret may go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Destination {
    /// What the manifest names itself.
    Origin(OriginPattern),
    /// The origin of the URL that this configuration key has as its value, written `config:KEY`.
    Key(String),
}

impl Destination {
    fn read(table: &Table<'_>, key: &str, text: &str) -> Result<Self, TableError> {
        match text.strip_prefix("config:") {
            Some(name) => Ok(Self::Key(name.to_owned())),
            None => OriginPattern::parse(text).map(Self::Origin).map_err(|problem| {
                let expected = format!(
                    "expected an origin such as `https://api.example.com`, or `config:KEY`: {problem}"
                );
                table.invalid(key, text, expected)
            }),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Origin(pattern) => pattern.fmt(f),
            Self::Key(key) => write!(f, "config:{key}"),
        }
    }
}

/// One key under `[configuration]`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct KeyGrant {
    /// Whether an envelope without it is rejected.
    pub required: bool,
    /// Where its value may come from.
    pub from: From,
    /// Whether it is masked wherever it appears.
    pub secret: bool,
    /// The only origins that the value may be sent to: literal, or `config:KEY` for a key that comes from the host.
    pub only_to: Vec<Destination>,
    /// The only places in a request that it may stand in.
    pub places: Vec<Place>,
}

impl KeyGrant {
    pub(super) fn read(value: &Value, path: &str) -> Result<Self, TableError> {
        let table = Table::open(value, path, &["required", "from", "secret", "only-to", "in"])?;
        let from = match table.string("from")? {
            None | Some("either") => From::Either,
            Some("envelope") => From::Envelope,
            Some("host") => From::Host,
            Some(other) => {
                return Err(table.invalid("from", other, "expected `envelope`, `host` or `either`"));
            }
        };
        let secret = table.boolean("secret")?.unwrap_or(false);
        let only_to: Vec<Destination> = entries(&table, "only-to")?
            .iter()
            .enumerate()
            .map(|(index, text)| Destination::read(&table, &format!("only-to[{index}]"), text))
            .collect::<Result<_, _>>()?;
        let mut places = Vec::new();
        for (index, name) in entries(&table, "in")?.iter().enumerate() {
            let place = Place::ALL.iter().find(|(known, _)| known == name).map(|(_, place)| *place);
            places.push(place.ok_or_else(|| {
                table.invalid(&format!("in[{index}]"), name, "expected `header`, `query` or `body`")
            })?);
        }
        if !secret && (!only_to.is_empty() || !places.is_empty()) {
            return Err(table.invalid(
                "secret",
                "false",
                "expected `secret = true` beside `only-to` or `in`",
            ));
        }
        if only_to.is_empty() != places.is_empty() {
            let missing = if only_to.is_empty() { "only-to" } else { "in" };
            return Err(table.error(missing, TableProblem::MissingKey));
        }
        Ok(Self { required: table.boolean("required")?.unwrap_or(false), from, secret, only_to, places })
    }

    pub(super) fn to_json(&self) -> Value {
        let mut grant = json!({});
        if self.required {
            grant["required"] = json!(true);
        }
        if self.from != From::Either {
            grant["from"] = json!(self.from.as_str());
        }
        if self.secret {
            grant["secret"] = json!(true);
        }
        if !self.only_to.is_empty() {
            grant["only-to"] = self.only_to.iter().map(Destination::to_string).collect();
            grant["in"] = self.places.iter().map(|place| place.as_str()).collect();
        }
        grant
    }
}

/// What a mount may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Reading.
    Read,
    /// Reading and writing.
    ReadWrite,
}

impl Access {
    /// The word in `job.toml` and in the settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::ReadWrite => "read-write",
        }
    }

    /// Reads the word.
    ///
    /// # Errors
    /// No value, or another word.
    pub fn read(table: &Table<'_>, key: &str) -> Result<Self, TableError> {
        match table.required_string(key)? {
            "read" => Ok(Self::Read),
            "read-write" => Ok(Self::ReadWrite),
            other => Err(table.invalid(key, other, "expected `read` or `read-write`")),
        }
    }
}

/// A mount that a job asks for; it finds it at `/MOUNT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileGrant {
    /// The mount's name in the host's settings. By the rule for job names.
    pub mount: JobName,
    /// What for.
    pub access: Access,
    /// Whether the job can do without.
    pub optional: bool,
}

/// Requests that a job asks to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpGrant {
    /// Where to.
    pub to: Destination,
    /// Methods, upper case.
    pub methods: Vec<String>,
    /// Prefixes of paths; empty for all.
    pub paths: Vec<String>,
    /// Whether the job can do without.
    pub optional: bool,
}

/// `[grants]`: what a job asks to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Mounts.
    pub files: Vec<FileGrant>,
    /// Requests.
    pub http: Vec<HttpGrant>,
    /// Jobs that it may ask for.
    pub schedule: Vec<JobName>,
}

impl Grants {
    pub(super) fn read(value: &Value) -> Result<Self, TableError> {
        let table = Table::open(value, "grants", &["files", "http", "schedule"])?;
        let mut grants = Self::default();
        for (path, value) in items(&table, "files")? {
            let grant = read_file_grant(value, &path)?;
            if grants.files.iter().any(|other| other.mount == grant.mount) {
                let item = Table::open_any(value, &path)?;
                return Err(item.invalid("mount", grant.mount.as_str(), "expected each mount once"));
            }
            grants.files.push(grant);
        }
        for (path, value) in items(&table, "http")? {
            grants.http.push(read_http_grant(value, &path)?);
        }
        let in_all: usize =
            grants.http.iter().map(|grant| grant.methods.len() * grant.paths.len().max(1)).sum();
        if in_all > HTTP_CAPABILITIES_MAX {
            let found = format!("{in_all} pairs of a method and a path prefix");
            return Err(table.invalid("http", &found, format!("expected at most {HTTP_CAPABILITIES_MAX}")));
        }
        for (index, name) in entries(&table, "schedule")?.iter().enumerate() {
            grants.schedule.push(JobName::parse(name).map_err(|_| {
                table.invalid(&format!("schedule[{index}]"), name, "expected the name of a job")
            })?);
        }
        Ok(grants)
    }

    /// Checks what the grants and keys say of each other: a key that leads somewhere is one of `keys`, and no secret,
    /// since origins are shown; where a secret may go is never for whoever sends the envelope to say.
    pub(super) fn check_keys(&self, keys: &BTreeMap<String, KeyGrant>) -> Result<(), TableError> {
        let invalid = |path: String, key: &str, expected: &str| TableError {
            path,
            problem: TableProblem::Invalid {
                found: format!("`config:{key}`"),
                expected: expected.to_owned(),
            },
        };
        for (index, grant) in self.http.iter().enumerate() {
            let Destination::Key(key) = &grant.to else { continue };
            if keys.get(key).is_none_or(|named| named.secret) {
                let expected = "expected a key under `[configuration]` that is no secret";
                return Err(invalid(format!("grants.http[{index}].to"), key, expected));
            }
        }
        for (name, grant) in keys {
            for (index, destination) in grant.only_to.iter().enumerate() {
                let Destination::Key(key) = destination else { continue };
                if keys.get(key).is_none_or(|named| named.secret || named.from != From::Host) {
                    let expected =
                        "expected a key under `[configuration]` with `from = \"host\"` that is no secret";
                    let path = format!("{}.only-to[{index}]", path_below("configuration", name));
                    return Err(invalid(path, key, expected));
                }
            }
        }
        Ok(())
    }

    pub(super) fn to_json(&self) -> Value {
        let mut grants = json!({});
        if !self.files.is_empty() {
            grants["files"] = self
                .files
                .iter()
                .map(|grant| {
                    let value = json!({ "mount": grant.mount.as_str(), "access": grant.access.as_str() });
                    with_optional(value, grant.optional)
                })
                .collect();
        }
        if !self.http.is_empty() {
            grants["http"] = self
                .http
                .iter()
                .map(|grant| {
                    let mut value = json!({ "to": grant.to.to_string(), "methods": grant.methods });
                    if !grant.paths.is_empty() {
                        value["paths"] = json!(grant.paths);
                    }
                    with_optional(value, grant.optional)
                })
                .collect();
        }
        if !self.schedule.is_empty() {
            grants["schedule"] = self.schedule.iter().map(JobName::as_str).collect();
        }
        grants
    }
}

fn with_optional(mut value: Value, optional: bool) -> Value {
    if optional {
        value["optional"] = json!(true);
    }
    value
}

fn read_file_grant(value: &Value, path: &str) -> Result<FileGrant, TableError> {
    let table = Table::open(value, path, &["mount", "access", "optional"])?;
    let mount = table.required_string("mount")?;
    Ok(FileGrant {
        mount: JobName::parse(mount).map_err(|_| {
            table.invalid("mount", mount, "expected 1 to 63 of a-z, 0-9 and `-`, starting with a letter")
        })?,
        access: Access::read(&table, "access")?,
        optional: table.boolean("optional")?.unwrap_or(false),
    })
}

fn read_http_grant(value: &Value, path: &str) -> Result<HttpGrant, TableError> {
    let table = Table::open(value, path, &["to", "methods", "paths", "optional"])?;
    let to = table.required_string("to")?;
    let to = Destination::read(&table, "to", to)?;
    let methods = entries(&table, "methods")?;
    if methods.is_empty() {
        return Err(table.invalid("methods", "no methods", "expected at least one, such as `GET`"));
    }
    for (index, method) in methods.iter().enumerate() {
        if method.is_empty() || method.len() > 20 || !method.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(table.invalid(
                &format!("methods[{index}]"),
                method,
                "expected a method such as `GET`",
            ));
        }
    }
    let paths = entries(&table, "paths")?;
    for (index, prefix) in paths.iter().enumerate() {
        let dots = prefix.split('/').any(|segment| segment == "." || segment == "..");
        if !prefix.starts_with('/')
            || dots
            || !prefix.bytes().all(|b| b.is_ascii_graphic() && b != b'?' && b != b'#')
        {
            return Err(table.invalid(
                &format!("paths[{index}]"),
                prefix,
                "expected a path as in a URL, which starts with `/` and has no `..`",
            ));
        }
    }
    Ok(HttpGrant {
        to,
        methods: methods.into_iter().map(str::to_owned).collect(),
        paths: paths.into_iter().map(str::to_owned).collect(),
        optional: table.boolean("optional")?.unwrap_or(false),
    })
}

/// A list of texts, empty when absent, of bounded length.
fn entries<'a>(table: &Table<'a>, key: &str) -> Result<Vec<&'a str>, TableError> {
    let list = table.strings(key)?.unwrap_or_default();
    bounded(table, key, list.len())?;
    Ok(list)
}

/// A list of tables with their paths, empty when absent, of bounded length.
fn items<'a>(table: &Table<'a>, key: &str) -> Result<Vec<(String, &'a Value)>, TableError> {
    let list = table.list(key)?.map(Vec::as_slice).unwrap_or_default();
    bounded(table, key, list.len())?;
    Ok(list.iter().enumerate().map(|(i, value)| (format!("{}[{i}]", table.path_of(key)), value)).collect())
}

fn bounded(table: &Table<'_>, key: &str, count: usize) -> Result<(), TableError> {
    if count > MANIFEST_ENTRIES_MAX {
        let expected = format!("expected at most {MANIFEST_ENTRIES_MAX}");
        return Err(table.invalid(key, &format!("{count} entries"), expected));
    }
    Ok(())
}
