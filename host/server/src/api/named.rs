//! The name of something in a path.

use super::Api;
use super::problem::ApiError;
use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use std::sync::Arc;

/// A name as it stands in a path, whatever it is the name of. One that is no text is the name of nothing.
#[derive(Clone, Debug)]
pub(super) struct Named(pub(super) String);

impl FromRequestParts<Arc<Api>> for Named {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, api).await;
        Ok(Self(path.map(|Path(text)| text).unwrap_or_default()))
    }
}
