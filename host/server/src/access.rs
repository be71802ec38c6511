//! Who a request is from: a bearer token stands for one source and has roles; whoever may open the host's socket is its
//! operator.
//!
//! What an envelope says about its source is a claim; the token decides. Tokens are those of the store, and the one that the
//! settings may name; without any nobody is let in. They are compared by their SHA-256 in constant time, so that neither their
//! content nor their length can be measured, and are in no error and no log.

use crate::failure::Failure;
use crate::settings::ServerSettings;
use mainworker_domain::access::{OPERATOR, Role, TokenId, check_source, split_token};
use mainworker_domain::audit::Actor;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_queue::verbs::tokens::TokenRow;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use subtle::ConstantTimeEq;

/// Who a request is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who it is, for the audit.
    pub actor: Actor,
    /// The only source that it can ask for tasks as.
    pub source: String,
    /// What it may do.
    pub roles: Vec<Role>,
    /// The only jobs that it can ask for; none for all.
    pub jobs: Option<Vec<JobName>>,
}

impl Caller {
    /// Whoever comes over the host's socket. May do everything but ask for tasks: an envelope names a source, and who somebody
    /// is who may open a file says nothing about that.
    fn operator() -> Self {
        let roles = vec![Role::Read, Role::Operate, Role::Deploy, Role::Admin];
        Self { actor: Actor::Operator, source: OPERATOR.to_owned(), roles, jobs: None }
    }

    /// Whether it has this role.
    pub fn may(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// Whether it can ask for this job, as far as it goes by the token. The job's own policy comes on top.
    pub fn may_ask_for(&self, job: &JobName) -> bool {
        self.jobs.as_ref().is_none_or(|jobs| jobs.contains(job))
    }

    /// Whether a task that `source` asked for is there for it.
    pub fn sees(&self, source: &str) -> bool {
        self.source == source || self.may(Role::Read)
    }
}

/// Why somebody is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    /// There is no token that could be right.
    #[error("this host has no token, so nobody is let in")]
    Closed,
    /// No credential came with the request.
    #[error("the request has no credential, expected `Authorization: Bearer TOKEN`")]
    Missing,
    /// A credential of another kind.
    #[error("the request has a credential of another kind, expected `Authorization: Bearer TOKEN`")]
    NotBearer,
    /// Not a token of this host.
    #[error("the token is not one of this host")]
    Wrong,
    /// It was one. Told only to whoever has all of it.
    #[error("the token `{id}` was revoked")]
    Revoked {
        /// Its name.
        id: TokenId,
    },
    /// It was one. Told only to whoever has all of it.
    #[error("the token `{id}` was good until {expires_at}")]
    Expired {
        /// Its name.
        id: TokenId,
        /// When it ended.
        expires_at: Timestamp,
    },
}

impl Unauthenticated {
    /// Why, in a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Missing => "missing",
            Self::NotBearer => "not-bearer",
            Self::Wrong => "wrong",
            Self::Revoked { .. } => "revoked",
            Self::Expired { .. } => "expired",
        }
    }
}

/// The tokens of a host.
pub struct Access {
    operator: Arc<Caller>,
    of_settings: Option<OfSettings>,
    of_store: RwLock<HashMap<TokenId, OfStore>>,
    /// When each was used last, until it is written down.
    used: Mutex<HashMap<TokenId, Timestamp>>,
}

struct OfSettings {
    token_sha256: [u8; 32],
    caller: Arc<Caller>,
}

struct OfStore {
    secret_sha256: [u8; 32],
    caller: Arc<Caller>,
    expires_at: Option<Timestamp>,
    is_revoked: bool,
}

