//! `[trust]` and `[registries]`: whose modules this host runs, and from where they may be taken. Nobody's and nowhere by default.

use crate::small_file;
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::nearest::nearest;
use mainworker_domain::table::{Table, TableError, TableProblem, dates_as_texts};
use mainworker_publishing::key::PublicKey;
use mainworker_publishing::place::{Place, RegistryHost};
use mainworker_publishing::registry::Credentials;
use mainworker_publishing::statement::Predicate;
use mainworker_publishing::trust::{JobPattern, TrustPolicy, TrustedKey};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Bytes of a file with a public key. An EC key in PEM has 180.
const KEY_FILE_BYTES_MAX: u64 = 16 << 10;
/// Bytes of a file with a password or with certificate authorities. All those of Debian have 220 kB.
const REGISTRY_FILE_BYTES_MAX: u64 = 1 << 20;

/// `[trust]`.
#[derive(Debug, Default)]
pub struct TrustSettings {
    /// Where modules may be taken from.
    pub from: Vec<Place>,
    /// Whose, and which.
    pub policy: TrustPolicy,
    /// The files that keys were read from, by their names.
    pub key_files: BTreeMap<String, PathBuf>,
}

/// One of `[registries]`: how a registry is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistrySettings {
    /// As whom.
    pub username: Option<String>,
    /// The file with the password.
    pub password_file: Option<PathBuf>,
    /// Whether it is asked without TLS.
    pub plain_http: bool,
    /// The only certificate authorities that may vouch for it, if not those of the system.
    pub ca_file: Option<PathBuf>,
}

impl RegistrySettings {
    /// As whom it is asked; none for nobody.
    ///
    /// # Errors
    /// A password that cannot be read.
    pub fn credentials(&self) -> Result<Option<Credentials>, String> {
        let (Some(username), Some(path)) = (&self.username, &self.password_file) else { return Ok(None) };
        let text = SecretString::from(read("password", path)?);
        let password = SecretString::from(text.expose_secret().trim_end_matches(['\r', '\n']));
        Ok(Some(Credentials { username: username.clone(), password }))
    }

    /// The only certificate authorities that may vouch for it, as PEM; none for those of the system.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn authorities(&self) -> Result<Option<String>, String> {
        self.ca_file.as_deref().map(|path| read("certificate authorities", path)).transpose()
    }
}

fn read(what: &str, path: &Path) -> Result<String, String> {
    small_file::read_text(path, REGISTRY_FILE_BYTES_MAX)
        .map_err(|error| format!("reading its {what}, `{}`: {error}", path.display()))
}

impl TrustSettings {
    pub(super) fn read(value: &Value, folder: &Path) -> Result<Self, TableError> {
        let value = dates_as_texts(value.clone());
        let keys =
            ["from", "keys", "required", "revoked-keys", "revoked-digests", "minimum-versions"].as_slice();
        let table = Table::open(&value, "trust", keys)?;
        let nothing = Value::Object(Map::new());
        let part = |key: &str| table.value(key).unwrap_or(&nothing);
        let from = table.strings("from")?.unwrap_or_default().into_iter().enumerate().map(|(index, text)| {
            let place = Place::parse(text).map_err(|error| {
                let expected = format!("expected `oci://HOST/REPOSITORY` or a folder: {}", error.problem);
                table.invalid(&format!("from[{index}]"), &error.found, expected)
            })?;
            Ok(match place {
                Place::Directory(path) => Place::Directory(folder.join(path)),
                registry @ Place::Registry { .. } => registry,
            })
        });
        let from = from.collect::<Result<_, _>>()?;
        let (trusted, key_files) = read_keys(part("keys"), folder)?;
        let revoked_keys = read_revoked_keys(&table, &trusted)?;
        let policy = TrustPolicy {
            keys: trusted,
            required: read_required(&table)?,
            revoked_keys,
            revoked_digests: read_digests(&table)?,
            minimum_versions: read_versions(part("minimum-versions"))?,
        };
        Ok(Self { from, policy, key_files })
    }
}

