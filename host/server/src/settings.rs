//! The settings file, `mainworker.toml`: what the host offers to jobs, and where.
//!
//! Reading is strict: an unknown key is refused with the nearest known one. Relative paths are relative to the file.
//! Every key is described in `SETTINGS.md`, which a test compares with this file.

mod apart;
mod trust;
mod usable;

pub use trust::{RegistrySettings, TrustSettings};

use crate::failure::Failure;
use crate::hints;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use mainworker_domain::access::{SourceError, check_source};
use mainworker_domain::job_name::JobName;
use mainworker_domain::limits::{Limit, LimitValues, SLOTS_MAX};
use mainworker_domain::manifest::Access;
use mainworker_domain::origin::OriginPattern;
use mainworker_domain::quantity::{format_bytes, parse_bytes, parse_ms};
use mainworker_domain::rate::RateLimit;
use mainworker_domain::table::{Table, TableError, TableProblem, dates_as_texts, from_toml};
use mainworker_publishing::place::RegistryHost;
use mainworker_queue::verbs::audit::AUDIT_MS;
use mainworker_sandbox::capabilities::Offer;
use mainworker_sandbox::capabilities::files::{Mount, Mounts};
use mainworker_sandbox::capabilities::http::{HttpOffer, Network, Roots};
use secrecy::{SecretSlice, SecretString};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

/// The file that is read when none is named, if it is there.
pub const FILE: &str = "mainworker.toml";

/// Bytes of a settings file. Far beyond any real one; keeps a wrong path from being read whole.
const FILE_BYTES_MAX: u64 = 1 << 20;

const DAY_MS: u64 = 24 * 3_600_000;

/// All settings.
#[derive(Debug, Default)]
pub struct Settings {
    /// The file they came from.
    pub file: Option<PathBuf>,
    /// `[modules] dir`: for development alone.
    pub modules_dir: Option<PathBuf>,
    /// `[trust]`: whose modules run.
    pub trust: TrustSettings,
    /// `[registries]`: how registries are asked.
    pub registries: BTreeMap<RegistryHost, RegistrySettings>,
    /// Mounts and ceilings.
    pub offer: Offer,
    /// `[http]`.
    pub http: HttpSettings,
    /// `[configuration]`.
    pub configuration: ConfigurationSettings,
    /// `[server]`.
    pub server: ServerSettings,
    /// `[sources]`: how many tasks each may ask for in a time.
    pub source_rates: BTreeMap<String, RateLimit>,
    /// `[queue]`.
    pub queue: QueueSettings,
    /// `[retention]`.
    pub retention: RetentionSettings,
    /// `[notify]`, if there is somebody to tell.
    pub notify: Option<NotifySettings>,
}

/// `[configuration]`: the host's values of configuration keys.
#[derive(Clone, Debug, Default)]
pub struct ConfigurationSettings {
    /// What an environment variable must start with to be one.
    pub env_prefix: Option<String>,
    /// A folder with a file per key.
    pub files_dir: Option<PathBuf>,
    /// Values in the settings file itself.
    pub values: Value,
}

/// `[http]`: where jobs may send requests at the most.
#[derive(Debug, Default)]
pub struct HttpSettings {
    /// Origins.
    pub allow: Vec<OriginPattern>,
    /// Address ranges that are private and allowed all the same.
    pub allow_private: Vec<IpNet>,
    /// The only certificate authorities that are trusted, if not those of the system.
    pub ca_file: Option<PathBuf>,
}

impl HttpSettings {
    /// The certificate authorities that are trusted.
    pub fn roots(&self) -> Roots {
        self.ca_file.clone().map_or(Roots::System, Roots::File)
    }

    /// Refuses authorities that are named and cannot be read: each request would fail by itself, and later.
    ///
    /// # Errors
    /// A `ca-file` that cannot be used.
    pub fn check(&self) -> Result<(), Failure> {
        if self.ca_file.is_none() {
            return Ok(());
        }
        self.roots().read().map(drop).map_err(|error| {
            Failure::usage(
                "settings_unusable",
                format!("`[http] ca-file`: {error}"),
                "mend the path, or the permissions there",
            )
        })
    }

    fn offer(&self) -> HttpOffer {
        let network = Network::new(self.allow_private.clone(), self.roots());
        HttpOffer { allow: self.allow.clone(), transport: Arc::new(network) }
    }
}