impl Access {
    /// The token that the settings name, or none.
    ///
    /// # Errors
    /// A token that no request could carry, or that stands for no source or for one that cannot be held by a token.
    pub fn of(settings: &ServerSettings) -> Result<Self, Failure> {
        let access = |of_settings| Self {
            operator: Arc::new(Caller::operator()),
            of_settings,
            of_store: RwLock::default(),
            used: Mutex::default(),
        };
        let Some(token) = &settings.token else { return Ok(access(None)) };
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
        check_source(source).map_err(|error| {
            invalid(format!("`[server] source`: {error}"), "name whoever holds the token, such as `api`")
        })?;
        let roles = settings.roles.iter().filter_map(|word| Role::parse(word)).collect();
        let caller = Caller { actor: Actor::Settings, source: source.clone(), roles, jobs: None };
        Ok(access(Some(OfSettings { token_sha256: sha256(token), caller: Arc::new(caller) })))
    }

    /// The tokens of the store as they stand, instead of those that were known.
    pub fn know(&self, rows: Vec<TokenRow>) {
        let known = rows.into_iter().filter_map(|TokenRow { token, revoked_at, .. }| {
            let caller = Caller {
                actor: Actor::Token(token.id.clone()),
                // A token without a source can ask for nothing.
                source: token.source?,
                roles: token.roles,
                jobs: token.jobs,
            };
            let of_store = OfStore {
                secret_sha256: token.secret_sha256,
                caller: Arc::new(caller),
                expires_at: token.expires_at,
                is_revoked: revoked_at.is_some(),
            };
            Some((token.id, of_store))
        });
        let known = known.collect();
        *self.of_store.write().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// Whoever comes over the host's socket and shows nothing.
    pub fn operator(&self) -> Arc<Caller> {
        Arc::clone(&self.operator)
    }

    /// Whether there is no token at all.
    pub fn is_closed(&self) -> bool {
        self.of_settings.is_none() && self.of_store.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Who a request with this `Authorization` header is from.
    ///
    /// # Errors
    /// Why nobody is known by it.
    pub fn caller(
        &self,
        authorization: Option<&str>,
        now: Timestamp,
    ) -> Result<Arc<Caller>, Unauthenticated> {
        // Entries are replaced as a whole.
        let of_store = self.of_store.read().unwrap_or_else(PoisonError::into_inner);
        if self.of_settings.is_none() && of_store.is_empty() {
            return Err(Unauthenticated::Closed);
        }
        let authorization = authorization.ok_or(Unauthenticated::Missing)?;
        let (scheme, token) = authorization.split_once(' ').ok_or(Unauthenticated::NotBearer)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Unauthenticated::NotBearer);
        }
        let token = token.trim();
        if let Some(known) = &self.of_settings
            && bool::from(sha256(token).ct_eq(&known.token_sha256))
        {
            return Ok(Arc::clone(&known.caller));
        }
        let (id, secret) = split_token(token).ok_or(Unauthenticated::Wrong)?;
        let known = of_store.get(&id).ok_or(Unauthenticated::Wrong)?;
        if !bool::from(sha256(secret).ct_eq(&known.secret_sha256)) {
            return Err(Unauthenticated::Wrong);
        }
        if known.is_revoked {
            return Err(Unauthenticated::Revoked { id });
        }
        if let Some(expires_at) = known.expires_at
            && expires_at <= now
        {
            return Err(Unauthenticated::Expired { id, expires_at });
        }
        self.used().insert(id, now);
        Ok(Arc::clone(&known.caller))
    }

    /// Whether somebody who was let in would be let in again: a token may have been revoked since, or have expired.
    pub fn is_still_good(&self, actor: &Actor, now: Timestamp) -> bool {
        let Actor::Token(id) = actor else { return true };
        let of_store = self.of_store.read().unwrap_or_else(PoisonError::into_inner);
        of_store.get(id).is_some_and(|known| {
            !known.is_revoked && known.expires_at.is_none_or(|expires_at| now < expires_at)
        })
    }

    /// When tokens were used since this was asked last.
    pub fn take_used(&self) -> Vec<(TokenId, Timestamp)> {
        self.used().drain().collect()
    }

    fn used(&self) -> MutexGuard<'_, HashMap<TokenId, Timestamp>> {
        // Entries are put in whole.
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows who is known and not by which token.
impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("of_settings", &self.of_settings.as_ref().map(|known| &known.caller))
            .finish_non_exhaustive()
    }
}

