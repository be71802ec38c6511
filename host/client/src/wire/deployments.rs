//! Deployments and revisions, as they go over the wire.

use super::ErrorInfo;
use serde::{Deserialize, Serialize};

/// `POST /v1/deployments`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct DeploymentRequest {
    /// The job.
    pub job: String,
    /// Which version; the highest that is there, if neither it nor `digest` is given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<String>,
    /// Which OCI manifest, `sha256:` and 64 digits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub digest: Option<String>,
    /// From where: `oci://HOST/REPO`, or a folder of the host's machine; one that the host's settings name.
    pub from: String,
    /// What it may do that the current revision may not, by the names of the difference.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub allow_widening: Vec<String>,
}

/// `202` of `POST /v1/deployments`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct DeploymentAccepted {
    /// What to ask for how far it is.
    pub deployment_id: String,
}

/// Something in which a revision differs from the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct DifferenceInfo {
    /// Its name, such as `http:POST:https://api.example.com/v1`.
    pub name: String,
    /// In words.
    pub about: String,
    /// Who has seen it: `statement` for whoever published it, `request` for whoever deployed it; null for nobody, and for what
    /// nobody need see.
    pub seen_by: Option<String>,
}

/// `GET /v1/deployments/{id}`: how far a deployment is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct DeploymentInfo {
    /// Which.
    pub deployment_id: String,
    /// The job.
    pub job: String,
    /// `waiting`, `pulling`, `verifying`, `compiling`, and at the end `deployed`, `already`, `restored` or `refused`.
    pub state: String,
    /// Bytes that have come.
    pub bytes: u64,
    /// Bytes that are to come in all; 0 as long as that is not known.
    pub bytes_total: u64,
    /// The version, once it is known.
    pub version: Option<String>,
    /// The revision, once it is known.
    pub revision: Option<String>,
    /// The revision that was current before.
    pub previous: Option<String>,
    /// What it may do that the current one may not; all that it may do, if there is none.
    pub widenings: Vec<DifferenceInfo>,
    /// What it may not do any more.
    pub narrowings: Vec<DifferenceInfo>,
    /// What else is different.
    pub notes: Vec<DifferenceInfo>,
    /// Why it was refused.
    pub error: Option<ErrorInfo>,
}

/// A revision that was deployed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RevisionInfo {
    /// The SHA-256 of the module.
    pub revision: String,
    /// The SHA-256 of its OCI manifest.
    pub manifest: String,
    /// Its version.
    pub version: String,
    /// Whether it runs for tasks that are accepted now.
    pub current: bool,
    /// Tasks that are queued or running and were accepted with it.
    pub open_tasks: u64,
    /// The commit that it was built from.
    pub commit: String,
    /// Who built it.
    pub builder: String,
    /// The name of the key in the settings of then.
    pub key: String,
    /// The SHA-256 of that key.
    pub key_fingerprint: String,
    /// From where it was taken.
    pub from: String,
    /// When it was deployed first.
    pub first_deployed_at: String,
    /// When it became current last.
    pub last_deployed_at: String,
    /// Who wanted that.
    pub deployed_by: String,
}

/// Something that changed which revision is current.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct DeploymentEntry {
    /// When.
    pub at: String,
    /// Who.
    pub by: String,
    /// `deployed`, `rolled-back` or `undeployed`.
    pub change: String,
    /// The revision that it was about.
    pub revision: String,
    /// What whoever deployed it had seen.
    pub allowed_widenings: Vec<String>,
}

/// `GET /v1/jobs/{name}/revisions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevisionList {
    /// The job.
    pub job: String,
    /// Those that are kept, the one that became current last first.
    pub revisions: Vec<RevisionInfo>,
    /// The newest first.
    pub history: Vec<DeploymentEntry>,
}

/// `POST /v1/jobs/{name}/rollback`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RollbackRequest {
    /// To which revision: its version, or the digest of its module, of which twelve digits are enough; the one before the current,
    /// if it is null or left out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revision: Option<String>,
}

/// Answer of a rollback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RollbackAnswer {
    /// The job.
    pub job: String,
    /// The revision that was current; none, if the job was not deployed.
    pub from: Option<String>,
    /// The one that is now.
    pub to: String,
    /// `rolled-back` now, or `already`.
    pub rollback: String,
}

/// Answer of undeploying a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UndeployAnswer {
    /// The job.
    pub job: String,
    /// The revision that was current.
    pub was: String,
}