type Keys = (Vec<TrustedKey>, BTreeMap<String, PathBuf>);

fn read_keys(value: &Value, folder: &Path) -> Result<Keys, TableError> {
    let table = Table::open_any(value, "trust.keys")?;
    let (mut keys, mut files) = (Vec::new(), BTreeMap::new());
    for (id, value) in table.entries() {
        if JobName::parse(id).is_err() {
            let expected = "expected a name of 1 to 63 of a-z, 0-9 and `-`, starting with a letter";
            return Err(table.invalid(id, id, expected));
        }
        let key = Table::open(
            value,
            &table.path_of(id),
            &["file", "pem", "valid-from", "valid-until", "jobs", "builders"],
        )?;
        let public_key = read_public_key(&key, folder)?;
        // Whoever revokes one of two names would think that the key is revoked.
        if let Some(other) = keys.iter().find(|other: &&TrustedKey| other.public_key == public_key) {
            let expected = format!("expected each key once, and it is `{}` already", other.id);
            return Err(table.invalid(id, &public_key.fingerprint().to_string(), expected));
        }
        files.extend(key.string("file")?.map(|file| (id.clone(), folder.join(file))));
        let moment = |name: &str| {
            let text = key.string(name)?;
            let moment = text.map(|text| {
                let expected = "expected a time such as `2027-01-01T00:00:00Z`";
                Timestamp::parse(text).ok_or_else(|| key.invalid(name, text, expected))
            });
            moment.transpose()
        };
        let (valid_from, valid_until) = (moment("valid-from")?, moment("valid-until")?);
        if let (Some(from), Some(until)) = (valid_from, valid_until)
            && until <= from
        {
            let expected = format!("expected a time after `valid-from`, {from}");
            return Err(key.invalid("valid-until", &until.to_string(), expected));
        }
        let patterns = key.strings("jobs")?.ok_or_else(|| key.error("jobs", TableProblem::MissingKey))?;
        if patterns.is_empty() {
            let expected = "expected at least one, such as `edge-logs`, `edge-*` or `*`";
            return Err(key.invalid("jobs", "[]", expected));
        }
        let jobs = patterns.into_iter().enumerate().map(|(index, text)| {
            JobPattern::parse(text)
                .map_err(|error| key.invalid(&format!("jobs[{index}]"), text, error.to_string()))
        });
        let builders = key.strings("builders")?.unwrap_or_default();
        keys.push(TrustedKey {
            id: id.clone(),
            public_key,
            valid_from: valid_from.unwrap_or(Timestamp::MIN),
            valid_until: valid_until.unwrap_or(Timestamp::MAX),
            jobs: jobs.collect::<Result<_, _>>()?,
            builders: builders.into_iter().map(str::to_owned).collect(),
        });
    }
    Ok((keys, files))
}

fn read_public_key(key: &Table<'_>, folder: &Path) -> Result<PublicKey, TableError> {
    match (key.string("file")?, key.string("pem")?) {
        (Some(file), None) => {
            let path = folder.join(file);
            let pem = small_file::read_text(&path, KEY_FILE_BYTES_MAX).map_err(|error| {
                key.invalid(
                    "file",
                    &path.display().to_string(),
                    format!("expected a public key in PEM: {error}"),
                )
            })?;
            let parsed = PublicKey::from_pem(&pem);
            parsed.map_err(|error| key.invalid("file", &path.display().to_string(), error.to_string()))
        }
        (None, Some(pem)) => {
            // Somebody may have put a private key there; it is not shown.
            PublicKey::from_pem(pem).map_err(|error| key.invalid("pem", "***", error.to_string()))
        }
        (None, None) => Err(key.error("file", TableProblem::MissingKey)),
        (Some(_), Some(_)) => Err(key.invalid("pem", "both", "expected `file` or `pem`, one of them")),
    }
}