/// `[server]`: how a running host is reached.
#[derive(Debug)]
pub struct ServerSettings {
    /// Where it listens.
    pub listen: Option<String>,
    /// `[server.tls]`: the files with which it speaks TLS; without them it does not.
    pub tls: Option<TlsSettings>,
    /// The token that callers show.
    pub token: Option<SecretString>,
    /// The source that the token stands for.
    pub source: Option<String>,
    /// What the token may do.
    pub roles: Vec<String>,
    /// Milliseconds that running attempts have to end once the host is asked to stop; then they are interrupted.
    pub stop_grace_ms: u64,
}

/// `[server.tls]`: a certificate and its key, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// The certificate, with the chain that leads to its authority behind it.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self { listen: None, tls: None, token: None, source: None, roles: Vec::new(), stop_grace_ms: 30_000 }
    }
}

/// `[queue]`: how much a running host does at a time.
#[derive(Debug)]
pub struct QueueSettings {
    /// Attempts at a time.
    pub slots: usize,
    /// Bytes of memory that attempts may take together, by their limits.
    pub memory_bytes_max: u64,
    /// Tasks that may be queued or running.
    pub tasks_max: u64,
}

impl Default for QueueSettings {
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        // Half of the machine: the rest is the host's own, the page cache's and everybody else's.
        Self { slots: cores * 4, memory_bytes_max: machine_memory_bytes() / 2, tasks_max: 1_000_000 }
    }
}

/// Bytes of memory of this machine; 2 GiB where the system does not say.
fn machine_memory_bytes() -> u64 {
    let known = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = known.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    total.and_then(|kib| kib.parse::<u64>().ok()).map_or(2 << 30, |kib| kib << 10)
}

/// What somebody may want to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// An envelope was not taken.
    Rejected,
    /// A task failed for good.
    Failed,
    /// The host could not do its own work.
    HostError,
}

impl Notice {
    /// Every notice.
    pub const ALL: [Self; 3] = [Self::Rejected, Self::Failed, Self::HostError];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::HostError => "host-error",
        }
    }
}

/// `[notify]`: who is told what.
#[derive(Debug)]
pub struct NotifySettings {
    /// Where notices are posted. Often a secret itself.
    pub webhook: http::Uri,
    /// What they are signed with.
    pub secret: SecretSlice<u8>,
    /// Which.
    pub on: Vec<Notice>,
}

/// `[retention]`: how long tasks are kept after they ended, in milliseconds, and how much of all.
#[derive(Clone, Copy, Debug)]
pub struct RetentionSettings {
    /// Those with a result.
    pub completed_ms: u64,
    /// Those without, with what they were configured with, for a retry.
    pub failed_ms: u64,
    /// Those that somebody cancelled.
    pub cancelled_ms: u64,
    /// Those that came too late.
    pub expired_ms: u64,
    /// Entries of the audit.
    pub audit_ms: u64,
    /// Bytes of the store; beyond it the oldest that ended go first.
    pub store_bytes_max: u64,
}

impl Default for RetentionSettings {
    fn default() -> Self {
        Self {
            completed_ms: 7 * DAY_MS,
            failed_ms: 30 * DAY_MS,
            cancelled_ms: 7 * DAY_MS,
            expired_ms: 7 * DAY_MS,
            audit_ms: AUDIT_MS,
            store_bytes_max: 10 << 30,
        }
    }
}

