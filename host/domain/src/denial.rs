//! Why a call of a running job was denied, and the lines that would allow it.
//!
//! A denial is not an end: the job gets an error that says no more than that, since what a host can reach is not for a job
//! to find out. The log, which the job cannot read, has the rule and the remedy.

use crate::address::AddressKind;
use crate::origin::{Origin, OriginError};
use std::fmt;
use std::net::IpAddr;

/// A request as far as a denial shows it: without query, headers and body, where secrets may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeniedRequest {
    /// The method.
    pub method: String,
    /// The origin.
    pub origin: Origin,
    /// The path.
    pub path: String,
}

impl fmt::Display for DeniedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.method, self.origin, self.path)
    }
}

/// A rule that a call of a job broke. `Display` says which; [`Denial::remedy`] has the lines that would allow it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// A URL that two programs could read differently.
    #[error("denied {method} to a URL that is not plain: {problem}")]
    Url {
        /// The method.
        method: String,
        /// What is wrong.
        problem: OriginError,
    },
    /// No grant names the origin.
    #[error("denied {request}: no grant of the job names this origin")]
    Origin {
        /// The request.
        request: DeniedRequest,
    },
    /// The grants for this origin are for other methods.
    #[error("denied {request}: the job's grant for `{to}` is for {}", list(granted))]
    Method {
        /// The request.
        request: DeniedRequest,
        /// The grant's destination as written.
        to: String,
        /// The methods that are granted.
        granted: Vec<String>,
    },
    /// The grants for this origin are for other paths.
    #[error("denied {request}: the job's grant for `{to}` is for paths below {}", list(granted))]
    Path {
        /// The request.
        request: DeniedRequest,
        /// The grant's destination as written.
        to: String,
        /// The prefixes that are granted.
        granted: Vec<String>,
    },
    /// A path with `.` or `..`.
    #[error("denied {request}: its path has a segment `.` or `..`, which servers read differently")]
    Climbs {
        /// The request.
        request: DeniedRequest,
    },
    /// The settings do not name the origin.
    #[error("denied {request}: the host's settings do not allow this origin")]
    Settings {
        /// The request.
        request: DeniedRequest,
    },
    /// The name leads only to addresses that jobs may not reach.
    #[error("denied {request}: its host is at {address}, {kind}")]
    Address {
        /// The request.
        request: DeniedRequest,
        /// The first address.
        address: IpAddr,
        /// What it is.
        kind: AddressKind,
    },
    /// A placeholder in a request to an origin that its secret is not for. The request was sent with the placeholder.
    #[error("the secret `{key}` was not put into {request}: the job may not send it to this origin")]
    SecretOrigin {
        /// The secret's key.
        key: String,
        /// The request.
        request: DeniedRequest,
        /// The origins that it may be sent to, as the manifest names them.
        granted: Vec<String>,
    },
    /// A placeholder in another part of a request than its secret may stand in. The request was sent with the placeholder.
    #[error(
        "the secret `{key}` was not put into the {place} of {request}: the job may send it in {}",
        list(granted)
    )]
    SecretPlace {
        /// The secret's key.
        key: String,
        /// The request.
        request: DeniedRequest,
        /// Where the placeholder stands.
        place: &'static str,
        /// Where it may stand.
        granted: Vec<String>,
    },
    /// A job that the manifest does not name.
    #[error("denied a task of `{target}`: {}", if granted.is_empty() { "the job may not ask for any".to_owned() } else { format!("the job may ask for {}", list(granted)) })]
    Schedule {
        /// The job that was asked for.
        target: String,
        /// The jobs that may be.
        granted: Vec<String>,
    },
    /// A placeholder in a body that is encoded. The request was sent as it was.
    #[error("no secret was put into the body of {request}: it has a `content-encoding`")]
    SecretEncoded {
        /// The request.
        request: DeniedRequest,
    },
}

/// Where lines would have to be added for a request to be allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// In the job's manifest.
    JobToml(String),
    /// In the host's settings.
    Settings(String),
    /// In the job's code.
    Code(&'static str),
}