/// What is kept of a token, or of its secret.
pub fn sha256(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainworker_domain::access::{TOKEN_SECRET_CHARS, join_token, token_secret};
    use mainworker_queue::verbs::tokens::NewToken;
    use secrecy::SecretString;

    const NOW: Timestamp = Timestamp::from_ms(1_000);

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
            let caller = access.caller(Some(header), NOW).unwrap();
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
            assert!(!why.to_string().contains("s3cret"));
            assert_eq!(access.caller(header, NOW), Err(why), "{header:?}");
        }
        assert!(!format!("{access:?}").contains("s3cret"));
    }

    #[test]
    fn without_a_token_nobody_is_let_in() {
        let access = Access::of(&settings(None, Some("api"))).unwrap();
        for header in [None, Some("Bearer "), Some("Bearer x")] {
            assert_eq!(access.caller(header, NOW), Err(Unauthenticated::Closed));
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
        let mut caller = Caller {
            actor: Actor::Settings,
            source: "api".to_owned(),
            roles: vec![Role::Enqueue, Role::Operate],
            jobs: None,
        };
        assert!(caller.sees("api") && !caller.sees("ci"));
        caller.roles.push(Role::Read);
        assert!(caller.sees("ci"));
    }

    fn issued(bits: u64) -> (String, TokenRow) {
        let id = TokenId::from_random(bits);
        let secret = token_secret(&[u8::try_from(bits).unwrap(); TOKEN_SECRET_CHARS]);
        let token = NewToken {
            id: id.clone(),
            source: Some("api".to_owned()),
            jobs: Some(vec![JobName::parse("echo").unwrap()]),
            roles: vec![Role::Enqueue],
            secret_sha256: sha256(&secret),
            expires_at: None,
        };
        let row = TokenRow {
            token,
            created_at: Timestamp::MIN,
            created_by: Actor::Operator,
            revoked_at: None,
            last_used_at: None,
        };
        (format!("Bearer {}", join_token(&id, &secret)), row)
    }

    #[test]
    fn a_token_of_the_store_is_its_source_for_its_jobs() {
        let access = Access::of(&settings(None, None)).unwrap();
        let (token, row) = issued(1);
        let (other, _) = issued(2);
        access.know(vec![row.clone()]);
        let caller = access.caller(Some(&token), NOW).unwrap();
        assert_eq!(
            (caller.actor.clone(), caller.source.as_str()),
            (Actor::Token(row.token.id.clone()), "api")
        );
        assert!(caller.may_ask_for(&JobName::parse("echo").unwrap()));
        assert!(!caller.may_ask_for(&JobName::parse("edge-logs").unwrap()));
        assert_eq!(access.take_used(), [(row.token.id.clone(), NOW)]);

        // The id of the one with the secret of the other, and what is cut short.
        let mixed = format!("{}{}", &token[..23], &other[23..]);
        for wrong in [other.as_str(), &mixed, &token[..token.len() - 1]] {
            assert_eq!(access.caller(Some(wrong), NOW), Err(Unauthenticated::Wrong), "{wrong}");
        }
        assert_eq!(access.take_used(), [], "nobody used one");
        assert!(!format!("{access:?}").contains(row.token.id.as_str()));
    }

    #[test]
    fn a_token_that_was_one_is_told_so_to_whoever_has_it() {
        let access = Access::of(&settings(None, None)).unwrap();
        let (token, row) = issued(1);
        let id = row.token.id.clone();
        access.know(vec![TokenRow { revoked_at: Some(NOW), ..row.clone() }]);
        assert_eq!(access.caller(Some(&token), NOW), Err(Unauthenticated::Revoked { id: id.clone() }));

        let expires_at = NOW.after_ms(1);
        let row = TokenRow { token: NewToken { expires_at: Some(expires_at), ..row.token.clone() }, ..row };
        access.know(vec![row]);
        assert!(access.caller(Some(&token), NOW).is_ok());
        assert_eq!(access.caller(Some(&token), expires_at), Err(Unauthenticated::Expired { id, expires_at }));
    }
}