impl Settings {
    /// Reads the named file, or `mainworker.toml` here if it is there, or nothing.
    ///
    /// # Errors
    /// A file that cannot be read, is not TOML, or has an unknown key or a value that cannot be meant.
    pub fn load(file: Option<&Path>) -> Result<Self, Failure> {
        let path = match file {
            Some(path) => path.to_owned(),
            None => {
                let path = PathBuf::from(FILE);
                if !path.exists() {
                    return Ok(Self::default());
                }
                path
            }
        };
        let unreadable = |problem: &dyn std::fmt::Display| {
            Failure::usage(
                "settings_unreadable",
                format!("reading the settings `{}`: {problem}", path.display()),
                "name another file with `--settings FILE`",
            )
        };
        let metadata = fs::metadata(&path).map_err(|error| unreadable(&error))?;
        if !metadata.is_file() {
            return Err(unreadable(&"found something else, expected a file"));
        }
        if metadata.len() > FILE_BYTES_MAX {
            return Err(unreadable(&format!(
                "it has {} bytes, expected at most {FILE_BYTES_MAX}",
                metadata.len()
            )));
        }
        let text = fs::read_to_string(&path).map_err(|error| match error.kind() {
            ErrorKind::InvalidData => unreadable(&"it is not UTF-8 text"),
            _ => unreadable(&error),
        })?;
        Self::parse(&text, &path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, Failure> {
        let invalid = |problem: &dyn std::fmt::Display, hint: String| {
            Failure::usage(
                "settings_invalid",
                format!("reading the settings `{}`: {problem}", path.display()),
                hint,
            )
        };
        let value =
            from_toml(text).map_err(|error| invalid(&error, "mend the TOML at that place".to_owned()))?;
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
        let mut settings = read(&value, &folder).map_err(|error| invalid(&error, hints::of_table(&error)))?;
        settings.file = Some(path.to_owned());
        Ok(settings)
    }

    /// Where the modules are: the flag, or the settings, or where `module build` puts them.
    pub fn modules_dir(&self, flag: Option<&Path>) -> PathBuf {
        flag.map(Path::to_owned).or_else(|| self.modules_dir.clone()).unwrap_or_else(default_modules_dir)
    }
}

/// Where compiled modules are kept in the data folder.
pub fn module_cache(data_dir: &Path) -> PathBuf {
    data_dir.join("module-cache")
}

/// Where `module build` puts modules when it is not told: `modules` in Cargo's target directory, which stands in this
/// folder or, where this is a part of a workspace, in one above.
pub fn default_modules_dir() -> PathBuf {
    if let Some(target) = env::var_os("CARGO_TARGET_DIR") {
        return PathBuf::from(target).join("modules");
    }
    let here = env::current_dir().unwrap_or_default();
    let above = here.ancestors().skip(1).map(|folder| folder.join("target/modules"));
    let in_workspace = || above.into_iter().find(|modules| modules.is_dir());
    let default = PathBuf::from("target/modules");
    if default.is_dir() { default } else { in_workspace().unwrap_or(default) }
}

fn read(value: &Value, folder: &Path) -> Result<Settings, TableError> {
    let root = Table::open(
        value,
        "",
        &[
            "modules",
            "trust",
            "registries",
            "files",
            "http",
            "configuration",
            "limits",
            "server",
            "sources",
            "queue",
            "retention",
            "notify",
        ],
    )?;
    let empty = Value::Object(Map::new());
    let part = |key: &str| root.value(key).unwrap_or(&empty);
    let modules = Table::open(part("modules"), "modules", &["dir"])?;
    let ceilings = LimitValues::read(part("limits"), "limits", false)?;
    // A 32-bit memory cannot be larger, and a slot of the pool is as large as the ceiling.
    if let Some(memory) = ceilings.get(Limit::Memory)
        && memory > 4 << 30
    {
        let table = Table::open_any(part("limits"), "limits")?;
        return Err(table.invalid("memory", &Limit::Memory.format(memory), "expected at most `4GiB`"));
    }
    let http = read_http(part("http"), folder)?;
    Ok(Settings {
        file: None,
        modules_dir: modules.string("dir")?.map(|dir| folder.join(dir)),
        trust: TrustSettings::read(part("trust"), folder)?,
        registries: trust::read_registries(part("registries"), folder)?,
        offer: Offer { mounts: read_mounts(part("files"), folder)?, http: http.offer(), ceilings },
        http,
        configuration: read_configuration(part("configuration"), folder)?,
        server: read_server(part("server"), folder)?,
        source_rates: read_sources(part("sources"))?,
        queue: read_queue(part("queue"))?,
        retention: read_retention(part("retention"))?,
        notify: root.value("notify").map(read_notify).transpose()?,
    })
}

fn read_mounts(value: &Value, folder: &Path) -> Result<Mounts, TableError> {
    let table = Table::open_any(value, "files")?;
    let mut mounts = Mounts::new();
    for (name, value) in table.entries() {
        if JobName::parse(name).is_err() {
            let expected = "expected a name of 1 to 63 of a-z, 0-9 and `-`, starting with a letter";
            return Err(table.invalid(name, name, expected));
        }
        let mount = Table::open(value, &table.path_of(name), &["path", "access"])?;
        let path = folder.join(mount.required_string("path")?);
        mounts.insert(name.clone(), Mount { path, access: Access::read(&mount, "access")? });
    }
    Ok(mounts)
}

fn read_http(value: &Value, folder: &Path) -> Result<HttpSettings, TableError> {
    let table = Table::open(value, "http", &["allow", "allow-private", "ca-file"])?;
    let allow = table.strings("allow")?.unwrap_or_default().into_iter().enumerate().map(|(index, text)| {
        OriginPattern::parse(text).map_err(|problem| {
            let expected = format!("expected an origin such as `https://api.example.com`: {problem}");
            table.invalid(&format!("allow[{index}]"), text, expected)
        })
    });
    let ranges = table.strings("allow-private")?.unwrap_or_default();
    let allow_private = ranges.into_iter().enumerate().map(|(index, text)| {
        address_range(text).ok_or_else(|| {
            let expected = "expected an address such as `127.0.0.1`, or a range such as `10.0.0.0/8`";
            table.invalid(&format!("allow-private[{index}]"), text, expected)
        })
    });
    Ok(HttpSettings {
        allow: allow.collect::<Result<_, _>>()?,
        allow_private: allow_private.collect::<Result<_, _>>()?,
        ca_file: table.string("ca-file")?.map(|file| folder.join(file)),
    })
}

/// An IP address, or one with the length of a prefix.
fn address_range(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn read_configuration(value: &Value, folder: &Path) -> Result<ConfigurationSettings, TableError> {
    let table = Table::open(value, "configuration", &["env-prefix", "files-dir", "values"])?;
    let env_prefix = table.string("env-prefix")?;
    if let Some(prefix) = env_prefix {
        let fits = prefix.len() >= 2
            && prefix.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        if !fits {
            // An empty prefix would offer the whole environment of the host.
            return Err(table.invalid(
                "env-prefix",
                prefix,
                "expected at least two of A-Z, 0-9 and `_`, such as `MW_`",
            ));
        }
    }
    let values = table.value("values").cloned().map_or_else(|| Value::Object(Map::new()), dates_as_texts);
    if !values.is_object() {
        return Err(table.error(
            "values",
            TableProblem::WrongType {
                expected: "a table",
                found: mainworker_domain::table::type_name(&values),
            },
        ));
    }
    Ok(ConfigurationSettings {
        env_prefix: env_prefix.map(str::to_owned),
        files_dir: table.string("files-dir")?.map(|dir| folder.join(dir)),
        values,
    })
}

fn read_server(value: &Value, folder: &Path) -> Result<ServerSettings, TableError> {
    let table = Table::open(value, "server", &["listen", "tls", "token", "source", "roles", "stop-grace"])?;
    let tls = table.value("tls").map(|value| {
        let tls = Table::open(value, "server.tls", &["cert", "key"])?;
        let path = |key: &str| tls.required_string(key).map(|path| folder.join(path));
        Ok(TlsSettings { cert: path("cert")?, key: path("key")? })
    });
    let listen = table.string("listen")?;
    if let Some(address) = listen
        && address.parse::<std::net::SocketAddr>().is_err()
    {
        return Err(table.invalid("listen", address, "expected an address such as `127.0.0.1:8080`"));
    }
    let roles = table.strings("roles")?.unwrap_or_default();
    for (index, role) in roles.iter().enumerate() {
        if !["enqueue", "read", "operate", "deploy", "admin"].contains(role) {
            let expected = "expected `enqueue`, `read`, `operate`, `deploy` or `admin`";
            return Err(table.invalid(&format!("roles[{index}]"), role, expected));
        }
    }
    Ok(ServerSettings {
        listen: listen.map(str::to_owned),
        tls: tls.transpose()?,
        token: table.string("token")?.map(SecretString::from),
        source: table.string("source")?.map(str::to_owned),
        roles: roles.into_iter().map(str::to_owned).collect(),
        stop_grace_ms: duration_ms(&table, "stop-grace")?.unwrap_or(ServerSettings::default().stop_grace_ms),
    })
}

fn read_sources(value: &Value) -> Result<BTreeMap<String, RateLimit>, TableError> {
    let table = Table::open_any(value, "sources")?;
    let rates = table.entries().map(|(name, value)| {
        let is_job = name.strip_prefix("job:").is_some_and(|job| JobName::parse(job).is_ok());
        if !is_job && let Err(error) = check_source(name) {
            let expected = match error {
                SourceError::Reserved { .. } => {
                    "expected whom a token can stand for, or a job as `job:NAME`: what falls due is not limited"
                }
                SourceError::Syntax { .. } => "expected a source such as `api`, or `job:NAME` in quotes",
            };
            return Err(table.invalid(name, name, expected));
        }
        let source = Table::open(value, &table.path_of(name), &["rate-limit"])?;
        let rate = RateLimit::read(&source)?;
        Ok((name.clone(), rate.ok_or_else(|| source.error("rate-limit", TableProblem::MissingKey))?))
    });
    rates.collect()
}

fn duration_ms(table: &Table<'_>, key: &str) -> Result<Option<u64>, TableError> {
    let parsed = table.string(key)?.map(|text| (text, parse_ms(text)));
    let checked = parsed.map(|(text, ms)| ms.map_err(|error| table.invalid(key, text, error.to_string())));
    checked.transpose()
}

fn bytes(table: &Table<'_>, key: &str, least: u64) -> Result<Option<u64>, TableError> {
    let Some(text) = table.string(key)? else { return Ok(None) };
    match parse_bytes(text) {
        Ok(bytes) if bytes < least => {
            Err(table.invalid(key, text, format!("expected at least `{}`", format_bytes(least))))
        }
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) => Err(table.invalid(key, text, error.to_string())),
    }
}

fn count(table: &Table<'_>, key: &str, most: u64) -> Result<Option<u64>, TableError> {
    match table.count(key)? {
        Some(count) if !(1..=most).contains(&count) => {
            Err(table.invalid(key, &count.to_string(), format!("expected 1 to {most}")))
        }
        count => Ok(count),
    }
}

fn read_queue(value: &Value) -> Result<QueueSettings, TableError> {
    let table = Table::open(value, "queue", &["slots", "memory", "tasks-max"])?;
    let default = QueueSettings::default();
    let slots = count(&table, "slots", SLOTS_MAX)?.and_then(|slots| usize::try_from(slots).ok());
    Ok(QueueSettings {
        slots: slots.unwrap_or(default.slots),
        memory_bytes_max: bytes(&table, "memory", 1 << 20)?.unwrap_or(default.memory_bytes_max),
        tasks_max: count(&table, "tasks-max", u64::MAX)?.unwrap_or(default.tasks_max),
    })
}

fn read_notify(value: &Value) -> Result<NotifySettings, TableError> {
    let table = Table::open(value, "notify", &["webhook", "secret", "on"])?;
    // Neither the URL nor the secret is shown: both let others post.
    let expected = "expected a URL such as `https://hooks.example.com/mainworker`";
    let webhook = table
        .required_string("webhook")?
        .parse::<http::Uri>()
        .ok()
        .filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some());
    let secret = table.required_string("secret")?;
    let secret = secret.strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
    let secret = secret.filter(|bytes| bytes.len() >= 24).ok_or_else(|| {
        let expected = "expected `whsec_` and at least 24 bytes in Base64: `echo whsec_$(head -c 32 /dev/urandom | base64)`";
        table.invalid("secret", "***", expected)
    })?;
    let words = table.strings("on")?.unwrap_or_else(|| vec!["failed", "host-error"]);
    let on = words.into_iter().enumerate().map(|(index, word)| {
        Notice::ALL.into_iter().find(|notice| notice.as_str() == word).ok_or_else(|| {
            table.invalid(&format!("on[{index}]"), word, "expected `rejected`, `failed` or `host-error`")
        })
    });
    Ok(NotifySettings {
        webhook: webhook.ok_or_else(|| table.invalid("webhook", "***", expected))?,
        secret: secret.into(),
        on: on.collect::<Result<_, _>>()?,
    })
}

fn read_retention(value: &Value) -> Result<RetentionSettings, TableError> {
    let table =
        Table::open(value, "retention", &["completed", "failed", "cancelled", "expired", "audit", "store"])?;
    let default = RetentionSettings::default();
    Ok(RetentionSettings {
        completed_ms: duration_ms(&table, "completed")?.unwrap_or(default.completed_ms),
        failed_ms: duration_ms(&table, "failed")?.unwrap_or(default.failed_ms),
        cancelled_ms: duration_ms(&table, "cancelled")?.unwrap_or(default.cancelled_ms),
        expired_ms: duration_ms(&table, "expired")?.unwrap_or(default.expired_ms),
        audit_ms: duration_ms(&table, "audit")?.unwrap_or(default.audit_ms),
        store_bytes_max: bytes(&table, "store", 16 << 20)?.unwrap_or(default.store_bytes_max),
    })
}