impl Denial {
    /// What would allow it.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Url { .. } => Remedy::Code("write the URL's host as a plain name or address in lower case"),
            Self::Origin { request } => {
                let DeniedRequest { method, origin, path } = request;
                Remedy::JobToml(format!(
                    "[grants]\nhttp = [{{ to = {}, methods = [{}], paths = [{}] }}]",
                    toml(&origin.to_string()),
                    toml(method),
                    toml(path)
                ))
            }
            Self::Method { request, to, granted } => {
                let methods = granted.iter().chain([&request.method]);
                Remedy::JobToml(format!("# in the grant for {}\nmethods = [{}]", toml(to), joined(methods)))
            }
            Self::Path { request, to, granted } => {
                let paths = granted.iter().chain([&request.path]);
                Remedy::JobToml(format!("# in the grant for {}\npaths = [{}]", toml(to), joined(paths)))
            }
            Self::Climbs { .. } => Remedy::Code("write the path without `.` and `..`"),
            Self::Settings { request } => {
                Remedy::Settings(format!("[http]\nallow = [{}]", toml(&request.origin.to_string())))
            }
            Self::Address { address, kind, .. } => {
                let warning = match kind {
                    AddressKind::Metadata => {
                        "# whoever reaches it can have the credentials of this machine\n"
                    }
                    _ => "",
                };
                Remedy::Settings(format!("{warning}[http]\nallow-private = [{}]", toml(&address.to_string())))
            }
            Self::SecretOrigin { key, request, granted } => {
                let origin = request.origin.to_string();
                let origins = granted.iter().chain([&origin]);
                Remedy::JobToml(format!("# for the key {}\nonly-to = [{}]", toml(key), joined(origins)))
            }
            Self::SecretPlace { place: "path", .. } => {
                Remedy::Code("put it into a header, the query or the body; paths are shown in logs")
            }
            Self::SecretPlace { key, place, granted, .. } => {
                let places: Vec<String> = granted.iter().cloned().chain([(*place).to_owned()]).collect();
                Remedy::JobToml(format!("# for the key {}\nin = [{}]", toml(key), joined(places.iter())))
            }
            Self::Schedule { target, granted } => {
                let jobs = granted.iter().chain([target]);
                Remedy::JobToml(format!("[grants]\nschedule = [{}]", joined(jobs)))
            }
            Self::SecretEncoded { .. } => Remedy::Code("send the body as it is, without compressing it"),
        }
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JobToml(lines) => write!(f, "to allow it, in job.toml:\n{lines}"),
            Self::Settings(lines) => write!(f, "to allow it, in the settings:\n{lines}"),
            Self::Code(advice) => f.write_str(advice),
        }
    }
}

fn toml(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn joined<'a>(texts: impl Iterator<Item = &'a String>) -> String {
    texts.map(|text| toml(text)).collect::<Vec<_>>().join(", ")
}

fn list(texts: &[String]) -> String {
    texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::BaseUrl;

    #[test]
    fn remedies_are_toml() {
        let origin = BaseUrl::parse("https://api.example").unwrap().origin;
        let request = DeniedRequest { method: "GET".to_owned(), origin, path: "/a\"b".to_owned() };
        for denial in [
            Denial::Origin { request: request.clone() },
            Denial::Method {
                request: request.clone(),
                to: "config:a".to_owned(),
                granted: vec!["PUT".to_owned()],
            },
            Denial::Path { request: request.clone(), to: "config:a".to_owned(), granted: vec![] },
            Denial::Settings { request: request.clone() },
            Denial::SecretOrigin { key: "k".to_owned(), request, granted: vec!["config:a".to_owned()] },
            Denial::Schedule { target: "echo".to_owned(), granted: vec![] },
        ] {
            let (Remedy::JobToml(lines) | Remedy::Settings(lines)) = denial.remedy() else {
                panic!("{denial} has no lines");
            };
            toml::from_str::<toml::Table>(&lines).unwrap_or_else(|error| panic!("{lines}: {error}"));
        }
    }
}
