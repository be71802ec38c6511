//! The configuration that the host granted to the job.
//!
//! A job sees the keys that its manifest names under `[configuration]`, and of those only the ones that were given. Dots
//! reach into nested objects: `accounts.url` is `url` in `accounts`. A JSON string comes as its text; every other JSON value
//! comes as JSON.
//!
//! ```
//! use mainworker::{Failure, config, testing};
//!
//! let host = testing::Host::new().config("accounts.url", "https://accounts.example").config("batch", "500");
//! host.run(|| {
//!     let url = config::require("accounts.url")?;
//!     let batch: u32 = config::parse("batch")?.unwrap_or(100);
//!     assert_eq!((url.as_str(), batch), ("https://accounts.example", 500));
//!     Ok::<(), Failure>(())
//! })?;
//! # Ok::<(), Failure>(())
//! ```

use std::any::type_name;
use std::error::Error;
use std::fmt;
use std::str::FromStr;

use serde::de::DeserializeOwned;

use crate::imports;

/// The value of `key`, or none where it was not given or not granted.
///
/// # Errors
/// [`ConfigError::Unreadable`] if the host could not read it.
pub fn get(key: &str) -> Result<Option<String>, ConfigError> {
    imports::configuration(key).map_err(|message| ConfigError::Unreadable { key: key.to_owned(), message })
}

/// The value of `key`, which the job cannot do without.
///
/// With `required = true` in the manifest the host refuses a task without the key before any attempt. This is for a key that
/// only some payloads need.
///
/// # Errors
/// [`ConfigError::Missing`] if there is none; otherwise as [`get`].
pub fn require(key: &str) -> Result<String, ConfigError> {
    get(key)?.ok_or_else(|| ConfigError::missing(key))
}

/// The value of `key`, parsed from its text, or none where it was not given.
///
/// # Errors
/// [`ConfigError::Invalid`] if the text is no `T`; otherwise as [`get`].
pub fn parse<T>(key: &str) -> Result<Option<T>, ConfigError>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    let Some(text) = get(key)? else { return Ok(None) };
    text.parse().map(Some).map_err(|error| ConfigError::invalid::<T>(key, &error))
}

/// The value of `key`, read from JSON, or none where it was not given.
///
/// For keys whose value is an object, a list, a number or a boolean: a JSON string arrives without its quotes, so read it
/// with [`get`] or [`parse`].
///
/// # Errors
/// [`ConfigError::Invalid`] if the JSON is no `T`; otherwise as [`get`].
pub fn json<T: DeserializeOwned>(key: &str) -> Result<Option<T>, ConfigError> {
    let Some(text) = get(key)? else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|error| ConfigError::invalid::<T>(key, &error))
}

/// Why a configuration key gave no value. The value itself is in none of the messages: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The key was not given, or the manifest does not name it.
    Missing {
        /// The key.
        key: String,
    },
    /// The host could not read the key.
    Unreadable {
        /// The key.
        key: String,
        /// What the host said.
        message: String,
    },
    /// The value is not what the job expected.
    Invalid {
        /// The key.
        key: String,
        /// The type that was expected.
        expected: &'static str,
        /// Why the value is none.
        message: String,
    },
}

impl ConfigError {
    /// The error for a key that the job cannot do without.
    ///
    /// ```
    /// # use mainworker::config::{self, ConfigError};
    /// # fn batch() -> Result<u32, ConfigError> {
    /// config::parse("batch")?.ok_or_else(|| ConfigError::missing("batch"))
    /// # }
    /// ```
    #[must_use]
    pub fn missing(key: &str) -> Self {
        Self::Missing { key: key.to_owned() }
    }

    fn invalid<T>(key: &str, error: &dyn fmt::Display) -> Self {
        Self::Invalid { key: key.to_owned(), expected: type_name::<T>(), message: error.to_string() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The one place where the person who reads the failure can't guess what to change.
            Self::Missing { key } => write!(
                formatter,
                "configuration `{key}` was not given to the job\n\
                 hint: name it in job.toml, under [configuration]: \"{key}\" = {{ required = true }}"
            ),
            Self::Unreadable { key, message } => {
                write!(formatter, "configuration `{key}` could not be read: {message}")
            }
            Self::Invalid { key, expected, message } => {
                write!(formatter, "configuration `{key}` is not a valid `{expected}`: {message}")
            }
        }
    }
}

impl Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Host;

    #[test]
    fn without_a_host_nothing_is_configured() {
        assert_eq!(get("batch"), Ok(None));
    }

    #[test]
    fn a_missing_key_names_the_line_that_grants_it() {
        let error = require("accounts.url").unwrap_err();
        assert_eq!(
            error.to_string(),
            "configuration `accounts.url` was not given to the job\n\
             hint: name it in job.toml, under [configuration]: \"accounts.url\" = { required = true }"
        );
    }

    #[test]
    fn values_are_read_as_text_as_parsed_and_as_json() {
        let host = Host::new().config("region", "eu").config("batch", "500").config("hosts", r#"["a","b"]"#);
        host.run(|| {
            assert_eq!(require("region"), Ok(String::from("eu")));
            assert_eq!(parse::<u32>("batch"), Ok(Some(500)));
            assert_eq!(json::<Vec<String>>("hosts"), Ok(Some(vec![String::from("a"), String::from("b")])));
            assert_eq!(json::<Vec<String>>("other"), Ok(None));
        });
    }

    #[test]
    fn an_invalid_value_is_named_by_its_key_but_not_shown() {
        let host = Host::new().config("batch", "hunter2");
        let error = host.run(|| parse::<u32>("batch")).unwrap_err().to_string();
        assert_eq!(error, "configuration `batch` is not a valid `u32`: invalid digit found in string");
    }

    #[test]
    fn an_unreadable_key_says_what_the_host_said() {
        let host = Host::new().unreadable_config("token", "the file is gone");
        let error = host.run(|| get("token")).unwrap_err().to_string();
        assert_eq!(error, "configuration `token` could not be read: the file is gone");
    }
}
