//! Why a request did not bring what was asked for.

use crate::wire::Problem;
use mainworker_domain::origin::OriginError;

/// A request that did not work, or that could not be made.
///
/// `doing` is what was being done, such as `reading the stats`. No variant holds the token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// A base that is no URL of a host.
    #[error("the host's URL{} cannot be used: {problem}; expected one such as `http://127.0.0.1:8080`", shown_base(base, *problem))]
    InvalidBase {
        /// As given.
        base: String,
        /// What is wrong with it.
        problem: OriginError,
    },
    /// A token that no HTTP header can carry. It is not shown.
    #[error("the token is empty or has characters other than visible ASCII, expected it as it was issued")]
    InvalidToken,
    /// An id or a name that would change the path it stands in.
    #[error("{what} is `{found}`, expected one as the host gave it")]
    InvalidName {
        /// Such as `the task id` or `the job`.
        what: &'static str,
        /// As given.
        found: String,
    },
    /// The certificate authorities that `https` needs: this system's, or those of a file.
    #[error("reading certificate authorities: {problem}")]
    Authorities {
        /// What the system said.
        problem: String,
    },
    /// No connection, one that broke off before the answer was whole, or a gateway that reaches nobody.
    #[error("{doing} at `{origin}`: {problem}{}", unsure(*may_be_done))]
    Unreachable {
        /// What was being done.
        doing: String,
        /// The host.
        origin: String,
        /// What the network said.
        problem: String,
        /// Whether the host may have done it all the same.
        may_be_done: bool,
    },
    /// No answer within the time for one.
    #[error("{doing} at `{origin}`: found no answer within {waited_ms} ms{}", unsure(*may_be_done))]
    Timeout {
        /// What was being done.
        doing: String,
        /// The host.
        origin: String,
        /// Milliseconds of the last try.
        waited_ms: u64,
        /// Whether the host may have done it all the same.
        may_be_done: bool,
    },
    /// The host does not know the token, or was shown none.
    #[error("{doing} at `{origin}`: {detail}")]
    Unauthenticated {
        /// What was being done.
        doing: String,
        /// The host.
        origin: String,
        /// In the host's words.
        detail: String,
        /// What the host proposes to try.
        hint: Option<String>,
    },
    /// The token is known and may not do this.
    #[error("{doing} at `{origin}`: {detail}")]
    RoleMissing {
        /// What was being done.
        doing: String,
        /// The host.
        origin: String,
        /// In the host's words; names the role.
        detail: String,
        /// What the host proposes to try.
        hint: Option<String>,
    },
    /// The host understood and says why it does not do it.
    #[error("{}: {}", .0.code, .0.detail)]
    Problem(Box<Problem>),
    /// An answer that is not of this API: another service, a proxy, a page for people.
    #[error("{doing} at `{origin}`: found {found}, expected an answer of MainWorker's HTTP API")]
    NotAHost {
        /// What was being done.
        doing: String,
        /// Who answered.
        origin: String,
        /// The answer, in short.
        found: String,
    },
    /// An answer larger than this client reads.
    #[error("{doing} at `{origin}`: the answer has more than {bytes_max} bytes, expected at most that")]
    TooLarge {
        /// What was being done.
        doing: String,
        /// The host.
        origin: String,
        /// The bound.
        bytes_max: usize,
    },
}

impl ClientError {
    /// The problem, if the host stated one that is neither about the token nor about its roles.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }

    /// Whether the host may have done what was asked, though no answer says so.
    pub fn may_be_done(&self) -> bool {
        match self {
            Self::Unreachable { may_be_done, .. } | Self::Timeout { may_be_done, .. } => *may_be_done,
            _ => false,
        }
    }
}

/// The base behind a colon. What has a user name in it may have a password, which is not shown.
fn shown_base(base: &str, problem: OriginError) -> String {
    if problem == OriginError::Userinfo { String::new() } else { format!(" `{base}`") }
}

fn unsure(may_be_done: bool) -> &'static str {
    if may_be_done { "; whether it was done is not known" } else { "" }
}
