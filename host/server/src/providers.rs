//! Where the host's values of configuration keys come from.
//!
//! Three places, looked at in this order; the first that has the key gives it:
//!
//! 1. a file of the key's name in `[configuration] files-dir` (how secrets are usually mounted),
//! 2. the environment variable that `[configuration] env-prefix` and the key make: `accounts.url` with the prefix
//!    `MW_` is `MW_ACCOUNTS_URL`,
//! 3. `[configuration.values]` of the settings file.

use crate::modules_folder::NONBLOCK;
use crate::settings::ConfigurationSettings;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use mainworker_domain::configuration::{as_text, look_up};
use mainworker_domain::limits::CONFIGURATION_VALUE_BYTES_MAX;
use secrecy::SecretString;
use std::cell::RefCell;
use std::env;
use std::io::{self, ErrorKind, Read};

/// The host's values. Reads each when it is asked for, so that a key nobody may see is never read.
#[derive(Debug)]
pub struct Providers<'a> {
    settings: &'a ConfigurationSettings,
    files: Option<Dir>,
    problem: RefCell<Option<String>>,
}

impl<'a> Providers<'a> {
    /// Opens the providers that the settings name.
    ///
    /// # Errors
    /// A `files-dir` that cannot be opened.
    pub fn open(settings: &'a ConfigurationSettings) -> io::Result<Self> {
        let files = match &settings.files_dir {
            None => None,
            Some(folder) => Some(Dir::open_ambient_dir(folder, ambient_authority())?),
        };
        Ok(Self { settings, files, problem: RefCell::default() })
    }

    /// The host's value of `key`, if it has one.
    pub fn value(&self, key: &str) -> Option<SecretString> {
        match self.file_value(key) {
            Ok(Some(value)) => return Some(value),
            Ok(None) => {}
            Err(error) => {
                // Not the value of another provider: that file was meant.
                self.problem
                    .replace(Some(format!("the file `{key}` in `[configuration] files-dir`: {error}")));
                return None;
            }
        }
        self.environment_value(key)
            .or_else(|| look_up(&self.settings.values, key).map(|value| SecretString::from(as_text(value))))
    }

    /// What went wrong while values were read, once.
    pub fn take_problem(&self) -> Option<String> {
        self.problem.take()
    }

    fn file_value(&self, key: &str) -> io::Result<Option<SecretString>> {
        let Some(files) = &self.files else { return Ok(None) };
        // Keys are letters, digits, `-`, `_` and dots between them: none leaves the folder, and cap-std would not let it.
        // Opening a pipe would wait for whoever writes into it.
        let file = match files.open_with(key, OpenOptions::new().read(true).custom_flags(NONBLOCK)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("found something else, expected a file"));
        }
        let mut bytes = Vec::new();
        file.take(CONFIGURATION_VALUE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > CONFIGURATION_VALUE_BYTES_MAX {
            return Err(io::Error::other(format!("more than {CONFIGURATION_VALUE_BYTES_MAX} bytes")));
        }
        let text = String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8 text"))?;
        // Editors and `echo` end a file with a line end that nobody means.
        let text =
            text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
        Ok(Some(SecretString::from(text)))
    }

    fn environment_value(&self, key: &str) -> Option<SecretString> {
        let prefix = self.settings.env_prefix.as_ref()?;
        let name: String = key
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
            .collect();
        match env::var(format!("{prefix}{name}")) {
            Ok(value) => Some(SecretString::from(value)),
            Err(env::VarError::NotPresent) => None,
            Err(env::VarError::NotUnicode(_)) => {
                self.problem.replace(Some(format!("the variable `{prefix}{name}`: it is not UTF-8 text")));
                None
            }
        }
    }
}
