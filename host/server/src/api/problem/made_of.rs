//! Problems as other rooms know them.

use super::ApiError;
use crate::deployments::DeploymentRefused;
use crate::schedules::ScheduleRefused;
use crate::tokens::TokenNotMade;
use mainworker_domain::rejection::Rejection;
use std::sync::Arc;

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        Self::NotTaken(Box::new(rejection.into()))
    }
}

impl From<TokenNotMade> for ApiError {
    fn from(error: TokenNotMade) -> Self {
        let pointer = match &error {
            TokenNotMade::Source(_) => "/source",
            TokenNotMade::NoRole => "/roles",
            TokenNotMade::Expired { .. } => "/expiresAt",
            TokenNotMade::BeyondJobs { .. } => "/jobs",
            TokenNotMade::Refused(_) => "",
            TokenNotMade::Random { problem } => {
                tracing::error!(problem, "drawing random bytes failed");
                return Self::Host("drawing random bytes failed");
            }
            TokenNotMade::Store(error) => return Self::Store(error.clone()),
        };
        Self::TokenInvalid { pointer, problem: error.to_string(), nearest: None }
    }
}

impl From<ScheduleRefused> for ApiError {
    fn from(refused: ScheduleRefused) -> Self {
        let pointer = refused.pointer().map(|(_, pointer)| pointer);
        Self::Schedule { refused: Box::new(refused), pointer }
    }
}

impl From<DeploymentRefused> for ApiError {
    fn from(refused: DeploymentRefused) -> Self {
        Self::Deployment(Arc::new(refused))
    }
}
