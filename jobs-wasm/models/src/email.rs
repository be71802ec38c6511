//! What the job `send-email` takes and what it returns, and the e-mails that the company sends.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Account, Month};

/// One e-mail to one person. [`Email::to`] builds one that is complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SendEmailPayload {
    /// Which text.
    pub template: EmailTemplate,
    /// Who gets it.
    pub to: EmailAddress,
    /// What stands in the text's gaps: exactly the variables that the template names.
    pub variables: BTreeMap<String, String>,
}

impl SendEmailPayload {
    /// Checks that the variables are those of the template.
    ///
    /// # Errors
    ///
    /// The first variable that is missing, or else the first that the template does not know.
    pub fn check(&self) -> Result<(), VariableError> {
        let names = self.template.variables();
        let missing = names.iter().find(|name| !self.variables.contains_key(**name));
        let unknown = self.variables.keys().find(|name| !names.contains(&name.as_str()));
        let template = self.template;
        match (missing, unknown) {
            (Some(name), _) => Err(VariableError::Missing { template, name }),
            (None, Some(name)) => Err(VariableError::Unknown { template, name: name.clone() }),
            (None, None) => Ok(()),
        }
    }
}

/// Which text an e-mail has. The texts themselves are kept by the e-mail service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EmailTemplate {
    /// An account has served so much of its month's limit. Variables: `account`, `month`, `percent`.
    BandwidthWarning,
    /// An account's card was declined. Variables: `account`, `month`, `amount`, `reason`.
    ChargeFailed,
    /// Somebody has opened an account. Variables: `account`.
    Welcome,
}

impl EmailTemplate {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::BandwidthWarning, Self::ChargeFailed, Self::Welcome];

    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BandwidthWarning => "bandwidth-warning",
            Self::ChargeFailed => "charge-failed",
            Self::Welcome => "welcome",
        }
    }

    /// The variables that it needs; it takes no others.
    pub const fn variables(self) -> &'static [&'static str] {
        match self {
            Self::BandwidthWarning => &["account", "month", "percent"],
            Self::ChargeFailed => &["account", "amount", "month", "reason"],
            Self::Welcome => &["account"],
        }
    }
}

/// An e-mail that has all that its template needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Email {
    /// See [`EmailTemplate::BandwidthWarning`].
    BandwidthWarning {
        /// The account that served.
        account: Account,
        /// When.
        month: Month,
        /// Which part of its limit was reached.
        percent: u8,
    },
    /// See [`EmailTemplate::ChargeFailed`].
    ChargeFailed {
        /// The account that was to be charged.
        account: Account,
        /// What for.
        month: Month,
        /// How much, as the reader sees it, for example `12.00 EUR`.
        amount: String,
        /// Why not, in the payments service's words.
        reason: String,
    },
    /// See [`EmailTemplate::Welcome`].
    Welcome {
        /// The new account.
        account: Account,
    },
}

impl Email {
    /// The payload that sends it.
    pub fn to(self, to: EmailAddress) -> SendEmailPayload {
        let (template, variables) = match self {
            Self::BandwidthWarning { account, month, percent } => (
                EmailTemplate::BandwidthWarning,
                vec![("account", account), ("month", month.to_string()), ("percent", percent.to_string())],
            ),
            Self::ChargeFailed { account, month, amount, reason } => (
                EmailTemplate::ChargeFailed,
                vec![
                    ("account", account),
                    ("amount", amount),
                    ("month", month.to_string()),
                    ("reason", reason),
                ],
            ),
            Self::Welcome { account } => (EmailTemplate::Welcome, vec![("account", account)]),
        };
        let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        SendEmailPayload { template, to, variables }
    }
}

/// Variables that are not those of the template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VariableError {
    /// One is not there.
    Missing {
        /// The template that needs it.
        template: EmailTemplate,
        /// Its name.
        name: &'static str,
    },
    /// One is too many.
    Unknown {
        /// The template that does not know it.
        template: EmailTemplate,
        /// Its name.
        name: String,
    },
}

impl fmt::Display for VariableError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (template, found) = match self {
            Self::Missing { template, name } => (template, format!("has no `{name}`")),
            Self::Unknown { template, name } => {
                let shown: String = name.chars().take(80).collect();
                (template, format!("has the unknown `{}`", shown.escape_debug()))
            }
        };
        let names: Vec<String> = template.variables().iter().map(|name| format!("`{name}`")).collect();
        let (names, template) = (names.join(", "), template.name());
        write!(formatter, "`variables` {found}; the template `{template}` takes exactly {names}")
    }
}

impl std::error::Error for VariableError {}

/// The longest address that SMTP can carry, in bytes (RFC 5321, 4.5.3.1.3, without its angle brackets).
const ADDRESS_BYTES_MAX: usize = 254;

/// The address of one person: something, `@`, and something, without white space or control characters. Whether anybody
/// is there only sending can tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// The address as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A text that is no e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnAddress;

impl fmt::Display for NotAnAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "no e-mail address; expected one `NAME@HOST` of at most {ADDRESS_BYTES_MAX} bytes, without white space"
        )
    }
}

impl std::error::Error for NotAnAddress {}

impl FromStr for EmailAddress {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let odd = |c: char| c.is_whitespace() || c.is_control() || "<>,;@".contains(c);
        match text.split_once('@') {
            Some((name, host))
                if !name.is_empty()
                    && !host.is_empty()
                    && !name.contains(odd)
                    && !host.contains(odd)
                    && text.len() <= ADDRESS_BYTES_MAX =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(NotAnAddress),
        }
    }
}

impl<'de> Deserialize<'de> for EmailAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for EmailAddress {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("EmailAddress")
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        // A comma or a semicolon would make it a list of people, angle brackets another notation.
        json_schema!({
            "type": "string",
            "maxLength": ADDRESS_BYTES_MAX,
            "pattern": r"^[^\s\x00-\x1f\x7f-\x9f<>,;@]+@[^\s\x00-\x1f\x7f-\x9f<>,;@]+$"
        })
    }
}

/// What became of the e-mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SendEmailReport {
    /// What the e-mail service calls it.
    pub message_id: String,
}

/// What the e-mail service answers to `POST /messages`, whose body is the payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailAccepted {
    /// What it calls the e-mail from now on.
    pub id: String,
}
