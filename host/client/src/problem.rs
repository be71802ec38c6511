//! A rejection as it goes over the wire, in both directions.

use crate::wire::Problem;
use http::StatusCode;
use mainworker_domain::rejection::{Rejected, RejectionCode};

impl From<&Rejected> for Problem {
    fn from(rejected: &Rejected) -> Self {
        let status = StatusCode::from_u16(rejected.code.http_status()).unwrap_or_default();
        Self {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            code: rejected.code.as_str().to_owned(),
            detail: rejected.detail.clone(),
            pointer: rejected.pointer.clone(),
            hint: rejected.hint.clone(),
            index: rejected.index,
        }
    }
}

/// A problem that is no rejection: the host's own trouble, or a code of a newer host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the problem is none of an envelope")]
pub struct NoRejection;

impl TryFrom<&Problem> for Rejected {
    type Error = NoRejection;

    fn try_from(problem: &Problem) -> Result<Self, NoRejection> {
        Ok(Self {
            code: RejectionCode::parse(&problem.code).ok_or(NoRejection)?,
            pointer: problem.pointer.clone(),
            detail: problem.detail.clone(),
            hint: problem.hint.clone(),
            index: problem.index,
        })
    }
}
