//! Tokens and the audit, as they go over the wire.

use serde::{Deserialize, Serialize};

/// `POST /v1/tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TokenRequest {
    /// Whom it stands for.
    pub source: String,
    /// What it may do: some of `enqueue`, `read`, `operate`, `deploy`, `admin`.
    pub roles: Vec<String>,
    /// The only jobs that it is for; all, if it is null or left out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub jobs: Option<Vec<String>>,
    /// From then on it is nobody's; never, if it is null or left out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires_at: Option<String>,
}

/// `201` of `POST /v1/tokens`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenCreated {
    /// Its name.
    pub id: String,
    /// All of it, here and nowhere else.
    pub token: String,
}

/// Shows which token it is and not the token.
impl std::fmt::Debug for TokenCreated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenCreated").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TokenInfo {
    /// Its name.
    pub id: String,
    /// `good`, `expired` or `revoked`.
    pub state: String,
    /// Whom it stands for.
    pub source: Option<String>,
    /// What it may do.
    pub roles: Vec<String>,
    /// The only jobs that it is for; null for all.
    pub jobs: Option<Vec<String>>,
    /// When it was made.
    pub created_at: String,
    /// Who made it.
    pub created_by: String,
    /// From then on it is nobody's.
    pub expires_at: Option<String>,
    /// When it was revoked.
    pub revoked_at: Option<String>,
    /// When it was used last.
    pub last_used_at: Option<String>,
}

/// `GET /v1/tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenList {
    /// In the order in which they were made.
    pub tokens: Vec<TokenInfo>,
}

/// Answer of revoking a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevokeAnswer {
    /// Its name.
    pub id: String,
    /// `revoked` now, or `already`.
    pub revoke: String,
}

/// Who wanted what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditInfo {
    /// When.
    pub at: String,
    /// Who: `token:ID`, `settings` for the token of the settings, `operator` for whoever may open the host's files.
    pub actor: String,
    /// What.
    pub action: String,
    /// To what: `task`, `job`, `host`, `token`, `schedule`.
    pub kind: String,
    /// Its name or id; empty for the host.
    pub object: String,
    /// What else there is to know.
    pub detail: Option<String>,
}

/// `GET /v1/audit`, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditInfo>,
    /// For the next page; null if this is the last.
    pub next_cursor: Option<String>,
}
