//! Who a request is from: a bearer token stands for one source and has roles.
//!
//! What an envelope says about its source is a claim; the token decides. Without a token in the settings nobody is let in.
//! Tokens are compared by their SHA-256 in constant time, so that neither their content nor their length can be measured,
//! and are in no error and no log.

use crate::failure::Failure;
use crate::settings::ServerSettings;
use mainworker_domain::job_name::JobName;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// What somebody may do. None of them includes another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Ask for tasks as the own source, and cancel them.
    Enqueue,
    /// See the tasks of all sources.
    Read,
    /// Cancel, retry, pause and resume whatever there is.
    Operate,
    /// Publish modules.
    Deploy,
    /// Change who may do what.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [Self::Enqueue, Self::Read, Self::Operate, Self::Deploy, Self::Admin];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enqueue => "enqueue",
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Deploy => "deploy",
            Self::Admin => "admin",
        }
    }

    /// The role that [`Role::as_str`] writes so.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

/// Who a request is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The only source that it can ask for tasks as.
    pub source: String,
    /// What it may do.
    pub roles: Vec<Role>,
}

impl Caller {
    /// Whether it has this role.
    pub fn may(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// Whether a task that `source` asked for is there for it.
    pub fn sees(&self, source: &str) -> bool {
        self.source == source || self.may(Role::Read)
    }
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    /// The settings name no token, so there is none that could be right.
    #[error("this host has no token in its settings, so nobody is let in")]
    Closed,
    /// No credential came with the request.
    #[error("the request has no credential, expected `Authorization: Bearer TOKEN`")]
    Missing,
    /// A credential of another kind.
    #[error("the request has a credential of another kind, expected `Authorization: Bearer TOKEN`")]
    NotBearer,
    /// Not the token of this host.
    #[error("the token is not one of this host")]
    Wrong,
}

/// The tokens of a host.
pub struct Access {
    known: Option<Known>,
}

struct Known {
    token_sha256: [u8; 32],
    caller: Arc<Caller>,
}

impl Access {
    /// The token that the settings name, or none.
    ///
    /// # Errors
    /// A token that no request could carry, or that stands for no source or for one that cannot be held by a token.
    pub fn of(settings: &ServerSettings) -> Result<Self, Failure> {
        let Some(token) = &settings.token else { return Ok(Self { known: None }) };
        let invalid = |problem: String, hint: &str| {
            Failure::usage("settings_invalid", format!("reading the settings: {problem}"), hint)
        };
        let token = token.expose_secret();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            let problem =
                "`[server] token` cannot be sent in a header, expected letters, digits and signs of ASCII";
            return Err(invalid(problem.to_owned(), "make one with `head -c 24 /dev/urandom | base64`"));
        }
        let Some(source) = &settings.source else {
            let problem = "`[server] token` stands for no source".to_owned();
            return Err(invalid(problem, "add to the settings:\n[server]\nsource = \"api\""));
        };
        if source == "scheduler" || source.starts_with("job:") {
            let problem = format!("`[server] source` is `{source}`, which no token can stand for");
            return Err(invalid(problem, "name whoever holds the token, such as `api`"));
        }
        if JobName::parse(source).is_err() {
            let problem = format!(
                "`[server] source` is `{source}`, expected 1 to 63 of a-z, 0-9 and `-`, starting with a letter"
            );
            return Err(invalid(problem, "name whoever holds the token, such as `api`"));
        }
        let roles = settings.roles.iter().filter_map(|word| Role::parse(word)).collect();
        let caller = Arc::new(Caller { source: source.clone(), roles });
        Ok(Self { known: Some(Known { token_sha256: sha256(token), caller }) })
    }

    /// Who a request with this `Authorization` header is from.
    ///
    /// # Errors
    /// Why nobody is known by it.
    pub fn caller(&self, authorization: Option<&str>) -> Result<Arc<Caller>, Unauthenticated> {
        let known = self.known.as_ref().ok_or(Unauthenticated::Closed)?;
        let authorization = authorization.ok_or(Unauthenticated::Missing)?;
        let (scheme, token) = authorization.split_once(' ').ok_or(Unauthenticated::NotBearer)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Unauthenticated::NotBearer);
        }
        let is_known: bool = sha256(token.trim()).ct_eq(&known.token_sha256).into();
        if is_known { Ok(Arc::clone(&known.caller)) } else { Err(Unauthenticated::Wrong) }
    }
}

/// Shows who is known and not by which token.
impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("caller", &self.known.as_ref().map(|known| &known.caller)).finish()
    }
}

fn sha256(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretString;

    fn settings(token: Option<&str>, source: Option<&str>) -> ServerSettings {
        ServerSettings {
            token: token.map(SecretString::from),
            source: source.map(str::to_owned),
            roles: vec!["enqueue".to_owned(), "read".to_owned()],
            ..ServerSettings::default()
        }
    }

    #[test]
    fn the_token_of_the_settings_is_its_source_with_its_roles() {
        let access = Access::of(&settings(Some("s3cret"), Some("api"))).unwrap();
        for header in ["Bearer s3cret", "bearer s3cret", "BEARER   s3cret "] {
            let caller = access.caller(Some(header)).unwrap();
            assert_eq!((caller.source.as_str(), &caller.roles), ("api", &vec![Role::Enqueue, Role::Read]));
            assert!(caller.may(Role::Read) && !caller.may(Role::Operate), "{header}");
        }
    }

    #[test]
    fn anything_else_is_nobody() {
        let access = Access::of(&settings(Some("s3cret"), Some("api"))).unwrap();
        for (header, why) in [
            (None, Unauthenticated::Missing),
            (Some(""), Unauthenticated::NotBearer),
            (Some("s3cret"), Unauthenticated::NotBearer),
            (Some("Basic s3cret"), Unauthenticated::NotBearer),
            (Some("Bearer "), Unauthenticated::Wrong),
            (Some("Bearer s3cre"), Unauthenticated::Wrong),
            (Some("Bearer s3crets"), Unauthenticated::Wrong),
            (Some("Bearer S3CRET"), Unauthenticated::Wrong),
        ] {
            assert_eq!(access.caller(header), Err(why), "{header:?}");
            assert!(!why.to_string().contains("s3cret"));
        }
        assert!(!format!("{access:?}").contains("s3cret"));
    }

    #[test]
    fn without_a_token_nobody_is_let_in() {
        let access = Access::of(&settings(None, Some("api"))).unwrap();
        for header in [None, Some("Bearer "), Some("Bearer x")] {
            assert_eq!(access.caller(header), Err(Unauthenticated::Closed));
        }
    }

    #[test]
    fn a_token_stands_for_a_source_that_a_token_can_stand_for() {
        for source in [None, Some("scheduler"), Some("job:echo"), Some("Api"), Some("")] {
            let failure = Access::of(&settings(Some("s3cret"), source)).unwrap_err();
            assert_eq!(failure.code, "settings_invalid", "{source:?}");
            assert!(!format!("{failure:?}").contains("s3cret"));
        }
        for token in ["", "two words", "line\nend", "übel"] {
            let failure = Access::of(&settings(Some(token), Some("api"))).unwrap_err();
            assert!(token.is_empty() || !format!("{failure:?}").contains(token));
        }
    }

    #[test]
    fn a_source_sees_its_own_tasks_and_a_reader_all() {
        let mut caller = Caller { source: "api".to_owned(), roles: vec![Role::Enqueue, Role::Operate] };
        assert!(caller.sees("api") && !caller.sees("ci"));
        caller.roles.push(Role::Read);
        assert!(caller.sees("ci"));
    }
}
