//! Making tokens, whether a host runs that is asked for it or the store is opened for it alone.

use crate::access::sha256;
use crate::failure::Failure;
use crate::hints;
use mainworker_domain::access::{
    Role, SourceError, TOKEN_SECRET_CHARS, TokenId, check_source, join_token, token_secret,
};
use mainworker_domain::audit::Actor;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_queue::store::{Store, StoreError};
use mainworker_queue::verbs::tokens::{AddToken, AddTokenError, NewToken, TokenRefusal};
use rand::TryRng;
use rand::rngs::SysRng;
use secrecy::SecretString;

/// A token as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenAsked {
    /// Whom it stands for.
    pub source: String,
    /// The only jobs that it is for; none for all.
    pub jobs: Option<Vec<JobName>>,
    /// What it may do.
    pub roles: Vec<Role>,
    /// From then on it is nobody's; none for never.
    pub expires_at: Option<Timestamp>,
}

/// A token that was made.
#[derive(Debug)]
pub struct TokenMade {
    /// Its name.
    pub id: TokenId,
    /// All of it. Nobody can be shown it again.
    pub token: SecretString,
}

/// Why a token was not made.
#[derive(Debug, thiserror::Error)]
pub enum TokenNotMade {
    /// It would stand for somebody that no token can stand for.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It could do nothing.
    #[error("the token has no role, expected some of `{}`", Role::ALL.map(Role::as_str).join("`, `"))]
    NoRole,
    /// It would never be good.
    #[error("the token would have expired at {expires_at}, expected a time after now, {now}")]
    Expired {
        /// As asked for.
        expires_at: Timestamp,
        /// When.
        now: Timestamp,
    },
    /// It would be for jobs that whoever makes it is not for.
    #[error("the token would be for {}, expected only jobs of whoever makes it, `{}`", jobs_of(jobs.as_ref()), names(allowed))]
    BeyondJobs {
        /// The jobs that it would be for; none for all.
        jobs: Option<Vec<JobName>>,
        /// The jobs of whoever makes it.
        allowed: Vec<JobName>,
    },
    /// There is no room for it.
    #[error(transparent)]
    Refused(TokenRefusal),
    /// The system has no random bytes.
    #[error("drawing random bytes: {problem}")]
    Random {
        /// As it says it.
        problem: String,
    },
    /// The store cannot write it down.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<TokenNotMade> for Failure {
    fn from(error: TokenNotMade) -> Self {
        match &error {
            TokenNotMade::Source(_)
            | TokenNotMade::NoRole
            | TokenNotMade::Expired { .. }
            | TokenNotMade::BeyondJobs { .. } => {
                Self::usage("token_invalid", error, hints::of_token_not_made())
            }
            TokenNotMade::Refused(refusal) => {
                Self::usage("token_invalid", &error, hints::of_token_refusal(refusal))
            }
            TokenNotMade::Random { .. } => Self::host(error),
            TokenNotMade::Store(store) => Self {
                code: "store_unavailable".to_owned(),
                hint: Some(hints::of_store(store)),
                ..Self::host(&error)
            },
        }
    }
}

fn names(jobs: &[JobName]) -> String {
    jobs.iter().map(JobName::as_str).collect::<Vec<_>>().join("`, `")
}

fn jobs_of(jobs: Option<&Vec<JobName>>) -> String {
    jobs.map_or_else(|| "all jobs".to_owned(), |jobs| format!("`{}`", names(jobs)))
}

/// Makes a token and keeps its hash.
///
/// # Errors
/// See [`TokenNotMade`].
pub async fn create(
    store: &impl Store,
    asked: TokenAsked,
    by: Actor,
    now: Timestamp,
) -> Result<TokenMade, TokenNotMade> {
    check_source(&asked.source)?;
    if asked.roles.is_empty() {
        return Err(TokenNotMade::NoRole);
    }
    if let Some(expires_at) = asked.expires_at
        && expires_at <= now
    {
        return Err(TokenNotMade::Expired { expires_at, now });
    }
    let (id, secret) = draw()?;
    let token = NewToken {
        id: id.clone(),
        source: Some(asked.source),
        jobs: asked.jobs,
        roles: asked.roles,
        secret_sha256: sha256(&secret),
        expires_at: asked.expires_at,
    };
    match store.add_token(AddToken { token, now, by }).await {
        Ok(()) => Ok(TokenMade { token: SecretString::from(join_token(&id, &secret)), id }),
        Err(AddTokenError::Refused(refusal)) => Err(TokenNotMade::Refused(refusal)),
        Err(AddTokenError::Store(error)) => Err(TokenNotMade::Store(error)),
    }
}

fn draw() -> Result<(TokenId, String), TokenNotMade> {
    let (mut id, mut secret) = ([0; 8], [0; TOKEN_SECRET_CHARS]);
    SysRng
        .try_fill_bytes(&mut id)
        .and_then(|()| SysRng.try_fill_bytes(&mut secret))
        .map_err(|error| TokenNotMade::Random { problem: error.to_string() })?;
    Ok((TokenId::from_random(u64::from_le_bytes(id)), token_secret(&secret)))
}
