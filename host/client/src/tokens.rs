//! What can be asked about tokens and the audit, by whoever may.

use crate::client::{Call, Client};
use crate::error::ClientError;
use crate::retries::Repeat;
use crate::target::Target;
use crate::wire::{AuditPage, RevokeAnswer, TokenCreated, TokenList, TokenRequest};

/// Which entries of the audit; those that fit all that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// `token:ID`, `settings` or `operator`.
    pub actor: Option<String>,
    /// Such as `task-cancelled`.
    pub action: Option<String>,
    /// `task`, `job`, `host`, `token` or `schedule`.
    pub kind: Option<String>,
    /// Its name or id.
    pub object: Option<String>,
    /// At or after, RFC 3339.
    pub from: Option<String>,
    /// Before, RFC 3339.
    pub to: Option<String>,
}

impl Client {
    /// Makes a token. Not asked again if the answer is lost: that would make another one.
    ///
    /// # Errors
    /// `token_invalid`; or why there is no answer.
    pub async fn create_token(&self, request: &TokenRequest) -> Result<TokenCreated, ClientError> {
        let call = Call::post("making a token", Target::new("/v1/tokens"), Repeat::Harmful);
        self.json(call.with(request)).await
    }

    /// All tokens, without their secrets.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn tokens(&self) -> Result<TokenList, ClientError> {
        self.json(Call::get("listing tokens", Target::new("/v1/tokens"))).await
    }

    /// Makes a token worthless.
    ///
    /// # Errors
    /// `unknown_token`; or why there is no answer.
    pub async fn revoke_token(&self, id: &str) -> Result<RevokeAnswer, ClientError> {
        let target = Target::of_token(id, "/revoke")?;
        self.json(Call::post("revoking a token", target, Repeat::Harmless)).await
    }

    /// A page of who wanted what, the newest first.
    ///
    /// # Errors
    /// `bad_filter`, `bad_cursor`; or why there is no answer.
    pub async fn audit(&self, query: &AuditQuery, cursor: Option<&str>) -> Result<AuditPage, ClientError> {
        let target = Target::new("/v1/audit")
            .with("actor", query.actor.as_deref())
            .with("action", query.action.as_deref())
            .with("kind", query.kind.as_deref())
            .with("object", query.object.as_deref())
            .with("from", query.from.as_deref())
            .with("to", query.to.as_deref())
            .with("cursor", cursor);
        self.json(Call::get("reading the audit", target)).await
    }
}
