//! Tokens: who may ask the host for something. Of a secret only a hash is here.
//!
//! A token that was revoked or has expired stays, so that the audit can say whose it was.

use crate::store::StoreError;
use mainworker_domain::access::{Role, TokenId};
use mainworker_domain::audit::Actor;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// Drawn by whoever makes it.
    pub id: TokenId,
    /// Whom it stands for; none if it cannot ask for tasks.
    pub source: Option<String>,
    /// The jobs that it is for; none for all.
    pub jobs: Option<Vec<JobName>>,
    /// What it may do.
    pub roles: Vec<Role>,
    /// SHA-256 of its secret.
    pub secret_sha256: [u8; 32],
    /// From then on it is nobody's; none for never.
    pub expires_at: Option<Timestamp>,
}

impl NewToken {
    /// What the audit says of it: all but its hash.
    pub(crate) fn detail(&self) -> String {
        let mut detail = Vec::new();
        if let Some(source) = &self.source {
            detail.push(format!("source {source}"));
        }
        let roles: Vec<_> = self.roles.iter().map(|role| role.as_str()).collect();
        detail.push(format!("roles {}", roles.join(" ")));
        if let Some(jobs) = &self.jobs {
            let jobs: Vec<_> = jobs.iter().map(JobName::as_str).collect();
            detail.push(format!("jobs {}", jobs.join(" ")));
        }
        detail.join(", ")
    }
}

/// Makes a token.
#[derive(Clone, Debug)]
pub struct AddToken {
    /// The token.
    pub token: NewToken,
    /// When.
    pub now: Timestamp,
    /// Who wants it.
    pub by: Actor,
}

/// Why a token was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddTokenError {
    /// It is refused.
    #[error(transparent)]
    Refused(#[from] TokenRefusal),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// There is one with this id, in use or not.
    #[error("there is a token with this id already, expected a new one")]
    IdTaken,
    /// There are as many as there may be.
    #[error("{found} tokens are in use, at most {allowed} may be")]
    TooMany {
        /// Neither revoked nor expired.
        found: usize,
        /// See [`TOKENS_MAX`](mainworker_domain::limits::TOKENS_MAX).
        allowed: usize,
    },
}

/// Makes a token worthless.
#[derive(Clone, Debug)]
pub struct RevokeToken {
    /// Which.
    pub id: TokenId,
    /// When.
    pub now: Timestamp,
    /// Who wants it.
    pub by: Actor,
}

/// What a revocation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// The token is nobody's from now on.
    Now,
    /// It was revoked before.
    Already,
    /// There is no such token.
    Unknown,
}

/// Keeps when tokens were used last. What is earlier than what is kept, and what is no token, changes nothing.
#[derive(Clone, Debug, Default)]
pub struct TouchTokens {
    /// Which, and when.
    pub used: Vec<(TokenId, Timestamp)>,
}

/// A token as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// The token.
    pub token: NewToken,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: Actor,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was used last, as far as that was kept.
    pub last_used_at: Option<Timestamp>,
}

impl TokenRow {
    /// Whether it is neither revoked nor expired.
    pub fn is_in_use(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.token.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}
