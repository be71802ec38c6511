//! The settings file, `mainworker.toml`: what the host offers to jobs, and where.
//!
//! Reading is strict: an unknown key is refused with the nearest known one. Relative paths are relative to the file.
//! Every key is described in `SETTINGS.md`, which a test compares with this file.

use crate::failure::Failure;
use crate::hints;
use ipnet::IpNet;
use mainworker_domain::job_name::JobName;
use mainworker_domain::limits::{Limit, LimitValues};
use mainworker_domain::manifest::Access;
use mainworker_domain::origin::OriginPattern;
use mainworker_domain::table::{Table, TableError, TableProblem, dates_as_texts, from_toml};
use mainworker_sandbox::capabilities::Offer;
use mainworker_sandbox::capabilities::files::{Mount, Mounts};
use mainworker_sandbox::capabilities::http::{HttpOffer, Network, Roots};
use secrecy::SecretString;
use serde_json::{Map, Value};
use std::env;
use std::fs;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file that is read when none is named, if it is there.
pub const FILE: &str = "mainworker.toml";

/// Bytes of a settings file. Far beyond any real one; keeps a wrong path from being read whole.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// All settings.
#[derive(Debug, Default)]
pub struct Settings {
    /// The file they came from.
    pub file: Option<PathBuf>,
    /// `[modules] dir`.
    pub modules_dir: Option<PathBuf>,
    /// Mounts and ceilings.
    pub offer: Offer,
    /// `[http]`.
    pub http: HttpSettings,
    /// `[configuration]`.
    pub configuration: ConfigurationSettings,
    /// `[server]`.
    pub server: ServerSettings,
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
#[derive(Debug, Default)]
pub struct ServerSettings {
    /// Where it listens.
    pub listen: Option<String>,
    /// The token that callers show.
    pub token: Option<SecretString>,
    /// The source that the token stands for.
    pub source: Option<String>,
    /// What the token may do.
    pub roles: Vec<String>,
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

impl Settings {
    /// Refuses writable mounts in which a job could change what the host runs or trusts: modules, compiled modules, this
    /// file, the files of configuration keys.
    ///
    /// # Errors
    /// The first such mount.
    pub fn check_mounts_apart(&self, modules_dir: &Path, data_dir: Option<&Path>) -> Result<(), Failure> {
        let cache = data_dir.map(module_cache);
        let own = [
            ("the modules folder", Some(modules_dir)),
            ("the compiled modules", cache.as_deref()),
            ("the settings file", self.file.as_deref()),
            ("`[configuration] files-dir`", self.configuration.files_dir.as_deref()),
        ];
        let writable = self.offer.mounts.iter().filter(|(_, mount)| mount.access == Access::ReadWrite);
        for (name, mount) in writable {
            // A folder that is not there holds nothing; using it fails later, with a better message.
            let Ok(folder) = mount.path.canonicalize() else { continue };
            let inside = own.iter().find(|(_, path)| {
                path.is_some_and(|path| existing(path).is_some_and(|path| path.starts_with(&folder)))
            });
            if let Some((what, _)) = inside {
                return Err(Failure::usage(
                    "mount_exposes_host",
                    format!(
                        "the mount `{name}` at `{}` is writable and contains {what}, expected them apart",
                        mount.path.display()
                    ),
                    format!("name a folder under `[files.{name}]` that holds only what jobs may change"),
                ));
            }
        }
        Ok(())
    }
}

/// Where compiled modules are kept in the data folder.
pub fn module_cache(data_dir: &Path) -> PathBuf {
    data_dir.join("module-cache")
}

/// The real path of what is there, or of the nearest folder above that is.
fn existing(path: &Path) -> Option<PathBuf> {
    std::path::absolute(path).ok()?.ancestors().find_map(|path| path.canonicalize().ok())
}

/// Where `module build` puts modules when it is not told: `modules` in Cargo's target directory, which stands in this
/// folder or, where this is a part of a workspace, in one above.
fn default_modules_dir() -> PathBuf {
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
    let root = Table::open(value, "", &["modules", "files", "http", "configuration", "limits", "server"])?;
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
        offer: Offer { mounts: read_mounts(part("files"), folder)?, http: http.offer(), ceilings },
        http,
        configuration: read_configuration(part("configuration"), folder)?,
        server: read_server(part("server"))?,
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

fn read_server(value: &Value) -> Result<ServerSettings, TableError> {
    let table = Table::open(value, "server", &["listen", "token", "source", "roles"])?;
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
        token: table.string("token")?.map(SecretString::from),
        source: table.string("source")?.map(str::to_owned),
        roles: roles.into_iter().map(str::to_owned).collect(),
    })
}