fn read_required(table: &Table<'_>) -> Result<BTreeSet<Predicate>, TableError> {
    let Some(words) = table.strings("required")? else { return Ok(TrustPolicy::default().required) };
    let mut required = BTreeSet::new();
    for (index, word) in words.into_iter().enumerate() {
        required.insert(match word {
            "provenance" => Predicate::Provenance,
            "test-result" => Predicate::TestResult,
            other => {
                let expected = "expected `provenance` or `test-result`";
                return Err(table.invalid(&format!("required[{index}]"), other, expected));
            }
        });
    }
    if !required.contains(&Predicate::Provenance) {
        let expected = "expected `provenance` among them: without it nobody says what a module is";
        return Err(table.invalid("required", "a list without it", expected));
    }
    Ok(required)
}

/// Names of keys that stand in the settings, or fingerprints of keys that need not.
fn read_revoked_keys(table: &Table<'_>, keys: &[TrustedKey]) -> Result<BTreeSet<String>, TableError> {
    let words = table.strings("revoked-keys")?.unwrap_or_default();
    let checked = words.into_iter().enumerate().map(|(index, word)| {
        let is_known = keys.iter().any(|key| key.id == word);
        if is_known || Digest::parse(word).is_some() {
            return Ok(word.to_owned());
        }
        let nearest = nearest(word, keys.iter().map(|key| key.id.as_str()));
        let meant = nearest.map(|id| format!("; the nearest is `{id}`")).unwrap_or_default();
        let expected = format!(
            "expected the name of one of `[trust.keys]`, or a fingerprint `sha256:…` as `mainworker key show` prints it{meant}"
        );
        Err(table.invalid(&format!("revoked-keys[{index}]"), word, expected))
    });
    checked.collect()
}

fn read_digests(table: &Table<'_>) -> Result<BTreeSet<Digest>, TableError> {
    let texts = table.strings("revoked-digests")?.unwrap_or_default();
    let digests = texts.into_iter().enumerate().map(|(index, text)| {
        let expected =
            "expected `sha256:` and 64 lower-case hexadecimal digits, of a module or of a manifest";
        Digest::parse(text).ok_or_else(|| table.invalid(&format!("revoked-digests[{index}]"), text, expected))
    });
    digests.collect()
}

fn read_versions(value: &Value) -> Result<BTreeMap<JobName, semver::Version>, TableError> {
    let table = Table::open_any(value, "trust.minimum-versions")?;
    let mut versions = BTreeMap::new();
    for (name, _) in table.entries() {
        let job =
            JobName::parse(name).map_err(|_| table.invalid(name, name, "expected the name of a job"))?;
        let text = table.required_string(name)?;
        let version = semver::Version::parse(text)
            .map_err(|_| table.invalid(name, text, "expected a version such as `1.2.3`"))?;
        versions.insert(job, version);
    }
    Ok(versions)
}

pub(super) fn read_registries(
    value: &Value,
    folder: &Path,
) -> Result<BTreeMap<RegistryHost, RegistrySettings>, TableError> {
    let table = Table::open_any(value, "registries")?;
    let mut registries = BTreeMap::new();
    for (name, value) in table.entries() {
        let host = RegistryHost::parse(name).map_err(|problem| {
            table.invalid(name, name, format!("expected a registry as `HOST` or `HOST:PORT`: {problem}"))
        })?;
        let registry = Table::open(
            value,
            &table.path_of(name),
            &["username", "password-file", "plain-http", "ca-file"],
        )?;
        let (username, password) = (registry.string("username")?, registry.string("password-file")?);
        if username.is_some() != password.is_some() {
            let missing = if username.is_some() { "password-file" } else { "username" };
            return Err(registry.error(missing, TableProblem::MissingKey));
        }
        let settings = RegistrySettings {
            username: username.map(str::to_owned),
            password_file: password.map(|file| folder.join(file)),
            plain_http: registry.boolean("plain-http")?.unwrap_or(false),
            ca_file: registry.string("ca-file")?.map(|file| folder.join(file)),
        };
        if registries.insert(host, settings).is_some() {
            return Err(table.invalid(name, name, "expected each registry once"));
        }
    }
    Ok(registries)
}
