//! What changes with a job's module alone.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `GET /v1/jobs/{name}/description`: what a task of the job is checked against. It changes with the job's module alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct JobDescription {
    /// The job.
    pub name: String,
    /// Its module, by its digest.
    pub revision: String,
    /// Its manifest, as `job.toml` says it.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub manifest: Value,
    /// JSON Schema of its payload.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub payload_schema: Option<Value>,
    /// JSON Schema of its result.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub result_schema: Option<Value>,
}
